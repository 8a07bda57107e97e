import json
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from degcraft.crops import crop_windows
from degcraft.errors import DegcraftError
from degcraft.images import decode, packaged
from degcraft.io import ImagePack
from degcraft.leaves import dead_leaves
from degcraft.stages import prepare
from degcraft.streams import stream
from tests.conftest import photo_like


def spec_of(set_name, crop=None, seed=0, **options):
    section = {"images": [], "packaged": [], **options}
    return {"seed": seed, "prepare": {set_name: section, **({"crop": crop} if crop else {})}}


def save(folder, name, *size, seed=0):
    image = photo_like(seed, *size)
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(image).save(folder / name)
    return str(folder / name), image


def sources(folder):
    return pd.read_csv(folder / "index.csv")["source"].tolist()


def test_training_images_stay_whole(tmp_path):
    first, one = save(tmp_path, "b.png", 50, 71)
    second, two = save(tmp_path, "a.png", 33, 40, seed=1)
    spec = spec_of("train", packaged=["moon", "coins"], dead_leaves=2)
    prepare.run("train", [first, second], spec, "x1", tmp_path / "out")
    pack = ImagePack(tmp_path / "out")
    assert pack.names == ["b", "a", "moon", "coins", "dead-leaves-0000", "dead-leaves-0001"]
    assert sources(tmp_path / "out") == [
        *(first, second),
        *("packaged:moon", "packaged:coins", "dead-leaves:0", "dead-leaves:1"),
    ]
    assert np.array_equal(pack[0], one)
    assert np.array_equal(pack[1], two)
    assert np.array_equal(pack[3], decode(packaged("coins")))
    assert np.array_equal(pack[5], dead_leaves(stream(0, "prepare", "train", "dead-leaves", 1), 288, 288))
    assert json.loads((tmp_path / "out" / "meta.json").read_text()) == {"spec": spec, "code": "x1"}


def test_leaves_differ_between_sets_and_seeds_and_keep_when_more_are_asked(tmp_path):
    for number, (name, seed, count) in enumerate([("train", 0, 2), ("train", 0, 3), ("train", 1, 2)]):
        prepare.run(name, [], spec_of(name, seed=seed, dead_leaves=count), "", tmp_path / str(number))
    few, more, other = (ImagePack(tmp_path / str(number)) for number in range(3))
    assert np.array_equal(few[0], more[0])
    assert np.array_equal(few[1], more[1])
    assert not np.array_equal(few[0], other[0])
    prepare.run("bins", [], spec_of("bins", crop=288, dead_leaves=2, count=2), "", tmp_path / "bins")
    assert not np.array_equal(ImagePack(tmp_path / "bins")[0], few[0])


def test_test_images_are_cut_to_multiples_of_4_in_order_of_name(tmp_path):
    files = [save(tmp_path, f"{name}.png", *size) for name, size in [("z", (50, 71)), ("b", (33, 40)), ("m", (64, 35))]]
    spec = spec_of("test", packaged=["coins"], count=3)
    prepare.run("test", [file for file, _ in files], spec, "", tmp_path / "out")
    pack = ImagePack(tmp_path / "out")
    assert pack.names == ["b", "coins", "m"]
    assert [image.shape for image in pack] == [(32, 40, 3), (300, 384, 3), (64, 32, 3)]
    assert np.array_equal(pack[2], files[2][1][:64, :32])


def test_all_test_images_when_no_count_is_set(tmp_path):
    files = [save(tmp_path, f"{number}.png", 40, 40)[0] for number in range(5)]
    prepare.run("test", files, spec_of("test", count=None), "", tmp_path / "out")
    assert ImagePack(tmp_path / "out").names == list("01234")


@pytest.mark.parametrize("set_name", ["references", "bins"])
def test_crops_are_the_best_of_each_image_then_leaves(tmp_path, set_name):
    files = [save(tmp_path, f"{name}.png", *size) for name, size in [("b", (70, 101)), ("a", (40, 66))]]
    spec = spec_of(set_name, crop=32, count=10, dead_leaves=5)
    prepare.run(set_name, [file for file, _ in files], spec, "", tmp_path / "out")
    pack = ImagePack(tmp_path / "out")
    windows = [crop_windows(image, 32) for _, image in files]
    order = [(0, 0), (1, 0), (0, 1), (1, 1), (0, 2), (0, 3), (0, 4), (0, 5)]
    for crop, (image, rank) in zip(pack, order, strict=False):
        top, left = windows[image][rank]
        assert np.array_equal(crop, files[image][1][top : top + 32, left : left + 32])
    (top, left), *_ = windows[0]
    assert pack.names[0] == f"b-{top}-{left}"
    assert pack.names[8:] == ["dead-leaves-0000", "dead-leaves-0001"]
    assert {image.shape for image in pack} == {(32, 32, 3)}
    assert sources(tmp_path / "out")[:2] == [files[0][0], files[1][0]]


def test_leaves_fill_only_what_is_missing(tmp_path):
    file, _ = save(tmp_path, "a.png", 64, 64)
    prepare.run("bins", [file], spec_of("bins", crop=32, count=3, dead_leaves=9), "", tmp_path / "out")
    assert all(name.startswith("a-") for name in ImagePack(tmp_path / "out").names)


def test_too_few_crops(tmp_path):
    files = [save(tmp_path, f"{number}.png", 64, 70)[0] for number in range(3)]
    with pytest.raises(DegcraftError) as caught:
        prepare.run("references", files, spec_of("references", crop=32, count=100, dead_leaves=0), "", tmp_path / "out")
    assert str(caught.value) == (
        "references: 12 crops of 32 x 32 found in 3 images, 100 are needed (prepare.references.count); "
        "add images, raise dead_leaves, or set count: 12"
    )
    with pytest.raises(DegcraftError) as caught:
        prepare.run("bins", files, spec_of("bins", crop=32, count=100, dead_leaves=7), "", tmp_path / "out")
    assert str(caught.value) == (
        "bins: 12 crops of 32 x 32 found in 3 images and 7 generated (prepare.bins.dead_leaves), 100 are needed "
        "(prepare.bins.count); add images, raise dead_leaves, or set count: 19"
    )
    with pytest.raises(
        DegcraftError, match=r"0 crops .* found in 0 images, 2 are needed .*; add images, raise dead_le"
    ):
        prepare.run("bins", [], spec_of("bins", crop=32, count=2, dead_leaves=0), "", tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(("set_name", "options"), [("train", {"dead_leaves": 0}), ("test", {"count": None})])
def test_no_images(tmp_path, set_name, options):
    with pytest.raises(DegcraftError, match=rf"^{set_name}: no images; name a folder in prepare.{set_name}.images or"):
        prepare.run(set_name, [], spec_of(set_name, **options), "", tmp_path / "out")


@pytest.mark.parametrize(
    ("set_name", "crop", "use", "options"),
    [
        ("train", None, "for training", {"dead_leaves": 3}),
        ("test", None, "for testing", {"count": None}),
        ("references", 48, "for a crop (prepare.crop: 48)", {"count": 2, "dead_leaves": 3}),
        ("bins", 48, "for a crop (prepare.crop: 48)", {"count": 2, "dead_leaves": 3}),
    ],
)
def test_small_images_are_refused(tmp_path, set_name, crop, use, options):
    side = crop or 32
    large, _ = save(tmp_path, "large.png", side, side)
    small, _ = save(tmp_path, "small.png", side - 1, 90)
    with pytest.raises(DegcraftError) as caught:
        prepare.run(set_name, [large, small], spec_of(set_name, crop=crop, **options), "", tmp_path / "out")
    assert str(caught.value) == (
        f"{set_name}: 1 of 2 images cannot be used\n  {small}: 90 x {side - 1} pixels, at least {side} x {side} are "
        f"needed {use}; take it out or put a larger one in its place"
    )
    assert not list((tmp_path / "out").rglob("*"))


def test_small_packaged_photographs_are_refused(tmp_path):
    spec = spec_of("bins", crop=400, count=2, dead_leaves=2, packaged=["coins", "camera"])
    with pytest.raises(DegcraftError, match="packaged:coins: 384 x 303 pixels, at least 400 x 400 are needed for a"):
        prepare.run("bins", [], spec, "", tmp_path / "out")


def test_all_problems_are_told_at_once(tmp_path):
    files = [save(tmp_path, f"good{number}.png", 40, 40)[0] for number in range(3)]
    (tmp_path / "text.png").write_text("no image")
    (tmp_path / "cut.png").write_bytes((tmp_path / "good0.png").read_bytes()[:300])
    Image.new("RGBA", (40, 40), (1, 2, 3, 4)).save(tmp_path / "clear.png")
    small, _ = save(tmp_path, "small.png", 20, 20)
    bad = [str(tmp_path / name) for name in ("text.png", "cut.png", "clear.png")] + [small, str(tmp_path / "none.png")]
    order = [bad[0], files[0], bad[1], bad[2], files[1], bad[3], files[2], bad[4]]
    with pytest.raises(DegcraftError) as caught:
        prepare.run("train", order, spec_of("train", dead_leaves=1), "", tmp_path / "out")
    title, *lines = str(caught.value).splitlines()
    assert title == "train: 5 of 8 images cannot be used"
    for line, file, reason in zip(
        lines, bad, ["not a whole", "damaged or cut", "transparent", "20 x 20", "cannot be read"], strict=True
    ):
        assert line.startswith(f"  {file}: {reason}")
    assert not list((tmp_path / "out").rglob("*"))


def test_many_problems_are_counted(tmp_path):
    files = [str(tmp_path / f"none{number}.png") for number in range(33)]
    with pytest.raises(DegcraftError) as caught:
        prepare.run("test", files, spec_of("test", count=None), "", tmp_path / "out")
    lines = str(caught.value).splitlines()
    assert len(lines) == 22
    assert lines[-1] == "  and 13 more"


def test_failure_keeps_what_was_prepared_before(tmp_path):
    file, image = save(tmp_path, "a.png", 40, 40)
    prepare.run("train", [file], spec_of("train", dead_leaves=0), "", tmp_path / "out")
    with pytest.raises(DegcraftError):
        prepare.run("train", [file, "none.png"], spec_of("train", dead_leaves=0), "", tmp_path / "out")
    assert np.array_equal(ImagePack(tmp_path / "out")[0], image)


def test_names_are_safe_and_different(tmp_path):
    wishes = [
        "one/a.png",
        "two/a.png",
        "three/A.png",
        "a-2.png",
        "my photo (1).png",
        ".hidden.png",
        "-x.png",
        "Größe.png",
    ]
    files = [save(tmp_path, wish, 32, 32, seed=number)[0] for number, wish in enumerate(wishes)]
    prepare.run("train", files, spec_of("train", dead_leaves=0), "", tmp_path / "out")
    assert ImagePack(tmp_path / "out").names == [
        *("a", "a-2", "A-3", "a-2-2", "my_photo__1_", "_.hidden", "_-x", "Gr__e"),
    ]
    assert sources(tmp_path / "out") == files


@pytest.mark.parametrize("suffix", ["png", "tif", "bmp", "webp"])
@pytest.mark.parametrize("kind", ["grey", "palette", "opaque", "turned"])
def test_all_kinds_of_files_become_rgb(tmp_path, suffix, kind):
    image = Image.fromarray(photo_like(0, 40, 50))
    exif = Image.Exif()
    if kind == "turned":
        exif[274] = 6
    stored = {"grey": image.convert("L"), "palette": image.quantize(16), "opaque": image.convert("RGBA")}.get(
        kind, image
    )
    path = tmp_path / f"a.{suffix}"
    options = {"lossless": True} if suffix == "webp" else {}
    stored.save(path, **options, **({"exif": exif} if suffix != "bmp" else {}))
    prepare.run("train", [str(path)], spec_of("train", dead_leaves=0), "", tmp_path / "out")
    expected = np.asarray(stored.convert("RGB"))
    if kind == "turned" and suffix != "bmp":
        expected = np.rot90(expected, -1)
    assert np.array_equal(ImagePack(tmp_path / "out")[0], expected)


def test_same_bytes_again(tmp_path):
    file, _ = save(tmp_path, "a.png", 100, 100)
    for name in ("one", "two"):
        prepare.run("bins", [file], spec_of("bins", crop=48, count=6, dead_leaves=2), "x", tmp_path / name)
    for part in ("pixels.npy", "index.csv", "meta.json"):
        assert (tmp_path / "one" / part).read_bytes() == (tmp_path / "two" / part).read_bytes()


def test_command_line_lists_the_folder(tmp_path):
    for name in ("b.png", "a.png"):
        save(tmp_path / "photos", name, 40, 41)
    spec = spec_of("train", dead_leaves=1, images=["photos"])
    arguments = ["--set", "train", "--data", str(tmp_path), "--spec", json.dumps(spec), "--code", "x"]
    prepare.main([*arguments, "--output", str(tmp_path / "out")])
    assert ImagePack(tmp_path / "out").names == ["a", "b", "dead-leaves-0000"]


def test_command_line_refuses_in_plain_words(tmp_path):
    save(tmp_path / "photos", "a.png", 20, 41)
    spec = json.dumps(spec_of("train", dead_leaves=1, images=["photos"]))
    command = [sys.executable, "-m", "degcraft.stages.prepare", "--set", "train", "--data", str(tmp_path)]
    done = subprocess.run(
        [*command, "--spec", spec, "--code", "x", "--output", str(tmp_path / "out")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.startswith("error: train: 1 of 1 images cannot be used\n")
    assert "Traceback" not in done.stderr


def test_real_photographs(tmp_path, shared_data):
    listed = {"list": "reference/split.csv", "where": {"group": "A"}}
    spec = spec_of("references", crop=288, count=100, dead_leaves=0, images=[listed])
    arguments = ["--set", "references", "--data", str(shared_data), "--spec", json.dumps(spec), "--code", "x"]
    prepare.main([*arguments, "--output", str(tmp_path / "out")])
    pack = ImagePack(tmp_path / "out")
    assert len(pack) == 100
    assert {image.shape for image in pack} == {(288, 288, 3)}
    assert len(set(pack.contents)) == 100
