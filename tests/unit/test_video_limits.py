import av
import numpy as np
import pytest

from degcraft import decoding, video
from degcraft.errors import DegcraftError
from tests.fuzz.films import FRAMES, HEIGHT, WIDTH, claims, films, lists


def doubled(frame):
    return frame.repeat(2, 0).repeat(2, 1)


def test_an_avi_whose_header_counts_a_repeated_frame_is_whole(tmp_path):
    (tmp_path / "a.avi").write_bytes(films()[9])
    with av.open(str(tmp_path / "a.avi")) as container:
        assert container.streams.video[0].frames == FRAMES + 1
    film = video.probe(tmp_path / "a.avi")
    assert (film.frames, film.seconds) == (FRAMES, pytest.approx((FRAMES + 1) / 25))
    video.rewritten(tmp_path / "a.avi", tmp_path / "b.mkv", doubled, 2, tmp_path / "work", lambda done, total: None)
    assert video.probe(tmp_path / "b.mkv").frames == FRAMES


def test_an_avi_that_claims_more_frames_is_cut_short(tmp_path):
    (tmp_path / "a.avi").write_bytes(films()[9].replace(b"\x07\0\0\0", b"\x09\0\0\0"))
    with pytest.raises(DegcraftError, match="cut short, 7 of 9 frames"):
        video.probe(tmp_path / "a.avi")


def test_frames_beyond_the_limit_are_refused(tmp_path, monkeypatch):
    (tmp_path / "a.mp4").write_bytes(films()[0])
    assert video.probe(tmp_path / "a.mp4").frames == FRAMES
    monkeypatch.setattr(decoding, "_MOST_PIXELS", WIDTH * HEIGHT - 1)
    with pytest.raises(DegcraftError, match=f"frames of {WIDTH} x {HEIGHT}; at most"):
        video.probe(tmp_path / "a.mp4")


def test_sides_that_the_encoder_does_not_take_are_refused_before_work(tmp_path):
    (tmp_path / "a.mp4").write_bytes(films()[0])
    frames = []
    with pytest.raises(DegcraftError, match=rf"{WIDTH} x {HEIGHT}, 600 times as large; H\.264 holds sides of at most"):
        video.rewritten(tmp_path / "a.mp4", tmp_path / "b.mkv", frames.append, 600, tmp_path / "work", print)
    assert frames == []


def test_rates_that_cannot_be_are_not_believed(tmp_path):
    whole = films()[9]
    found = []
    for content in (whole, *claims()):
        (tmp_path / "a.avi").write_bytes(content)
        try:
            found.append(float(video.probe(tmp_path / "a.avi").rate))
        except DegcraftError:
            continue
    assert len(found) > 5
    assert 0.001 <= min(found) <= max(found) <= 1000


def test_lists_of_other_files_are_no_videos(tmp_path):
    (tmp_path / "canary.mp4").write_bytes(films()[0])
    for name, content in lists(tmp_path / "canary.mp4", 9).items():
        (tmp_path / "list.mp4").write_bytes(content)
        if "dref" in name:  # its own pictures are read, as if the reference were not there
            own = films()[3]
            (tmp_path / "own.mov").write_bytes(own)
            assert np.array_equal(next(video.frames(tmp_path / "list.mp4")), next(video.frames(tmp_path / "own.mov")))
            continue
        with pytest.raises(DegcraftError, match="not a video that can be read"):
            video.probe(tmp_path / "list.mp4")
