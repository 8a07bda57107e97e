import os
import subprocess
from errno import ENOSPC

import numpy as np
import pandas as pd
import pytest

from degcraft import io
from degcraft.errors import DegcraftError
from tests.files import DAMAGED, everything


def write_big_arrays(path):
    io.write_arrays(path, {}, big=np.zeros(3_000_000, np.uint8))


def write_big_table(path):
    io.write_table(path, pd.DataFrame({"value": np.arange(400_000) / 7}))


def write_big_json(path):
    io.write_json(path, {"text": "x" * 3_000_000})


def write_big_pack(path):
    names = [f"image{number}" for number in range(30)]
    io.write_pack(path.parent, (np.zeros((200, 200, 3), np.uint8) for _ in names), names, names)


def write_big_folder(path):
    with io.whole_folder(path) as folder:
        (folder / "small.txt").write_text("fits\n")
        (folder / "big.bin").write_bytes(bytes(3_000_000))


WRITERS = [
    (write_big_arrays, "bins.npz"),
    (write_big_table, "weights.csv"),
    (write_big_json, "model.json"),
    (write_big_pack, "pixels.npy"),
    (write_big_folder, "restored"),
]


@pytest.fixture
def small_disk(tmp_path):
    """A file system of one megabyte, where it is allowed to make one."""
    place = tmp_path / "disk"
    place.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", place], capture_output=True, check=False)
    if done.returncode:
        pytest.skip("mounting a small file system is not allowed here")
    yield place
    subprocess.run(["umount", "-l", place], check=True)


def boom(handle):
    raise OSError(ENOSPC, os.strerror(ENOSPC))


@pytest.mark.parametrize(("write", "name"), WRITERS)
def test_full_disk_leaves_nothing_and_keeps_the_old(small_disk, write, name):
    old = small_disk / ("old.txt" if write is write_big_folder else name)
    old.write_text("old\n")
    with pytest.raises(DegcraftError, match=r"could not be written \(No space left on device\); free space or fix"):
        write(small_disk / name)
    assert everything(small_disk) == [old.name]
    assert old.read_text() == "old\n"


@pytest.mark.parametrize(("write", "name"), WRITERS[:4])
def test_failure_to_sync_leaves_nothing_and_keeps_the_old(tmp_path, monkeypatch, write, name):
    (tmp_path / name).write_text("old\n")
    monkeypatch.setattr(os, "fsync", boom)
    with pytest.raises(DegcraftError, match=rf"{name}: could not be written \(No space left on device\)"):
        write(tmp_path / name)
    assert everything(tmp_path) == [name]
    assert (tmp_path / name).read_text() == "old\n"


@pytest.mark.parametrize(("write", "name"), WRITERS)
def test_new_output_replaces_the_old(tmp_path, write, name):
    (tmp_path / name).write_text("old\n") if write is not write_big_folder else (tmp_path / name).mkdir()
    write(tmp_path / name)
    assert not [leftover for leftover in everything(tmp_path) if leftover.startswith(".")]
    size = sum(path.stat().st_size for path in (tmp_path / name).rglob("*")) or (tmp_path / name).stat().st_size
    assert size > 1_000_000


@pytest.mark.parametrize("kind", [KeyboardInterrupt, ValueError])
@pytest.mark.parametrize("whole", [io.whole_file, io.whole_folder])
def test_interruption_leaves_nothing(tmp_path, whole, kind):
    def half():
        with whole(tmp_path / "deep" / "out") as temporary:
            (temporary / "a" if whole is io.whole_folder else temporary).write_text("half")
            raise kind

    with pytest.raises(kind):
        half()
    assert everything(tmp_path) == ["deep"]


def test_folder_in_the_way_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DegcraftError, match=r"out.json: could not be written \((Not a directory|File exists)\)"):
        io.write_json(tmp_path / "file" / "out.json", {})


def test_outputs_are_readable_by_others_as_the_umask_says(tmp_path):
    before = os.umask(0o027)
    try:
        io.write_json(tmp_path / "a.json", {})
    finally:
        os.umask(before)
    assert (tmp_path / "a.json").stat().st_mode & 0o777 == 0o640


def test_numbers_in_tables_come_back_to_the_bit(tmp_path):
    rng = np.random.default_rng(0)
    bits = rng.integers(0, 2**64, 5000, dtype=np.uint64).view(np.float64)
    values = np.concatenate([bits[np.isfinite(bits)], [0.1, 1 / 3, 5e-324, 1.7976931348623157e308, np.inf, -0.0]])
    io.write_table(tmp_path / "a.csv", pd.DataFrame({"value": values}))
    found = io.read_table(tmp_path / "a.csv", "value")["value"].to_numpy()
    assert np.array_equal(found.view(np.uint64), values.view(np.uint64))


def test_missing_numbers_and_odd_names_come_back(tmp_path):
    names = ["NA", "nan", "null", "001", "1e5", 'a "b", c', "True"]
    table = pd.DataFrame({"name": names, "value": [np.nan, 1.5, *range(5)]})
    io.write_table(tmp_path / "a.csv", table)
    found = io.read_table(tmp_path / "a.csv", "name", text=["name"])
    assert found["name"].tolist() == names
    assert np.array_equal(found["value"], table["value"], equal_nan=True)
    assert (tmp_path / "a.csv").read_text().startswith("name,value\nNA,NA\nnan,1.5\n")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("", "empty"),
        ("bin,weight\n", "no rows"),
        ("bin,distance\n1,2\n", "no column weight"),
        ("bin,weight\n0,0.5\n1,0.", "its last line has no end"),
        ("bin,weight\n0,0.5\n1,2,3,4\n", "Expected 2 fields"),
        ("bin,weight\n0,\xff\n", "utf-8"),
    ],
)
def test_damaged_tables_are_refused(tmp_path, content, reason):
    path = tmp_path / "a.csv"
    path.write_bytes(content.encode("latin-1"))
    with pytest.raises(DegcraftError, match=DAMAGED.format(path=path)) as caught:
        io.read_table(path, "bin", "weight")
    assert reason in str(caught.value)


def test_missing_table_is_told(tmp_path):
    with pytest.raises(DegcraftError, match=r"a.csv: no such file; check the path; results are made by"):
        io.read_table(tmp_path / "a.csv")


def test_json_is_sorted(tmp_path):
    io.write_json(tmp_path / "a.json", {"b": 1, "a": {"d": [1], "c": "é"}})
    assert (tmp_path / "a.json").read_text(encoding="utf-8").index('"a"') < 10
    assert (tmp_path / "a.json").read_text().endswith("}\n")
