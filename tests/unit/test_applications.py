import json

import numpy as np
import pytest
from PIL import Image

from degcraft.errors import DegcraftError
from degcraft.interpolation import reduced
from degcraft.io import read_arrays, read_png, read_table
from degcraft.stages import applications
from tests.conftest import photo_like


def spec(**changes):
    references = {"count": 5, "min": 2, "crops": []} | changes.pop("references", {})
    application = {"packaged": [], "references": references, "window": 48, "count": 2, "reduce": 1}
    return {"application": application | changes, "crop": 128, "seed": 0}


@pytest.fixture
def files(tmp_path):
    paths = []
    for number, name in enumerate("cab"):
        paths.append(tmp_path / f"{name}.png")
        Image.fromarray(photo_like(number, 80, 100)).save(paths[-1])
    return [str(path) for path in paths]


def cut(files, folder, crops=(), **changes):
    outputs = applications.Outputs(*(folder / name for name in ("references.npz", "test", "material")))
    applications.run(files, crops, spec(**changes), "hash", outputs)
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
        r"1 of 1 files .*\n.*small.png: 40 x 20 pixels, .*32 x 32 are needed",
    )
    Image.fromarray(photo_like(0, 40, 40)).save(tmp_path / "one.png")
    message = r"1 reference crops of 32 x 32 pixels, 2 are needed \(.*min\): with few, .*Figure 17\); add images$"
    refused(tmp_path, [str(tmp_path / "one.png")], message)


def test_fewer_references_than_wanted_are_refused_unless_asked_for(files, tmp_path):
    references = {"count": 100, "min": 20}
    message = "18 reference crops of 32 x 32 pixels, 20 are needed .*; or set applications.<name>.references.min to 18"
    refused(tmp_path, files, message.replace("; or", ".*, or"), references=references)
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
        outputs = [tmp_path / str(number) / name for name in ("references.npz", "test", "material")]
        applications.run(files, (), spec() | {"seed": seed}, "hash", applications.Outputs(*outputs))
        orders.append((outputs[2] / "crops.csv").read_bytes())
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
    refused(tmp_path / "none", more[1:], "all images are of one colour")


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


def refused(tmp_path, files, message, **changes):
    with pytest.raises(DegcraftError, match=message):
        cut(files, tmp_path, **changes)
    assert not (tmp_path / "references.npz").exists()
    assert not (tmp_path / "test").exists()


def test_windows_tell_where_they_are_from(files, tmp_path):
    cut(files, tmp_path)
    places = read_table(tmp_path / "test" / "parameters.csv", "name", text=["name", "source"])
    assert places["source"].tolist() == ["a.png", "c.png"]
    assert places["number"].tolist() == [1, 0]  # in the order in which they were given, c, a, b
    assert places["frame"].isna().all()
    for place in places.itertuples():
        image, window = np.array(Image.open(tmp_path / place.source)), read_png(tmp_path / "test", place.name)
        assert (place.height, place.width) == image.shape[:2]
        assert np.array_equal(image[place.top : place.top + 48, place.left : place.left + 48], window)


def test_the_command_line_finds_images_by_patterns(files, tmp_path):
    places = {"data": tmp_path, "references": tmp_path / "r.npz", "test": tmp_path / "test"}
    flags = [f"--{name}={place}" for name, place in {**places, "material": tmp_path / "material"}.items()]
    applications.main([*flags, "--spec", json.dumps(spec(images=["*.png"])), "--code", "hash"])
    cut(files, tmp_path / "expected")
    for name in ("a.png", "c.png"):
        assert (tmp_path / "test" / name).read_bytes() == (tmp_path / "expected" / "test" / name).read_bytes()
