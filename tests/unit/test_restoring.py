import argparse
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import av
import numpy as np
import pytest
import torch
from PIL import Image

from degcraft import records
from degcraft.backbones import build
from degcraft.commands import restore as command
from degcraft.errors import DegcraftError
from degcraft.interpolation import reduced
from degcraft.models import write_model
from degcraft.pictures import Picture, read_pages, read_picture, write_pages
from degcraft.restore import Restorer
from degcraft.restoring import RECORDS, restore_all
from degcraft.stages import restore as stage
from degcraft.video import frames, probe
from tests.conftest import photo_like

BACKBONE = {"kind": "srresnet", "width": 16, "blocks": 4}
COMPUTE = {"device": "cpu", "precision": "fp32", "threads": 1}
ROOT = Path(__file__).parents[2]


def model(path, seed=0):
    torch.manual_seed(seed)
    write_model(path, build(BACKBONE), {"backbone": BACKBONE})
    return path


@pytest.fixture
def restorer(tmp_path):
    return Restorer.read(model(tmp_path / "model.safetensors"), "cpu")


def save(path, seed=0, height=20, width=30):
    path.parent.mkdir(exist_ok=True)
    Image.fromarray(photo_like(seed, height, width)).save(path)
    return path


def names(folder):
    return sorted(path.name for path in folder.iterdir() if path.name != RECORDS)


def stamps(folder):
    return {name: (folder / name).stat().st_mtime_ns for name in names(folder)}


def test_every_file_is_restored_as_it_is(restorer, tmp_path):
    files = [save(tmp_path / "in" / name, seed) for seed, name in enumerate(["a.png", "b c ü.jpg", "d.webp"])]
    pages = [
        Picture(photo_like(seed, 9, 12).astype(np.uint16) * 200, alpha=np.full((9, 12), 777, np.uint16))
        for seed in (3, 4)
    ]
    write_pages(tmp_path / "in" / "pages.tif", pages)
    done = restore_all(restorer, [*files, tmp_path / "in" / "pages.tif"], tmp_path / "deep" / "out")
    assert done.restored == names(tmp_path / "deep" / "out") == ["a.png", "b c ü.jpg", "d.webp", "pages.tif"]
    assert done.kept == []
    expected = restorer.pixels(np.array(Image.open(files[0])))
    assert np.array_equal(np.array(Image.open(tmp_path / "deep" / "out" / "a.png")), expected)
    for found, page in zip(read_pages(tmp_path / "deep" / "out" / "pages.tif"), pages, strict=True):
        assert np.array_equal(found.colours, restorer.pixels(page.colours))
        assert (found.alpha == 777).all()


def test_what_is_done_is_skipped_and_what_changed_is_not(restorer, tmp_path):
    files, out = [save(tmp_path / "in" / f"{name}.png", 1) for name in "abc"], tmp_path / "out"
    restore_all(restorer, files, out)
    before = stamps(out)
    os.utime(files[0])  # a new date alone changes nothing
    save(files[1], seed=2)
    (out / "c.png").unlink()
    done = restore_all(restorer, files, out)
    assert (done.restored, done.kept) == (["b.png", "c.png"], ["a.png"])
    assert stamps(out)["a.png"] == before["a.png"]
    other = Restorer.read(model(tmp_path / "other.safetensors", seed=1), "cpu")
    assert restore_all(other, files, out).restored == ["a.png", "b.png", "c.png"]
    assert restore_all(other, files, out).restored == []
    assert restore_all(other, files, out, again=True).restored == ["a.png", "b.png", "c.png"]
    assert restore_all(other, files, out, reduce=2).restored == ["a.png", "b.png", "c.png"]


def test_images_are_reduced_first(restorer, tmp_path):
    pictures = photo_like(0, 21, 30).astype(np.uint16) * 257
    write_pages(tmp_path / "a.png", [Picture(pictures, alpha=pictures[..., 0].copy())])
    restore_all(restorer, [tmp_path / "a.png"], tmp_path / "out", reduce=2)
    found = read_picture(tmp_path / "out" / "a.png")
    assert np.array_equal(found.colours, restorer.pixels(reduced(pictures, 2)))
    assert found.alpha.shape == (40, 60)


def test_one_bad_file_does_not_stop_the_rest(restorer, tmp_path):
    files = [save(tmp_path / "in" / f"{name}.png", 1) for name in "abcd"]
    files[1].write_bytes(files[1].read_bytes()[:300])
    Image.new("CMYK", (30, 20)).save(tmp_path / "in" / "c.jpg")
    files[2] = tmp_path / "in" / "c.jpg"
    files[3].unlink()
    with pytest.raises(DegcraftError) as caught:
        restore_all(restorer, [*files, save(tmp_path / "in" / "e.png")], tmp_path / "out")
    lines = str(caught.value).splitlines()
    assert lines[0] == f"3 of 5 files were not restored; the others lie in {tmp_path / 'out'}"
    assert lines[1].startswith(f"{files[1]}: damaged or cut short (")
    assert lines[2].startswith(f"{files[2]}: CMYK inks")
    assert lines[3] == f"{files[3]}: cannot be read (No such file or directory); check the path"
    assert names(tmp_path / "out") == ["a.png", "e.png"]


def test_files_of_others_are_never_overwritten(restorer, tmp_path):
    file, out = save(tmp_path / "in" / "a.png"), tmp_path / "out"
    save(out / "a.png", seed=5)
    foreign = (out / "a.png").read_bytes()
    with pytest.raises(DegcraftError, match=r"a.png is there and was not restored by this command; move it away, "):
        restore_all(restorer, [file], out)
    assert (out / "a.png").read_bytes() == foreign
    assert restore_all(restorer, [file], out, again=True).restored == ["a.png"]
    assert read_picture(out / "a.png").colours.shape == (80, 120, 3)


def test_output_folders_that_cannot_be_are_refused_before_the_work(restorer, tmp_path):
    file = save(tmp_path / "in" / "a.png")
    with pytest.raises(DegcraftError, match=r"in: a.png lies in this folder; the output needs another; type -o FOLDER"):
        restore_all(restorer, [file], tmp_path / "x" / ".." / "in")
    (tmp_path / "taken").touch()
    with pytest.raises(DegcraftError, match=r"taken: could not be written \((File exists|Not a directory)\)"):
        restore_all(restorer, [file], tmp_path / "taken")
    with pytest.raises(DegcraftError, match=r"could not be written"):
        restore_all(restorer, [file], Path("/proc/out"))


def test_records_cut_within_a_line_cost_one_file(restorer, tmp_path):
    files, out = [save(tmp_path / "in" / f"{name}.png", 1) for name in "abc"], tmp_path / "out"
    restore_all(restorer, files, out)
    index = out / RECORDS / "done.jsonl"
    index.write_bytes(index.read_bytes()[:-20])
    (out / RECORDS / "half.png").touch()
    with pytest.raises(DegcraftError, match=r"1 of 3 files.*\n.*c.png is there and was not restored"):
        restore_all(restorer, files, out)
    (out / "c.png").unlink()
    assert restore_all(restorer, files, out).restored == ["c.png"]
    assert names(out / RECORDS) == ["done.jsonl"]


def test_every_file_is_told(restorer, tmp_path, capsys):
    files = [save(tmp_path / "in" / f"{name}.png") for name in "ab"]
    restore_all(restorer, files, tmp_path / "out")
    restore_all(restorer, files[:1], tmp_path / "out")
    assert capsys.readouterr().err == "1/2 a.png: restored\n2/2 b.png: restored\n1/1 a.png: done already\n"


def test_a_terminal_shows_a_bar(restorer, tmp_path, monkeypatch):
    ours, theirs = os.openpty()
    with open(theirs, "w") as terminal:  # noqa: PTH123
        monkeypatch.setattr(sys, "stderr", terminal)
        restorer.tile = 16
        restore_all(restorer, [save(tmp_path / "in" / "a.png", 0, 32, 32)], tmp_path / "out")
        shown = os.read(ours, 10_000).decode()
    os.close(ours)
    assert [part.split("]")[0] for part in shown.split("\r\x1b[K[")[1:]] == [
        f"{'#' * filled:<24}" for filled in (0, 6, 12, 18, 24)
    ]
    assert shown.endswith("\r\x1b[K1/1 a.png: restored\r\n")


KILLED = """
import json, sys
from pathlib import Path
from degcraft.stages import restore
restore.run_application(Path(sys.argv[1]), sys.argv[2], json.loads(sys.argv[3]), Path(sys.argv[4]))
"""


def test_a_killed_job_continues_and_does_nothing_twice(tmp_path):
    data, output = tmp_path / "data", tmp_path / "results" / "restored"
    for seed in range(5):
        save(data / f"{seed}.png", seed, 96, 96)
    path = model(tmp_path / "model.safetensors")
    spec = {"application": {"images": ["*.png"], "packaged": [], "reduce": 1}, "compute": COMPUTE}
    job = [sys.executable, "-c", KILLED, path, data, json.dumps(spec), output]
    begun = subprocess.Popen(list(map(str, job)), cwd=ROOT, env={**os.environ, "PYTHONPATH": "workflow"})
    work = output.parent / ".restoring"
    while not (work / "1.png").exists():
        assert begun.poll() is None
        time.sleep(0.002)
    begun.send_signal(signal.SIGKILL)
    begun.wait()
    done = stamps(work)
    assert 2 <= len(done) < 5
    (data / "4.png").unlink()  # an image that the application no longer has
    save(work / "gone.png")
    stage.run_application(path, str(data), spec, output)
    assert not work.exists()
    assert names(output) == ["0.png", "1.png", "2.png", "3.png"]
    assert not (output / RECORDS).exists()
    assert {name: stamp for name, stamp in stamps(output).items() if name in done} == done
    restorer = Restorer.read(path, "cpu")
    for name in names(output):
        assert np.array_equal(np.array(Image.open(output / name)), restorer.pixels(np.array(Image.open(data / name))))


def test_a_restored_file_that_was_damaged_is_not_taken_for_done(tmp_path):
    save(tmp_path / "data" / "a b.png")
    restorer, out = Restorer.read(model(tmp_path / "model.safetensors"), "cpu"), tmp_path / "out"
    restore_all(restorer, [tmp_path / "data" / "a b.png"], out)
    whole = (out / "a b.png").read_bytes()
    (out / "a b.png").write_bytes(whole[:-30] + bytes([whole[-30] ^ 1]) + whole[-29:])
    with pytest.raises(
        DegcraftError, match=rf"changed since it was restored\); type: rm -r '{out}/a b.png', then run again"
    ):
        restore_all(restorer, [tmp_path / "data" / "a b.png"], out)
    (out / "a b.png").unlink()
    restore_all(restorer, [tmp_path / "data" / "a b.png"], out)
    assert (out / "a b.png").read_bytes() == whole


def test_packaged_photographs_are_restored_too_and_the_folder_has_a_record(tmp_path):
    spec = {"application": {"images": [], "packaged": ["coins"], "reduce": 4}, "compute": COMPUTE}
    with records.job("restore", spec, "0" * 16):
        stage.run_application(model(tmp_path / "model.safetensors"), ".", spec, tmp_path / "restored")
    assert list(records.read(tmp_path / "restored")["files"]) == ["coins.png"]
    assert read_picture(tmp_path / "restored" / "coins.png").colours.shape == (300, 384, 3)
    assert read_picture(tmp_path / "restored" / "coins.png").grey


def film(path, count=20, height=32, width=48):
    path.parent.mkdir(exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25, options={"crf": "5"})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for number in range(count):
            pixels = np.roll(photo_like(0, height, width), number, axis=1)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode(None))
    return path


def test_videos_are_restored_beside_images(restorer, tmp_path):
    files = [film(tmp_path / "in" / "clip one.mp4"), save(tmp_path / "in" / "a.png")]
    assert restore_all(restorer, files, tmp_path / "out").restored == ["clip one.mp4", "a.png"]
    found = probe(tmp_path / "out" / "clip one.mp4")
    assert (found.width, found.height, found.frames, found.rate) == (192, 128, 20, 25)
    for frame, original in zip(frames(tmp_path / "out" / "clip one.mp4"), frames(files[0]), strict=True):
        assert np.abs(frame.astype(int) - restorer.pixels(original)).mean() < 4  # H.264, nearly transparent
    assert restore_all(restorer, files, tmp_path / "out").restored == []
    assert names(tmp_path / "out" / RECORDS) == ["done.jsonl"]
    restore_all(restorer, files[:1], tmp_path / "smaller", reduce=4)
    smaller = probe(tmp_path / "smaller" / "clip one.mp4")
    assert (smaller.width, smaller.height, smaller.frames) == (48, 32, 20)
    with pytest.raises(
        DegcraftError, match=r"clip one.mp4: reduce: 3; frames of 48 x 32 can be reduced by 2 or 4 where"
    ):
        restore_all(restorer, files, tmp_path / "other", reduce=3)
    assert names(tmp_path / "other") == ["a.png"]


def test_a_video_that_was_begun_goes_on_only_with_the_same_model(tmp_path):
    file, out = film(tmp_path / "in" / "clip.mkv", count=40), tmp_path / "out"
    changed = []

    class Stopped(Restorer):
        def pixels(self, image, told=None):
            changed.append(image)
            if len(changed) == 20:
                raise KeyboardInterrupt
            return super().pixels(image, told)

    path = model(tmp_path / "model.safetensors")
    with pytest.raises(KeyboardInterrupt):
        restore_all(Stopped.read(path, "cpu"), [file], out)
    assert names(out) == []
    for other, expected in ((path, 40 - 16), (model(tmp_path / "other.safetensors", 1), 40)):
        changed[:] = [None] * 20  # never stopped again
        restore_all(Stopped.read(other, "cpu"), [file], out)
        assert len(changed) == 20 + expected
    assert probe(out / "clip.mkv").frames == 40


def test_the_command_restores_what_it_is_given(tmp_path, capsys):
    parser = argparse.ArgumentParser()
    command.options(parser)
    save(tmp_path / "in" / "a.png")
    path = model(tmp_path / "model.safetensors")
    line = ["--model", path, tmp_path / "in", "-o", tmp_path / "out", "--device", "cpu", "--tile", "32"]
    for told in ("1 file restored", "0 files restored, 1 done already"):
        command.run(parser.parse_args(list(map(str, line))))
        assert capsys.readouterr().out == f"{told}: {tmp_path / 'out'}\n"
    assert names(tmp_path / "out") == ["a.png"]
    with pytest.raises(DegcraftError, match="tile: 33; needed is a multiple of 16, or 0 for whole images; try 256"):
        command.run(parser.parse_args([*map(str, line), "--tile", "33"]))
