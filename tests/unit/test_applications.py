import json

import numpy as np
import pytest
from PIL import Image

from degcraft.errors import DegcraftError
from degcraft.io import read_arrays, read_png, read_table
from degcraft.stages import applications
from tests.conftest import photo_like


def spec(**changes):
    return {"application": {"packaged": [], "references": 5, "window": 48, "count": 2} | changes, "crop": 128}


@pytest.fixture
def files(tmp_path):
    paths = []
    for number, name in enumerate("cab"):
        paths.append(tmp_path / f"{name}.png")
        Image.fromarray(photo_like(number, 80, 100)).save(paths[-1])
    return [str(path) for path in paths]


def cut(files, folder, **changes):
    applications.run(files, spec(**changes), "hash", folder / "references.npz", folder / "test")
    return read_arrays(folder / "references.npz", "images")[0], read_table(folder / "test" / "parameters.csv", "name")


def test_references_are_windows_of_the_images_as_they_are(files, tmp_path):
    references, _ = cut(files, tmp_path)
    assert references.shape == (5, 32, 32, 3)  # crop / 4, as the references of settings
    originals = [np.array(Image.open(file)) for file in files]
    for reference in references:
        assert any(
            np.array_equal(image[top : top + 32, left : left + 32], reference)
            for image in originals
            for top in range(49)
            for left in range(69)
        )


def test_windows_are_of_the_first_images_in_order_of_name(files, tmp_path):
    _, names = cut(files, tmp_path)
    assert names["name"].tolist() == ["a", "b"]
    assert read_png(tmp_path / "test", "a").shape == (48, 48, 3)
    assert not (tmp_path / "test" / "c.png").exists()


def test_a_window_is_never_larger_than_its_image(files, tmp_path):
    cut(files, tmp_path, window=500)
    image = Image.open(next(file for file in files if file.endswith("a.png")))
    assert np.array(image)[:, :].shape[0] == read_png(tmp_path / "test", "a").shape[0] == 80


def test_the_spec_and_code_are_kept(files, tmp_path):
    cut(files, tmp_path)
    meta = json.loads(str(read_arrays(tmp_path / "references.npz", "meta")[0]))
    assert meta == {"spec": spec(), "code": "hash"}


def test_packaged_photographs_need_no_file(tmp_path):
    _, names = cut([], tmp_path, packaged=["coins"])
    assert names["name"].tolist() == ["coins"]


def test_small_and_too_few_images_are_refused(tmp_path):
    Image.fromarray(photo_like(0, 20, 40)).save(tmp_path / "small.png")
    with pytest.raises(DegcraftError, match=r"1 images are smaller than a reference crop, first small \(40 x 20\)"):
        cut([str(tmp_path / "small.png")], tmp_path)
    Image.fromarray(photo_like(0, 40, 40)).save(tmp_path / "one.png")
    with pytest.raises(DegcraftError, match="1 crops of 32 x 32 found; at least 2 are needed"):
        cut([str(tmp_path / "one.png")], tmp_path)
    assert not (tmp_path / "references.npz").exists()


def test_two_images_of_one_name_are_refused(files, tmp_path):
    (tmp_path / "other").mkdir()
    Image.fromarray(photo_like(9, 80, 100)).save(tmp_path / "other" / "a.jpg")
    with pytest.raises(DegcraftError, match="1 names are there twice, first a; "):
        cut([*files, str(tmp_path / "other" / "a.jpg")], tmp_path)
