import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from degcraft import io, records
from degcraft.errors import DegcraftError
from tests.flips import campaign, write
from tests.integrity import config, flip, small_run

JOB = "weights", {"seed": 0}, "0" * 16
TABLE = pd.DataFrame({"bin": [0, 1], "weight": [0.25, 0.75]})


def hidden(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob(".*") if path.is_file())


@pytest.mark.parametrize("seed", [0, 1])
def test_flipped_bits_and_cut_files_are_refused_in_every_kind_of_result(tmp_path, seed):
    assert set(campaign(tmp_path, 12, seed).values()) == {12}


def test_each_result_has_one_record_and_a_folder_has_it_inside(tmp_path):
    write(tmp_path)
    assert hidden(tmp_path) == [
        ".a.npz.record",
        ".m.json.record",
        ".model.safetensors.record",
        ".t.csv.record",
        "pack/.index.csv.record",
        "pack/.pixels.npy.record",
        "sr/.record",
    ]
    assert list(records.read(tmp_path / "sr")["files"]) == ["a.png", "parameters.csv"]
    assert all(records.problem(path) is None for path in records.results(tmp_path))


def test_records_say_what_made_a_result_and_from_what(tmp_path, monkeypatch, default_config):
    monkeypatch.chdir(tmp_path)
    pixels, bins, features = small_run(config(default_config))
    made = {name: records.read(Path(name)) for name in (pixels, bins, features)}
    assert made[bins]["inputs"] == {
        "results/images/bins/index.csv": records.sha256(Path("results/images/bins/index.csv")),
        pixels: records.sha256(Path(pixels)),
    }
    assert made[features]["inputs"] == {bins: records.sha256(Path(bins))}
    assert [found["stage"] for found in made.values()] == ["prepare", "synthesize", "features"]
    assert made[bins]["spec"]["bins"]["blur"]["count"] == 2
    assert made[bins]["size"] == Path(bins).stat().st_size
    assert {found["device"] for found in made.values()} == {"cpu"}


def test_only_stages_write_records_and_others_take_them_away(tmp_path):
    with records.job(*JOB):
        io.write_table(tmp_path / "t.csv", TABLE)
    assert hidden(tmp_path) == [".t.csv.record"]
    io.write_table(tmp_path / "t.csv", TABLE * 2)
    assert hidden(tmp_path) == []
    assert io.read_table(tmp_path / "t.csv", "bin")["bin"].tolist() == [0, 2]


def test_a_record_that_outlives_its_result_is_no_hindrance(tmp_path):
    for table in (TABLE, TABLE * 2):  # the engine deletes outputs, and knows nothing of records
        with records.job(*JOB):
            io.write_table(tmp_path / "t.csv", table)
        io.read_table(tmp_path / "t.csv", "bin")
        (tmp_path / "t.csv").unlink()
    assert list(records.results(tmp_path)) == []
    with pytest.raises(DegcraftError, match=r"t.csv: no such file"):
        io.read_table(tmp_path / "t.csv", "bin")


def test_a_file_missing_in_a_folder_means_that_the_folder_is_made_again(tmp_path):
    write(tmp_path)
    (tmp_path / "sr" / "parameters.csv").unlink()
    with pytest.raises(DegcraftError, match=rf"parameters.csv: missing, .*; type: rm -r {tmp_path}/sr, then run again"):
        io.read_table(tmp_path / "sr" / "parameters.csv", "image")


def test_a_kill_between_result_and_record_leaves_a_result_that_can_be_read(tmp_path, monkeypatch):
    path = tmp_path / "t.csv"
    with records.job(*JOB):
        io.write_table(path, TABLE)
        replace = Path.replace
        monkeypatch.setattr(
            Path, "replace", lambda self, other: replace(self, other) if other == path else (_ for _ in ()).throw(KeyboardInterrupt)
        )  # fmt: skip
        with pytest.raises(KeyboardInterrupt):
            io.write_table(path, TABLE * 2)
    assert hidden(tmp_path) == []
    assert io.read_table(path, "bin")["bin"].tolist() == [0, 2]


def test_a_full_disk_leaves_neither_result_nor_record(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(records, "_write", full)
    with records.job(*JOB), pytest.raises(DegcraftError, match=r"could not be written \(No space left on device\)"):
        io.write_table(tmp_path / "t.csv", TABLE)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("seed", range(5))
def test_a_flipped_bit_of_a_record_is_told(tmp_path, seed):
    with records.job(*JOB):
        io.write_table(tmp_path / "t.csv", TABLE)
    flip(tmp_path / ".t.csv.record", np.random.default_rng(seed))
    assert records.problem(tmp_path / "t.csv") == "its record .t.csv.record is damaged"
    with pytest.raises(DegcraftError, match=rf"its record .t.csv.record is damaged\); type: rm -r {tmp_path}/t.csv, "):
        io.read_table(tmp_path / "t.csv", "bin")


def test_a_lost_or_added_file_of_a_folder_is_told(tmp_path):
    write(tmp_path)
    (tmp_path / "sr" / "b.png").write_bytes(b"")
    assert records.problem(tmp_path / "sr") == "b.png and 0 more: not the bytes that were written"
    (tmp_path / "sr" / "a.png").unlink()
    assert records.problem(tmp_path / "sr") == "a.png and 1 more: not the bytes that were written"


def test_what_a_stage_keeps_for_itself_is_no_input(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with records.job(*JOB):
        io.write_json(Path(".done/a.json"), {})
        io.read_json(Path(".done/a.json"))
        Path("elsewhere").mkdir()
        Path("elsewhere/own.csv").write_text("bin\n1\n")
        io.read_table(Path("elsewhere/own.csv").absolute(), "bin")
        io.write_table(Path("t.csv"), TABLE)
    assert list(records.read(Path("t.csv"))["inputs"]) == ["elsewhere/own.csv"]  # wherever it lies


def test_images_count_as_one_input_by_what_they_hold(tmp_path):
    def made(*names):
        with records.job(*JOB):
            records.used_together("images of train", [tmp_path / name for name in names])
            io.write_table(tmp_path / "t.csv", TABLE)
        return records.read(tmp_path / "t.csv")["inputs"]

    for name, content in [("a", b"1"), ("b", b"2"), ("c", b"1")]:
        (tmp_path / name).write_bytes(content)
    assert made("a", "b") == made("c", "b") != made("b", "a")
    assert list(made("a", "b")) == ["images of train"]
    assert made() == {}


def test_a_command_line_is_recorded(tmp_path):
    (tmp_path / "d.csv").write_text("bin,distance\n0,1.5\n1,2.5\n")
    spec = json.dumps({"weighting": {"kind": "frechet", "alpha": 1, "floor": 0}})
    call = ["--distances", "d.csv", "--spec", spec, "--code", "abc", "--output", "w.csv"]
    subprocess.run([sys.executable, "-m", "degcraft.stages.weights", *call], cwd=tmp_path, check=True)
    record = records.read(tmp_path / "w.csv")
    assert (record["stage"], record["spec"], record["code"]) == ("weights", json.loads(spec), "abc")
    assert list(record["inputs"]) == ["d.csv"]


def test_thousands_of_images_of_a_folder_are_checked_in_seconds(tmp_path):
    with records.job(*JOB), io.whole_folder(tmp_path / "sr") as folder:
        for number in range(2000):
            (folder / f"{number}.txt").write_text("0")
    begun = time.monotonic()
    with records.job(*JOB):
        for number in range(2000):
            records.used(tmp_path / "sr" / f"{number}.txt")
    assert time.monotonic() - begun < 20  # a record that is parsed for each image takes minutes


def test_a_pack_of_many_images_is_opened_in_seconds(tmp_path):
    images, names = np.zeros((100_000, 8, 8, 3), np.uint8), [f"{number:06d}" for number in range(100_000)]
    with records.job(*JOB):
        io.write_pack(tmp_path, images, names, names)
    begun = time.monotonic()
    assert len(io.ImagePack(tmp_path)) == 100_000
    assert time.monotonic() - begun < 30


def test_training_states_have_their_own_checksum_and_no_record(tmp_path):
    write(tmp_path)
    assert [path.name for path in (tmp_path / ".checkpoint").iterdir()] == ["0123.pt"]
