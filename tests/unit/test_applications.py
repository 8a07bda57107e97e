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
    references = {"count": 5, "min": 2, "crops": []} | changes.pop("references", {})
    application = {"packaged": [], "references": references, "window": 48, "count": 2, "reduce": 1, "truth": []}
    return {"application": application | changes, "crop": 128, "seed": 0}


@pytest.fixture
def files(tmp_path):
    paths = []
    for number, name in enumerate("cab"):
        paths.append(tmp_path / f"{name}.png")
        Image.fromarray(photo_like(number, 80, 100)).save(paths[-1])
    return [str(path) for path in paths]


def cut(files, folder, truth=(), crops=(), **changes):
    outputs = applications.Outputs(*(folder / name for name in ("references.npz", "test", "truth", "material")))
    applications.run(files, truth, crops, spec(**changes), "hash", outputs)
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


def test_windows_are_of_images_spread_in_order_of_name(files, tmp_path):
    _, names = cut(files, tmp_path)
    assert names["name"].tolist() == ["a", "c"]
    assert read_png(tmp_path / "test", "a").shape == (48, 48, 3)
    assert not (tmp_path / "test" / "b.png").exists()


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
    refused(
        tmp_path,
        [str(tmp_path / "small.png")],
        (),
        r"1 of 1 files .*\n.*small.png: 40 x 20 pixels, .*32 x 32 are needed",
    )
    Image.fromarray(photo_like(0, 40, 40)).save(tmp_path / "one.png")
    message = r"1 reference crops of 32 x 32 pixels, 2 are needed \(.*min\): with few, .*Figure 17\); add images$"
    refused(tmp_path, [str(tmp_path / "one.png")], (), message)


def test_fewer_references_than_wanted_are_refused_unless_asked_for(files, tmp_path):
    references = {"count": 100, "min": 20}
    message = "18 reference crops of 32 x 32 pixels, 20 are needed .*; or set applications.<name>.references.min to 18"
    refused(tmp_path, files, (), message.replace("; or", ".*, or"), references=references)
    crops, _ = cut(files, tmp_path, references={"count": 100, "min": 18})
    assert len(crops) == 18
    (told,) = [note for note in material(tmp_path)["notes"] if note.startswith("There are only 18 references")]
    assert "docs/estimation.md" in told


def material(folder):
    return json.loads((folder / "material" / "material.json").read_text())


def test_material_tells_where_each_crop_is_from(files, tmp_path):
    references, _ = cut(files, tmp_path)
    crops = read_table(tmp_path / "material" / "crops.csv", "crop", "source", "frame", "top", "left")
    assert crops["crop"].tolist() == list(range(5))
    assert crops["frame"].isna().all()
    assert set(crops["source"][:3]) == {"a.png", "b.png", "c.png"}  # every image before any has a second
    for crop, reference in zip(crops.itertuples(), references, strict=True):
        image = np.array(Image.open(tmp_path / crop.source))
        assert np.array_equal(image[crop.top : crop.top + 32, crop.left : crop.left + 32], reference)
    told = material(tmp_path)
    assert (told["kind"], told["images"], told["references"], told["duplicates"]) == ("images", 3, 5, 0)
    assert told["pixels"] == {"width": [100, 100], "height": [80, 80]}


def test_the_seed_decides_the_order_and_repeats(files, tmp_path):
    orders = []
    for number, seed in enumerate((0, 0, 1, 2, 3)):
        outputs = [tmp_path / str(number) / name for name in ("references.npz", "test", "truth", "material")]
        applications.run(files, (), (), spec() | {"seed": seed}, "hash", applications.Outputs(*outputs))
        orders.append((outputs[3] / "crops.csv").read_bytes())
    assert orders[0] == orders[1]
    assert len(set(orders)) > 1


def test_the_users_own_crops_are_used_as_they_are(files, tmp_path):
    own = []
    for number, side in enumerate((32, 50)):
        own.append(str(tmp_path / f"own{number}.png"))
        Image.fromarray(photo_like(90 + number, side, side)).save(own[-1])
    references, names = cut(files, tmp_path, crops=own)
    assert np.array_equal(references[0], photo_like(90, 32, 32))
    assert np.array_equal(references[1], photo_like(91, 50, 50)[8:40, 8:40])
    assert names["name"].tolist() == ["a", "c"]
    assert read_table(tmp_path / "material" / "crops.csv", "source")["source"].tolist() == ["own0.png", "own1.png"]
    assert "1 of your crops are larger than 32 x 32 pixels; their middle is used." in material(tmp_path)["notes"]


def test_duplicates_and_black_images_are_left_out_and_told(files, tmp_path):
    Image.open(files[0]).save(tmp_path / "z copy.png")
    Image.new("RGB", (100, 80)).save(tmp_path / "black.png")
    Image.new("RGB", (100, 80), (9, 9, 9)).save(tmp_path / "0 grey.png")
    more = [str(tmp_path / name) for name in ("z copy.png", "black.png", "0 grey.png")]
    _, names = cut([*files, *more], tmp_path, count=9)
    assert names["name"].tolist() == ["a", "b", "c"]
    notes = material(tmp_path)["notes"]
    assert material(tmp_path)["duplicates"] == 1
    assert "1 exact duplicates were left out." in notes
    assert "2 images or frames of one colour (black frames, for example) were left out." in notes
    refused(tmp_path / "none", more[1:], (), "all images are of one colour")


def test_images_of_one_name_get_names_of_their_own(files, tmp_path):
    (tmp_path / "other").mkdir()
    Image.fromarray(photo_like(9, 80, 100)).save(tmp_path / "other" / "a.png")
    _, names = cut([*files, str(tmp_path / "other" / "a.png")], tmp_path, count=9)
    assert names["name"].tolist() == ["a", "a-2", "b", "c"]
    crops = read_table(tmp_path / "material" / "crops.csv", "source")
    assert {"other/a.png", f"{tmp_path.name}/a.png"} <= set(crops["source"])


def test_images_are_reduced_first(files, tmp_path):
    originals = {name: np.array(Image.open(tmp_path / f"{name}.png")) for name in "ac"}
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
        "material": tmp_path / "material",
    }
    flags = [f"--{name}={place}" for name, place in places.items()]
    applications.main([*flags, "--spec", json.dumps(options), "--code", "hash"])
    expected = tmp_path / "expected"
    cut(*pairs[:1], expected, pairs[1])
    for name in ("a_LR.png", "c_LR.png", "alignment.csv"):
        assert (tmp_path / "truth" / name).read_bytes() == (expected / "truth" / name).read_bytes()
