import json

import numpy as np
import pytest
from PIL import Image

from degcraft.alignment import Alignment
from degcraft.errors import DegcraftError
from degcraft.interpolation import reduced
from degcraft.io import read_png, read_table
from degcraft.stages import applications, truth
from tests.conftest import photo_like


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


def cut(files, originals, folder, **changes):
    """Windows of images, then their truth."""
    application = {"packaged": [], "references": {"count": 5, "min": 2, "crops": []}, "window": 48, "count": 2}
    spec = {"application": {**application, "reduce": 1, **changes}, "crop": 128, "seed": 0}
    outputs = applications.Outputs(*(folder / name for name in ("references.npz", "test", "material")))
    applications.run(files, (), spec, "hash", outputs)
    truth.run(folder / "test", originals, folder / "truth")
    return read_table(folder / "test" / "parameters.csv", "name", text=["name"])


def test_truth_is_the_window_that_belongs_to_the_lr_window(pairs, tmp_path):
    names = cut(*pairs, tmp_path)
    assert names["name"].tolist() == ["a_LR", "c_LR"]
    assert sorted(path.name for path in (tmp_path / "truth").iterdir()) == ["a_LR.png", "alignment.csv", "c_LR.png"]
    for name, file in zip(names["name"], pairs[1][::2], strict=True):
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
    cut(*pairs, tmp_path, count=3)
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
    cut(enlarged, pairs[1], tmp_path, reduce=4)
    window = read_png(tmp_path / "test", "a_large")
    assert window.shape == (48, 48, 3)
    assert read_png(tmp_path / "truth", "a_large").shape == (192, 192, 3)


def test_images_and_truth_go_together_in_the_order_in_which_they_were_given(pairs, tmp_path):
    names = cut(pairs[0][::-1], pairs[1][::-1], tmp_path)
    assert names["number"].tolist() == [2, 0]
    assert sorted(path.stem for path in (tmp_path / "truth").glob("*.png")) == ["a_LR", "c_LR"]


def refused(tmp_path, files, originals, message, **changes):
    with pytest.raises(DegcraftError, match=message):
        cut(files, originals, tmp_path, **changes)
    assert not (tmp_path / "truth").exists()


def test_truth_of_another_size_is_refused_before_anything_is_written(pairs, tmp_path):
    small = r"2 images of the truth are not 4 times as large as their LR images, first .*a_HR\.png: 400 x 320 pixels; "
    small += "its LR image a_LR of 50 x 40 needs 200 x 160; .* set reduce"
    refused(tmp_path, *pairs, small, reduce=2)
    Image.open(pairs[1][2]).crop((0, 0, 396, 320)).save(pairs[1][2])
    refused(tmp_path, *pairs, r"1 images of the truth are not 4 times .*c_HR\.png: 396 x 320 pixels; ")


def test_truth_of_another_scene_is_refused(pairs, tmp_path):
    refused(tmp_path, pairs[0], pairs[1][::-1], "application: a_LR: image pair: correlation .*give each image its own")


def test_windows_without_truth_of_their_own_are_refused(pairs, tmp_path):
    refused(tmp_path, pairs[0], pairs[1][:2], "2 images of the truth, and none for c_LR; each needs its own")


def test_pages_have_no_truth(pairs, tmp_path):
    pages = [Image.open(file) for file in pairs[0]]
    pages[0].save(tmp_path / "pages.tif", save_all=True, append_images=pages[1:])
    message = "pages-000000: a frame or page with truth, .*; save frames and pages as single images"
    refused(tmp_path, [str(tmp_path / "pages.tif")], pairs[1][:1], message)


def test_the_command_line_finds_both_by_patterns(pairs, tmp_path):
    cut(*pairs, tmp_path)
    places = {"windows": tmp_path / "test", "data": tmp_path, "output": tmp_path / "again"}
    flags = [f"--{name}={place}" for name, place in places.items()]
    truth.main([*flags, "--spec", json.dumps({"truth": ["*_HR.png"]}), "--code", "hash"])
    for name in ("a_LR.png", "c_LR.png", "alignment.csv"):
        assert (tmp_path / "again" / name).read_bytes() == (tmp_path / "truth" / name).read_bytes()
