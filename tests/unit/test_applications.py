import json

import numpy as np
import pytest
from PIL import Image

from degcraft.alignment import Alignment
from degcraft.errors import DegcraftError
from degcraft.interpolation import reduced
from degcraft.io import read_arrays, read_png, read_table
from degcraft.stages import applications
from tests.conftest import photo_like


def spec(**changes):
    application = {"packaged": [], "references": 5, "window": 48, "count": 2, "reduce": 1, "truth": []}
    return {"application": application | changes, "crop": 128}


@pytest.fixture
def files(tmp_path):
    paths = []
    for number, name in enumerate("cab"):
        paths.append(tmp_path / f"{name}.png")
        Image.fromarray(photo_like(number, 80, 100)).save(paths[-1])
    return [str(path) for path in paths]


def cut(files, folder, truth=(), **changes):
    outputs = folder / "references.npz", folder / "test", folder / "truth"
    applications.run(files, truth, spec(**changes), "hash", *outputs)
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


def test_images_are_reduced_first(files, tmp_path):
    originals = {name: np.array(Image.open(tmp_path / f"{name}.png")) for name in "ab"}
    references, _ = cut(files, tmp_path, reduce=2, window=30)
    assert len(references) == 3  # 40 x 50 pixels hold one crop of 32 each
    for name, image in originals.items():
        small, found = reduced(image, 2), read_png(tmp_path / "test", name)
        places = [(top, left) for top in range(11) for left in range(21)]
        assert any(np.array_equal(small[top : top + 30, left : left + 30], found) for top, left in places)


def test_without_truth_its_folder_is_empty(files, tmp_path):
    cut(files, tmp_path)
    assert list((tmp_path / "truth").iterdir()) == []


@pytest.fixture
def pairs(tmp_path):
    """LR and HR images of three scenes; HR content lies 1 pixel further down, and is brighter."""
    paths = {"LR": [], "HR": []}
    for number, name in enumerate("cab"):
        scene = 20 + photo_like(number, 321, 400) // 2
        for kind, image in (("LR", reduced(scene[1:], 4)), ("HR", scene[:-1] + np.uint8(9))):
            paths[kind].append(str(tmp_path / f"{name}_{kind}.png"))
            Image.fromarray(image).save(paths[kind][-1])
    return sorted(paths["LR"]), sorted(paths["HR"])


def test_truth_is_the_window_that_belongs_to_the_lr_window(pairs, tmp_path):
    _, names = cut(pairs[0], tmp_path, pairs[1])
    assert names["name"].tolist() == ["a_LR", "b_LR"]
    assert sorted(path.name for path in (tmp_path / "truth").iterdir()) == ["a_LR.png", "alignment.csv", "b_LR.png"]
    for name, file in zip(names["name"], pairs[1], strict=False):
        window, truth, whole = read_png(tmp_path / "test", name), read_png(tmp_path / "truth", name), Image.open(file)
        assert truth.shape == (192, 192, 3)
        back = reduced(truth, 4).astype(int) - 9
        assert np.abs(back - window)[4:-4, 4:-4].mean() < 4  # a quarter of an LR pixel apart
        assert any(
            np.array_equal(np.array(whole)[4 * top : 4 * top + 192, 4 * left : 4 * left + 192], truth)
            for top in range(33)
            for left in range(53)
        )


def test_the_alignment_is_written_beside_the_truth(pairs, tmp_path):
    cut(pairs[0], tmp_path, pairs[1], count=3)
    table = read_table(tmp_path / "truth" / "alignment.csv", "name", text=["name"])
    assert list(table) == ["name", *Alignment.__dataclass_fields__]
    assert table["name"].tolist() == ["a_LR", "b_LR", "c_LR"]
    assert table["down"].to_numpy() == pytest.approx(np.ones(3), abs=0.05)
    assert table["right"].to_numpy() == pytest.approx(np.zeros(3), abs=0.05)
    for channel in ("red", "green", "blue"):
        brightness = table[f"offset_{channel}"] + 100 * (table[f"gain_{channel}"] - 1)
        assert brightness.to_numpy() == pytest.approx(np.full(3, 9), abs=1)


def test_lr_images_that_were_enlarged_are_reduced_to_a_quarter_of_the_truth(pairs, tmp_path):
    enlarged = []
    for file in pairs[0]:
        image = Image.open(file)
        enlarged.append(file.replace("_LR", "_large"))
        image.resize((400, 320), Image.Resampling.BICUBIC).save(enlarged[-1])
    cut(enlarged, tmp_path, pairs[1], reduce=4)
    window = read_png(tmp_path / "test", "a_large")
    assert window.shape == (48, 48, 3)
    assert read_png(tmp_path / "truth", "a_large").shape == (192, 192, 3)


def refused(tmp_path, files, truth, message, **changes):
    with pytest.raises(DegcraftError, match=message):
        cut(files, tmp_path, truth, **changes)
    assert not (tmp_path / "references.npz").exists()
    assert not (tmp_path / "test").exists()
    assert not (tmp_path / "truth").exists()


def test_truth_of_another_size_is_refused_before_anything_is_written(pairs, tmp_path):
    small = r"3 images of the truth are not 4 times as large as their LR images, first .*a_HR\.png: 400 x 320 pixels; "
    small += "its LR image a_LR of 50 x 40 needs 200 x 160; .* set reduce"
    refused(tmp_path, *pairs, small, reduce=2)
    # The last one is not among the images that are shown, but wrong all the same.
    Image.open(pairs[1][2]).crop((0, 0, 396, 320)).save(pairs[1][2])
    refused(tmp_path, *pairs, r"1 images of the truth are not 4 times .*c_HR\.png: 396 x 320 pixels; ")


def test_truth_of_another_scene_is_refused(pairs, tmp_path):
    refused(tmp_path, pairs[0], pairs[1][::-1], "application: a_LR: image pair: correlation .*give each image its own")


def test_truth_of_another_number_is_refused(pairs, tmp_path):
    refused(tmp_path, pairs[0], pairs[1][:2], "2 images of the truth for 3 LR images; each needs its own")
    refused(tmp_path, pairs[0], pairs[1], "3 images of the truth for 4 LR images", packaged=["coins"])


def test_the_command_line_finds_both_by_patterns(pairs, tmp_path):
    options = spec(images=["*_LR.png"], truth=["*_HR.png"])
    places = {
        "data": tmp_path,
        "references": tmp_path / "r.npz",
        "test": tmp_path / "test",
        "truth": tmp_path / "truth",
    }
    flags = [f"--{name}={place}" for name, place in places.items()]
    applications.main([*flags, "--spec", json.dumps(options), "--code", "hash"])
    expected = tmp_path / "expected"
    cut(*pairs[:1], expected, pairs[1])
    for name in ("a_LR.png", "b_LR.png", "alignment.csv"):
        assert (tmp_path / "truth" / name).read_bytes() == (expected / "truth" / name).read_bytes()
