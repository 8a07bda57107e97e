import json
import shutil
import struct
import subprocess
from fractions import Fraction

import av
import numpy as np
import pytest

from degcraft import records, video
from degcraft.errors import DegcraftError
from tests.conftest import photo_like

PATCHES = [(255, 0, 0), (0, 255, 0), (0, 0, 255), (200, 120, 40), (20, 60, 160), (128, 128, 128), (255, 255, 255), (0, 0, 0)]  # fmt: skip
MATRICES = {601: (6, 0.299, 0.114), 709: (1, 0.2126, 0.0722)}  # code in the file, weights of red and blue


def moving(count, height, width, seed=0):
    """A scene that moves by 3 pixels from frame to frame."""
    scene = photo_like(seed, height, width + 3 * count)
    return [scene[:, 3 * number : 3 * number + width] for number in range(count)]


def samples(image, layout, matrix, full):
    """A frame by the formulas of BT.601 and BT.709; halved chroma is the mean of its pixels."""
    _, red, blue = MATRICES[matrix]
    values = image / 255
    luma = values @ [red, 1 - red - blue, blue]
    chroma = [(values[..., 2] - luma) / (2 - 2 * blue), (values[..., 0] - luma) / (2 - 2 * red)]
    across, down = {"yuv420p": (2, 2), "yuv422p": (2, 1), "yuv444p": (1, 1)}[layout]
    height, width = luma.shape
    shape = height // down, down, width // across, across
    planes = [255 * luma if full else 16 + 219 * luma]
    planes += [128 + (255 if full else 224) * plane.reshape(shape).mean(axis=(1, 3)) for plane in chroma]
    frame = av.VideoFrame(width, height, layout)
    for plane, content in zip(frame.planes, planes, strict=True):
        padded = np.zeros((plane.height, plane.line_size), np.uint8)
        padded[:, : plane.width] = np.clip(np.rint(content), 0, 255)
        plane.update(padded)
    return frame


def film(path, images, *, codec="libx264", layout="yuv420p", matrix=601, full=False, tone=False, times=None, rate=25):
    """A video by code of this test alone, with a tone beside it where asked for."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate, options={"crf": "4"} if codec == "libx264" else {"q": "1"})
        stream.height, stream.width, stream.pix_fmt = *images[0].shape[:2], layout
        context = stream.codec_context
        context.colorspace, context.color_range = MATRICES[matrix][0], 2 if full else 1
        context.time_base = Fraction(1, 1000) if times else Fraction(1, rate)
        sound = container.add_stream("aac", rate=44100) if tone else None
        for number, image in enumerate(images):
            frame = samples(image, layout, matrix, full)
            frame.pts, frame.time_base = times[number] if times else number, context.time_base
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
        if sound:
            seconds = len(images) / rate
            wave = np.sin(2 * np.pi * 440 * np.arange(int(44100 * seconds)) / 44100).astype(np.float32) / 4
            frame = av.AudioFrame.from_ndarray(wave[None], format="fltp", layout="mono")
            frame.sample_rate, frame.pts, frame.time_base = 44100, 0, Fraction(1, 44100)
            container.mux(sound.encode(frame))
            container.mux(sound.encode(None))
    return path


def patches():
    return np.concatenate([np.tile(np.uint8(colour), (64, 32, 1)) for colour in PATCHES], axis=1)


def centres(image, scale=1):
    return np.array([image[32 * scale, (32 * number + 16) * scale] for number in range(len(PATCHES))], int)


def enlarged(image):
    return image.repeat(4, 0).repeat(4, 1)


def rewrite(path, output, change=enlarged, scale=4, told=lambda done, total: None):
    video.rewritten(path, output, change, scale, output.parent / "work", told)
    return output


def tracks(path):
    """What a file holds, read by this test: times of the frames in seconds, and bytes of the sound."""
    with av.open(str(path)) as container:
        packets = [packet for packet in container.demux() if packet.size]
        times = [packet.pts * packet.time_base for packet in packets if packet.stream.type == "video"]
        sound = [(packet.pts * packet.time_base, bytes(packet)) for packet in packets if packet.stream.type == "audio"]
        context = container.streams.video[0].codec_context
        tags = context.colorspace, context.color_range, context.pix_fmt
    return sorted(times), sound, tags


@pytest.mark.parametrize("matrix", [601, 709])
@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("name", ["a.mp4", "a.mkv"])
def test_colours_come_back(tmp_path, matrix, full, name):
    path = film(tmp_path / name, [patches()] * 2, matrix=matrix, full=full)
    read = next(video.frames(path))
    assert np.abs(centres(read) - PATCHES).max() <= 2
    back = list(video.frames(rewrite(path, tmp_path / f"out-{name}")))
    assert len(back) == 2
    assert back[0].shape == (256, 1024, 3)
    assert np.abs(centres(back[1], 4) - PATCHES).max() <= 3


def test_a_wrong_matrix_would_be_seen(tmp_path):
    """The patches tell matrices and ranges apart, or the test above could not fail."""
    path = film(tmp_path / "a.mp4", [patches()], matrix=709)
    with av.open(str(path)) as container:
        frame = next(container.decode(video=0))
        wrong = frame.reformat(format="rgb24", src_colorspace=5, src_color_range=1, dst_color_range=2).to_ndarray()
    assert np.abs(centres(wrong) - PATCHES).max() > 10


@pytest.mark.parametrize(("name", "layout"), [("a.mp4", "yuv420p"), ("a.mov", "yuv422p"), ("a.mkv", "yuv444p")])
def test_times_sound_and_tags_are_those_of_the_source(tmp_path, name, layout):
    path = film(tmp_path / name, moving(40, 64, 96), layout=layout, matrix=709, tone=True)
    output = rewrite(path, tmp_path / f"out-{name}")
    before, after = tracks(path), tracks(output)
    assert len(after[0]) == 40
    assert after == before
    first, second = video.probe(path), video.probe(output)
    assert (second.frames, second.seconds, second.rate, second.sound) == (40, first.seconds, 25, True)
    assert (second.width, second.height) == (384, 256)
    assert not (tmp_path / "work").exists()


def test_a_variable_rate_stays(tmp_path):
    times = [0, 40, 80, 200, 210, 700, 1400, *range(1500, 2500, 50)]
    path = film(tmp_path / "a.mp4", moving(len(times), 64, 96), times=times)
    assert tracks(rewrite(path, tmp_path / "out.mp4"))[0] == tracks(path)[0] == [Fraction(t, 1000) for t in times]


@pytest.mark.skipif(not shutil.which("ffprobe"), reason="ffprobe is not installed")
def test_another_program_finds_the_same(tmp_path):
    path = film(tmp_path / "a.mp4", moving(40, 64, 96), matrix=709, tone=True)
    output = rewrite(path, tmp_path / "out.mp4")
    entries = "stream=codec_type,nb_read_frames,r_frame_rate,duration,color_space,color_range:format=duration"
    command = ["ffprobe", "-v", "error", "-count_frames", "-show_entries", entries, "-of", "json"]
    found = [json.loads(subprocess.run([*command, str(file)], capture_output=True, check=True).stdout) for file in (path, output)]  # fmt: skip
    assert found[0]["streams"] == found[1]["streams"]
    assert found[0]["streams"][0]["nb_read_frames"] == "40"
    assert found[0]["format"]["duration"] == found[1]["format"]["duration"]


def test_a_killed_run_continues_and_repeats_nothing(tmp_path):
    path = film(tmp_path / "a.mp4", moving(50, 64, 96), tone=True)
    whole = rewrite(path, tmp_path / "whole.mp4")
    seen, told = [], []

    def interrupted(image):
        if len(seen) == 37:
            seen.append(None)
            raise KeyboardInterrupt
        seen.append(image)
        return enlarged(image)

    with pytest.raises(KeyboardInterrupt):
        rewrite(path, tmp_path / "out.mp4", interrupted)
    assert not (tmp_path / "out.mp4").exists()
    next((tmp_path / "work").iterdir()).joinpath(".000002-left.mkv").write_bytes(b"half")  # as SIGKILL leaves it
    rewrite(path, tmp_path / "out.mp4", interrupted, told=lambda *progress: told.append(progress))
    assert len(seen) == 37 + 1 + 50 - 32  # two segments of 16 were whole
    assert told[0] == (32, 50)
    assert told[-1] == (50, 50)
    assert (tmp_path / "out.mp4").read_bytes() == whole.read_bytes()
    assert not (tmp_path / "work").exists()


def test_a_damaged_segment_of_a_killed_job_is_made_again(tmp_path):
    path = film(tmp_path / "a.mp4", moving(40, 64, 96))
    whole, seen = rewrite(path, tmp_path / "whole.mp4"), []

    def interrupted(image):
        if len(seen) == 37:
            raise KeyboardInterrupt
        seen.append(image)
        return enlarged(image)

    with records.job("restore", {}, "0" * 16), pytest.raises(KeyboardInterrupt):
        rewrite(path, tmp_path / "out.mp4", interrupted)
    segment = next((tmp_path / "work").iterdir()) / "000000.mkv"
    segment.write_bytes(segment.read_bytes()[:-9] + b"\0" + segment.read_bytes()[-8:])
    assert rewrite(path, tmp_path / "out.mp4").read_bytes() == whole.read_bytes()


def test_segments_of_another_video_are_not_used(tmp_path):
    one, other = (film(tmp_path / f"{seed}.mp4", moving(20, 64, 96, seed)) for seed in (1, 2))

    def stopped(image):
        raise KeyboardInterrupt

    count = iter(range(18))
    with pytest.raises(KeyboardInterrupt):
        rewrite(one, tmp_path / "out.mp4", lambda image: enlarged(image) if next(count, 17) < 17 else stopped(image))
    rewrite(other, tmp_path / "out.mp4")
    expected, found = next(video.frames(other)), next(video.frames(tmp_path / "out.mp4"))
    assert np.abs(found[::4, ::4].astype(int) - expected).mean() < 4


@pytest.mark.parametrize(("name", "codec"), [("a.avi", "mpeg4"), ("a.webm", "libvpx"), ("a.mpg", "mpeg2video")])
def test_other_containers_become_mkv(tmp_path, name, codec):
    path = film(tmp_path / name, moving(10, 64, 96), codec=codec)
    output = rewrite(path, tmp_path / f"out{video.output_suffix(path)}")
    assert output.suffix == ".mkv"
    assert video.probe(output).frames == video.probe(path).frames == 10
    with pytest.raises(DegcraftError, match=r"videos are written as .mp4, .m4v, .mov, .mkv"):
        rewrite(path, tmp_path / f"out{path.suffix}")


def test_odd_sizes_stay(tmp_path):
    path = film(tmp_path / "a.mkv", moving(3, 63, 95), layout="yuv444p")
    assert next(video.frames(path)).shape == (63, 95, 3)
    output = rewrite(path, tmp_path / "out.mkv", lambda image: image, 1)
    assert [frame.shape for frame in video.frames(output)] == [(63, 95, 3)] * 3


@pytest.mark.parametrize("quarters", [1, 2, 3])
def test_frames_are_upright(tmp_path, quarters):
    path = film(tmp_path / "a.mp4", moving(3, 64, 96))
    expected = np.stack([np.rot90(frame, -quarters) for frame in video.frames(path)])
    # The matrix of a track header, which takes (x, y) to (a x + c y, b x + d y), y downwards (ISO/IEC 14496-12).
    a, b, c, d = {1: (0, 1, -1, 0), 2: (-1, 0, 0, -1), 3: (0, -1, 1, 0)}[quarters]
    plain, turned = (
        struct.pack(">9i", *np.array(m) << 16)
        for m in ([1, 0, 0, 0, 1, 0, 0, 0, 1 << 14], [a, b, 0, c, d, 0, 0, 0, 1 << 14])
    )
    content = path.read_bytes()
    at = content.index(plain, content.index(b"tkhd"))
    path.write_bytes(content[:at] + turned + content[at + len(plain) :])
    found = np.stack(list(video.frames(path)))
    assert np.array_equal(found, expected)
    assert (video.probe(path).height, video.probe(path).width) == found.shape[1:3]
    output = rewrite(path, tmp_path / "out.mp4")
    assert np.abs(next(video.frames(output))[::4, ::4].astype(int) - found[0]).mean() < 3


def test_frames_start_where_asked(tmp_path):
    path = film(tmp_path / "a.mp4", moving(10, 64, 96))
    everything = list(video.frames(path))
    assert np.array_equal(np.stack(everything[7:]), np.stack(list(video.frames(path, 7))))


def test_bad_files_get_plain_messages(tmp_path):
    whole = film(tmp_path / "a.mp4", moving(40, 64, 96)).read_bytes()
    (tmp_path / "text.mp4").write_text("#EXTM3U\nhttp://example.org/a.ts\n")
    (tmp_path / "empty.mkv").touch()
    (tmp_path / "cut.mp4").write_bytes(whole[: len(whole) // 2])
    for name in ("text.mp4", "empty.mkv", "cut.mp4", "gone.mp4"):
        with pytest.raises(DegcraftError, match=rf"{name}: not a video that can be read, or a damaged one .*; check"):
            video.probe(tmp_path / name)
    with av.open(str(tmp_path / "sound.mp4"), "w") as container:
        stream = container.add_stream("aac", rate=44100)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 4096), np.float32), format="fltp", layout="mono")
        frame.sample_rate = 44100
        container.mux([*stream.encode(frame), *stream.encode(None)])
    with pytest.raises(DegcraftError, match=r"sound.mp4: no video track"):
        video.probe(tmp_path / "sound.mp4")


def test_a_cut_file_whose_header_is_whole_is_refused(tmp_path):
    path = film(tmp_path / "a.mp4", [photo_like(seed, 64, 96) for seed in range(40)])
    first = rewrite(path, tmp_path / "b.mp4").read_bytes()  # its index is at the start
    (tmp_path / "cut.mp4").write_bytes(first[: len(first) * 2 // 3])
    with pytest.raises(DegcraftError, match=r"cut.mp4: (cut short, \d+ of 40 frames|.*damaged)"):
        rewrite(tmp_path / "cut.mp4", tmp_path / "out.mp4")
    assert not (tmp_path / "out.mp4").exists()


def test_a_size_that_changes_is_refused(tmp_path):
    parts = [film(tmp_path / f"{height}.ts", moving(5, height, 96)) for height in (64, 80)]
    (tmp_path / "both.ts").write_bytes(b"".join(part.read_bytes() for part in parts))
    with pytest.raises(
        DegcraftError, match=r"both.ts: frame [45] has 96 x 80 pixels, those before 96 x 64; one size is"
    ):
        list(video.frames(tmp_path / "both.ts"))


def test_samples_are_spread_over_shots_without_repeats(tmp_path):
    shots = [moving(40, 64, 96, 1), moving(8, 64, 96, 2), [moving(1, 64, 96, 3)[0]] * 30]
    path = film(tmp_path / "a.mp4", [image for shot in shots for image in shot])
    found = video.sampled(path, 8)
    numbers = [number for number, _ in found]
    assert numbers == sorted(set(numbers))
    assert len(numbers) <= 8
    per_shot = [sum(first <= number < last for number in numbers) for first, last in ((0, 40), (40, 48), (48, 78))]
    assert per_shot[0] >= 3
    assert per_shot[1:] == [1, 1]  # short; and all alike
    every = list(video.frames(path))
    assert all(np.array_equal(every[number], pixels) for number, pixels in found)
    again = video.sampled(path, 8)
    assert [number for number, _ in again] == numbers
