import numpy as np
import pandas as pd
import pytest
from skimage import data

from degcraft.errors import DegcraftError
from degcraft.evidence import crops
from degcraft.evidence.crops import Scene, Window, comparison_table, disagreement, disputed_window, window_sums
from degcraft.io import read_table, write_table
from degcraft.metrics import luma, psnr, psnr_y
from degcraft.streams import stream
from tests.conftest import photo_like

OPTION = "evidence.comparisons.figure6"


def noisy(image, *items, spread=20.0):
    noise = stream(0, "test", "crops", *items).normal(0, spread, image.shape)
    return np.clip(image + noise, 0, 255).astype(np.uint8)


def scene(name="boat", height=20, width=28, truth=True, rows=("uniform", "dct", "oracle"), seed=0):
    original = photo_like(seed, 4 * height, 4 * width)
    restored = {row: noisy(original, row, spread=5 * (3 - number)) for number, row in enumerate(rows)}
    measured = {row: psnr_y(image, original, 4) for row, image in restored.items()} if truth else {}
    return Scene(name, original[2::4, 2::4].copy(), restored, original if truth else None, measured)


def table(scenes, draws=(), absent=(), crop="auto", side=8):
    return comparison_table(scenes, dict(draws), dict(absent), crop, side, 4, OPTION)


@pytest.mark.parametrize("side", [1, 3, 7])
def test_window_sums_are_the_sums_of_all_windows(side):
    values = stream(0, "test", "crops", side).integers(0, 2**40, (28, 36))
    found = window_sums(values, side)
    assert found.shape == (8 - side, 10 - side)
    for top in range(found.shape[0]):
        for left in range(found.shape[1]):
            assert found[top, left] == values[4 * top : 4 * (top + side), 4 * left : 4 * (left + side)].sum()


def test_disagreement_is_the_variance_between_images():
    images = [stream(0, "test", "crops", number).integers(0, 256, (5, 6, 3), dtype=np.uint8) for number in range(4)]
    assert np.allclose(
        disagreement(images) / 16, np.var(np.stack(images).astype(float), axis=0).sum(axis=-1), rtol=1e-14
    )
    assert not disagreement([images[0]] * 3).any()


@pytest.mark.parametrize(("top", "left"), [(0, 0), (3, 11), (12, 20)])
def test_the_window_lies_where_the_rows_differ(top, left):
    original = photo_like(1, 80, 112)
    other = original.copy()
    other[4 * top : 4 * (top + 8), 4 * left : 4 * (left + 8)] ^= 16
    lr = original[::4, ::4].copy()
    rows = {"uniform": original, "oracle": original, "dct": other}
    assert disputed_window(Scene("boat", lr, rows), 8) == Window(top, left, 8)


def test_equal_rows_take_the_first_window():
    original = photo_like(2, 80, 112)
    rows = {"uniform": original, "oracle": original}
    assert disputed_window(Scene("boat", original[::4, ::4].copy(), rows), 5) == Window(0, 0, 5)


def test_a_single_row_is_compared_with_bicubic():
    lr = photo_like(3, 20, 28)
    only = crops.bicubic(lr).copy()
    only[20:40, 40:60] ^= 32
    window = disputed_window(Scene("boat", lr, {"uniform": only}), 5)
    assert window == Window(5, 10, 5)


def test_enlarged_images():
    lr = photo_like(4, 6, 7)
    assert crops.nearest(lr).shape == crops.bicubic(lr).shape == (24, 28, 3)
    assert np.array_equal(crops.nearest(lr)[3::4, 1::4], lr)
    flat = np.full((6, 7, 3), 77, np.uint8)
    assert (crops.bicubic(flat) == 77).all()
    ramp = np.repeat(np.arange(0, 160, 8, dtype=np.uint8)[None, :, None], 6, axis=0).repeat(3, axis=2)
    across = crops.bicubic(ramp)[10, 12:-12, 0].astype(int)
    assert np.array_equal(across, np.rint(2 * (np.arange(12, 68) + 0.5) - 4))  # a ramp stays one, centres aligned


def test_table_of_a_photograph():
    lr = data.astronaut()[:300:4, 100:420:4].copy()
    truth = data.astronaut()[:300, 100:420]
    rows = {"uniform": noisy(truth, "a"), "alexnet-random": noisy(truth, "b", spread=10), "oracle": truth.copy()}
    one = Scene("astronaut", lr, rows, truth, {"uniform": 21.5, "alexnet-random": 27.25, "oracle": np.inf})
    built, images = table([one], {"uniform": "uniform", "alexnet-random": "alexnet-random.frechet-a25"}, side=16)
    assert list(built) == list(crops.COLUMNS)
    assert built["row"].tolist() == ["whole LR", "LR", "bicubic", *rows, "truth"]
    assert built["draw"].dropna().tolist() == ["uniform", "alexnet-random.frechet-a25"]
    window = disputed_window(one, 16)
    for column, value in (("top", window.top), ("left", window.left), ("side", 16)):
        assert built[column].tolist() == [value] * 7
    lines = built.set_index("row")
    bicubic = crops.bicubic(lr)
    expected = {"bicubic": psnr_y(bicubic, truth, 4), "uniform": 21.5, "alexnet-random": 27.25, "oracle": np.inf}
    assert lines["psnr_y"].dropna().to_dict() == expected
    assert set(lines["psnr_crop"].dropna().index) == set(expected)
    place = np.s_[4 * window.top : 4 * window.top + 64, 4 * window.left : 4 * window.left + 64]
    assert lines.loc["uniform", "psnr_crop"] == psnr(luma(rows["uniform"][place]), luma(truth[place]))
    assert lines.loc["oracle", "psnr_crop"] == np.inf
    whole = {**rows, "bicubic": bicubic, "truth": truth, "LR": lr.repeat(4, axis=0).repeat(4, axis=1)}
    for row, image in whole.items():
        assert np.array_equal(images[lines.loc[row, "file"]], image[place])
    assert np.array_equal(images["astronaut-whole-LR.png"], lr)
    assert set(images) == set(built["file"])


def test_no_truth_no_psnr():
    built, _ = table([scene(truth=False)])
    assert built["row"].tolist() == ["whole LR", "LR", "bicubic", "uniform", "dct", "oracle"]
    assert built[["psnr_y", "psnr_crop"]].isna().all(axis=None)


def test_every_image_has_its_own_window_or_the_same_fixed_one():
    scenes = [scene("boat"), scene("tree", seed=5, height=24)]
    built, images = table(scenes)
    assert built.groupby("image", sort=False)[["top", "left"]].first().to_numpy().tolist() == [
        [disputed_window(one, 8).top, disputed_window(one, 8).left] for one in scenes
    ]
    fixed, images = table(scenes, crop=[3, 5])
    assert fixed[["top", "left", "side"]].drop_duplicates().to_numpy().tolist() == [[5, 3, 8]]
    assert np.array_equal(images["tree-truth.png"], scenes[1].truth[20:52, 12:44])


def test_a_side_larger_than_the_image_is_the_image():
    built, images = table([scene(height=20, width=28)], side=64)
    assert set(built["side"]) == {20}
    assert images["boat-oracle.png"].shape == (80, 80, 3)


@pytest.mark.parametrize("crop", [[21, 0], [0, 13], [-1, 0]])
def test_a_fixed_crop_outside_the_image_is_refused(crop):
    message = (
        rf"evidence\.comparisons\.figure6\.crop: \[{crop[0]}, {crop[1]}\] with side 8 leaves image boat of 28 x 20 LR "
        r"pixels; left from 0 to 20 and top from 0 to 12 are needed; write crop: auto"
    )
    with pytest.raises(DegcraftError, match=message):
        table([scene()], crop=crop)


@pytest.mark.parametrize(("left", "top"), [(0, 0), (20, 12)])
def test_a_fixed_crop_at_the_border_is_cut(left, top):
    built, _ = table([scene()], crop=[left, top])
    assert built[["left", "top"]].drop_duplicates().to_numpy().tolist() == [[left, top]]


def test_images_of_other_sizes_are_refused():
    one = scene()
    rows = {**one.restored, "dct": one.truth[:-1], "oracle": one.truth[:, 4:]}
    with pytest.raises(
        DegcraftError, match="image boat: dct is 112 x 79, oracle is 108 x 80 pixels; 112 x 80, 4 times"
    ):
        Scene("boat", one.lr, rows)
    with pytest.raises(DegcraftError, match="truth is 28 x 20 pixels"):
        Scene("boat", one.lr, one.restored, one.lr)


def test_rows_with_one_file_name_are_refused():
    rows = {"crafted (dct)": scene().truth, "crafted dct": scene().truth}
    with pytest.raises(DegcraftError, match=r"two crops are named boat-crafted-dct\.png"):
        table([Scene("boat", scene().lr, rows)])


def test_absent_rows_have_a_note_and_the_table_reads_back(tmp_path):
    built, _ = table([scene()], {"dasr": "dasr.frechet-a25"}, {"dasr": "no weights for dasr"})
    line = built.iloc[-1]
    assert line[["row", "draw", "note"]].tolist() == ["dasr", "dasr.frechet-a25", "no weights for dasr"]
    assert line.drop(["row", "draw", "note"]).isna().all()
    assert built["note"].notna().sum() == 1
    write_table(tmp_path / "figure6.csv", built)
    read = read_table(tmp_path / "figure6.csv", *crops.COLUMNS)
    pd.testing.assert_frame_equal(read, built, check_dtype=False, check_exact=True)


def test_no_image_at_all_leaves_the_notes():
    built, images = table([], {}, {"film": "no images in applications.film"})
    assert built["note"].tolist() == ["no images in applications.film"]
    assert images == {}
