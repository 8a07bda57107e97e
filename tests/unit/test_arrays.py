import os
import zipfile

import numpy as np
import pandas as pd
import pytest

from degcraft import io
from degcraft.errors import DegcraftError
from tests.files import DAMAGED, everything


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
    with pytest.raises(DegcraftError, match=f"^{tmp_path}/a.npz: no such file; check the path; "):
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


@pytest.mark.parametrize("file", ["pixels.npy", "index.csv"])
def test_missing_file_of_a_pack_is_named(tmp_path, images, file):
    io.write_pack(tmp_path, images, list("abc"), list("abc"))
    (tmp_path / file).unlink()
    with pytest.raises(DegcraftError, match=f"^{tmp_path / file}: no such file; check the path; "):
        io.ImagePack(tmp_path)
