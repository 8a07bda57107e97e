import os
import subprocess
import zipfile
from errno import ENOSPC

import numpy as np
import pandas as pd
import pytest

from degcraft import io
from degcraft.errors import DegcraftError

DAMAGED = r"missing, truncated or damaged \(.+\); type: rm -r {path}, then run again"


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


def everything(folder):
    return sorted(path.name for path in folder.rglob("*"))


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


def test_arrays_come_back(tmp_path):
    rng = np.random.default_rng(0)
    images, blur = rng.integers(0, 256, (5, 4, 4, 3), dtype=np.uint8), rng.normal(size=(2, 5))
    io.write_arrays(tmp_path / "a.npz", {"spec": {"b": 1}, "code": "x"}, images=images, blur=blur)
    for found, wanted in zip(io.read_arrays(tmp_path / "a.npz", "blur", "images"), (blur, images), strict=True):
        assert found.dtype == wanted.dtype
        assert np.array_equal(found, wanted)
    (meta,) = io.read_arrays(tmp_path / "a.npz", "meta")
    assert str(meta) == '{"code": "x", "spec": {"b": 1}}'


def test_arrays_hold_no_time(tmp_path):
    io.write_arrays(tmp_path / "a.npz", {}, x=np.arange(3))
    with zipfile.ZipFile(tmp_path / "a.npz") as archive:
        assert {entry.date_time[0] for entry in archive.infolist()} == {1980}


@pytest.mark.parametrize("share", [0, 0.3, 0.9, 0.999])
def test_truncated_arrays_are_refused(tmp_path, share):
    path = tmp_path / "a.npz"
    io.write_arrays(path, {}, x=np.arange(1000.0))
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    with pytest.raises(DegcraftError, match=DAMAGED.format(path=path)):
        io.read_arrays(path, "x")


def test_wrong_bit_in_arrays_is_noticed(tmp_path):
    path = tmp_path / "a.npz"
    io.write_arrays(path, {}, x=np.arange(1000.0))
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(DegcraftError, match=DAMAGED.format(path=path)):
        io.read_arrays(path, "x")


def test_missing_arrays_are_told(tmp_path):
    with pytest.raises(DegcraftError, match=DAMAGED.format(path=tmp_path / "a.npz")):
        io.read_arrays(tmp_path / "a.npz", "x")
    io.write_arrays(tmp_path / "a.npz", {}, x=np.arange(3))
    with pytest.raises(DegcraftError, match="y is not a file in the archive"):
        io.read_arrays(tmp_path / "a.npz", "x", "y")
    np.save(tmp_path / "b.npy", np.arange(3))
    (tmp_path / "b.npy").rename(tmp_path / "b.npz")
    with pytest.raises(DegcraftError, match=DAMAGED.format(path=tmp_path / "b.npz")):
        io.read_arrays(tmp_path / "b.npz", "x")


def test_pickled_objects_are_never_loaded(tmp_path):
    np.savez(tmp_path / "a.npz", x=np.array([{"a": 1}], dtype=object))
    with pytest.raises(DegcraftError, match="allow_pickle"):
        io.read_arrays(tmp_path / "a.npz", "x")


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
    with pytest.raises(DegcraftError, match=r"a.csv: missing, truncated or damaged \(.*No such file"):
        io.read_table(tmp_path / "a.csv")


@pytest.fixture
def images():
    rng = np.random.default_rng(0)
    shapes = [(40, 50, 3), (32, 33, 3), (64, 40, 3)]
    return [rng.integers(0, 256, shape, dtype=np.uint8) for shape in shapes]


def test_pack_comes_back(tmp_path, images):
    io.write_pack(tmp_path, iter(images), ["a", "001", "NA"], ["x.png", "packaged:camera", "dead-leaves:3"])
    pack = io.ImagePack(tmp_path)
    assert pack.names == ["a", "001", "NA"]
    assert len(pack) == 3
    for number, image in enumerate(images):
        assert np.array_equal(pack[number], image)
        assert pack.shape(number) == image.shape[:2]
    assert np.array_equal(pack[-1], images[-1])
    assert [image.shape for image in pack] == [image.shape for image in images]
    assert not pack[0].flags.writeable
    assert type(pack[0]) is np.ndarray
    index = pd.read_csv(tmp_path / "index.csv", keep_default_na=False)
    assert list(index.columns) == ["name", "offset", "height", "width", "source", "sha256"]
    assert index["source"].tolist() == ["x.png", "packaged:camera", "dead-leaves:3"]


def test_equal_pixels_have_equal_content_hashes(tmp_path, images):
    io.write_pack(tmp_path, [*images, images[1].copy()], list("abcd"), list("abcd"))
    contents = io.ImagePack(tmp_path).contents
    assert contents[1] == contents[3]
    assert len(set(contents)) == 3


def test_pack_is_a_plain_array_file(tmp_path, images):
    io.write_pack(tmp_path, [image[::2, ::-1] for image in images], list("abc"), list("abc"))
    pixels = np.load(tmp_path / "pixels.npy")
    assert np.array_equal(pixels, np.concatenate([image[::2, ::-1].ravel() for image in images]))


def test_pack_takes_images_one_at_a_time(tmp_path, images):
    alive = []

    def stream_of_images():
        for image in images:
            alive.append((tmp_path / "index.csv").exists())
            yield image

    io.write_pack(tmp_path, stream_of_images(), list("abc"), list("abc"))
    assert alive == [False] * 3


def test_pack_of_the_wrong_number_of_names_is_refused(tmp_path, images):
    with pytest.raises(ValueError, match="length"):
        io.write_pack(tmp_path, images, ["a", "b"], ["a", "b", "c"])
    assert not (tmp_path / "index.csv").exists()


def test_failing_image_leaves_nothing(tmp_path, images):
    def failing():
        yield images[0]
        raise DegcraftError("b.png: damaged; replace it")

    with pytest.raises(DegcraftError, match=r"^b.png: damaged; replace it$"):
        io.write_pack(tmp_path, failing(), ["a", "b"], ["a", "b"])
    assert everything(tmp_path) == []


@pytest.mark.parametrize(
    "harm",
    [
        lambda folder: (folder / "pixels.npy").unlink(),
        lambda folder: (folder / "index.csv").unlink(),
        lambda folder: os.truncate(folder / "pixels.npy", 60),
        lambda folder: os.truncate(folder / "pixels.npy", (folder / "pixels.npy").stat().st_size - 1),
        lambda folder: np.save(folder / "pixels.npy", np.load(folder / "pixels.npy")[:-3]),
        lambda folder: np.save(folder / "pixels.npy", np.load(folder / "pixels.npy").astype(np.float32)),
        lambda folder: (folder / "index.csv").write_text(
            "".join((folder / "index.csv").read_text().splitlines(True)[:-1])
        ),
        lambda folder: (folder / "index.csv").write_text(
            "".join(line for k, line in enumerate((folder / "index.csv").read_text().splitlines(True)) if k != 2)
        ),
        lambda folder: (folder / "index.csv").write_text(
            (folder / "index.csv").read_text().replace(",32,33,", ",NA,33,")
        ),
    ],
)
def test_damaged_pack_is_refused(tmp_path, images, harm):
    io.write_pack(tmp_path, images, list("abc"), list("abc"))
    io.ImagePack(tmp_path)
    harm(tmp_path)
    with pytest.raises(DegcraftError, match=r"missing, truncated or damaged \(.+\); type: rm -r .+, then run again"):
        io.ImagePack(tmp_path)


def test_json_is_sorted(tmp_path):
    io.write_json(tmp_path / "a.json", {"b": 1, "a": {"d": [1], "c": "é"}})
    assert (tmp_path / "a.json").read_text(encoding="utf-8").index('"a"') < 10
    assert (tmp_path / "a.json").read_text().endswith("}\n")
