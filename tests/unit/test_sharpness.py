import numpy as np
import pandas as pd
import pytest
from scipy import ndimage

from degcraft.errors import DegcraftError
from degcraft.evidence.crops import Scene, Window
from degcraft.evidence.sharpness import (
    COLUMNS,
    Line,
    disputed_background,
    gradient_magnitude,
    sharpness_table,
    steepest_line,
)
from degcraft.interpolation import bicubic
from degcraft.io import read_table, write_table
from degcraft.metrics import luma, psnr_y
from degcraft.streams import stream

HEIGHT, WIDTH = 128, 192  # HR pixels; LR 32 x 48


def grey(plane):
    return np.repeat(np.clip(np.rint(plane), 0, 255).astype(np.uint8)[..., None], 3, axis=2)


def park():
    """A photograph in the making: sharp texture at the left, an even sky at the top right, soft shapes below it."""
    rng = stream(0, "test", "sharpness")
    soft = ndimage.gaussian_filter(rng.normal(size=(HEIGHT, WIDTH)), 8)
    plane = 128 + 60 * soft / soft.std()
    plane[:64, 96:] = 220
    plane[:, :96] = ndimage.zoom(rng.uniform(0, 255, (HEIGHT // 4, 24)), 4, order=0)
    return plane


def scene(truth=True, rows=("uniform", "dct", "oracle")):
    plane = park()
    sharpened = plane + 4 * (plane - ndimage.gaussian_filter(plane, 6))
    restored = {"uniform": grey(sharpened), "dct": grey(ndimage.gaussian_filter(plane, 3)), "oracle": grey(plane)}
    measured = {"uniform": 21.0, "dct": 24.0, "oracle": 33.0} if truth else {}
    lr = grey(plane[2::4, 2::4])
    return Scene("park", lr, {row: restored[row] for row in rows}, grey(plane) if truth else None, measured)


def table(one, draws=(), absent=(), crop="auto", side=12):
    return sharpness_table(one, dict(draws), dict(absent), crop, side, 4, "evidence.sharpness")


def test_gradient_of_a_tilted_plane():
    rows, columns = np.mgrid[:6, :8].astype(float)
    assert np.allclose(gradient_magnitude(3 * columns + 4 * rows), 5, rtol=1e-14)


@pytest.mark.parametrize("truth", [True, False])
@pytest.mark.parametrize("side", [8, 12])
def test_the_window_lies_in_the_soft_background(truth, side):
    window = disputed_background(scene(truth), side)
    assert window.left >= 24, "the sharp texture is not a background"
    assert window.top + side > 16, "the even sky has nothing to sharpen"
    texture, chosen = Window(10, 5, side), window.cut(gradient_magnitude(park()))
    assert chosen.mean() < texture.cut(gradient_magnitude(park())).mean() / 3


def test_among_backgrounds_the_one_where_gradients_differ():
    one = scene()
    plane = park()
    for left, other in ((25, 36), (36, 25)):
        bent = plane.copy()
        place = np.s_[72:120, 4 * left : 4 * left + 48]
        bent[place] += 10 * np.sin(np.arange(48) / 2)
        rows = {"uniform": grey(bent), "oracle": grey(plane)}
        window = disputed_background(Scene("park", one.lr, rows, one.truth), 12)
        assert abs(window.left - left) < abs(window.left - other)


def test_a_single_row_is_compared_with_bicubic():
    window = disputed_background(scene(rows=("uniform",)), 8)
    both = {"uniform": scene().restored["uniform"], "bicubic": bicubic(scene().lr)}
    assert window == disputed_background(Scene("park", scene().lr, both, scene().truth), 8)


def test_the_line_crosses_the_steepest_changes():
    plane = np.zeros((16, 16))
    plane[:, 9:] = 50
    plane[6, 9:] = 200
    assert steepest_line(plane) == Line("horizontal", 6)
    assert steepest_line(plane.T) == Line("vertical", 6)
    assert Line("vertical", 3).along(np.arange(16).reshape(4, 4)).tolist() == [3, 7, 11, 15]
    assert Line("horizontal", 1).along(np.arange(16).reshape(4, 4)).tolist() == [4, 5, 6, 7]


def test_the_line_stays_in_the_middle_half():
    plane = np.zeros((16, 16))
    plane[1] = 200 * (np.arange(16) // 4 % 2)
    plane[11] = 60 * (np.arange(16) // 2 % 2)
    assert steepest_line(plane) == Line("horizontal", 11)


@pytest.mark.parametrize("direction", ["horizontal", "vertical"])
def test_profiles_are_the_values_on_the_line(direction):
    one = scene()
    if direction == "vertical":
        turned = {row: image.transpose(1, 0, 2).copy() for row, image in one.restored.items()}
        one = Scene("park", one.lr.transpose(1, 0, 2).copy(), turned, one.truth.transpose(1, 0, 2).copy(), one.psnr_y)
    across = table(scene())[0]["direction"].iloc[0]
    built, images = table(one, {"uniform": "uniform", "dct": "dct.frechet-a25"})
    assert list(built) == list(COLUMNS)
    assert built.drop_duplicates("row")["row"].tolist() == ["bicubic", "uniform", "dct", "oracle", "truth"]
    if direction == "vertical":
        assert built["direction"].iloc[0] != across
    first = built.iloc[0]
    top, left, line = 4 * first["top"], 4 * first["left"], first["line"]
    sources = {"bicubic": bicubic(one.lr), **one.restored, "truth": one.truth}
    for row, lines in built.groupby("row"):
        plane = luma(sources[row])
        vertical, horizontal = np.gradient(plane)
        expected = np.sqrt(vertical**2 + horizontal**2)
        place = (
            np.s_[top + line, left : left + 48]
            if first["direction"] == "horizontal"
            else np.s_[top : top + 48, left + line]
        )
        assert lines["position"].tolist() == list(range(48))
        assert np.array_equal(lines["luma"], plane[place])
        assert np.allclose(lines["gradient"], expected[place], rtol=1e-14)
        file = lines["file"].iloc[0]
        assert np.array_equal(images[file], sources[row][top : top + 48, left : left + 48])
    draws = built.drop_duplicates("row").set_index("row")["draw"].dropna()
    assert draws.to_dict() == {"uniform": "uniform", "dct": "dct.frechet-a25"}


def test_psnr_of_every_row_but_the_truth():
    one = scene()
    found = table(one)[0].drop_duplicates("row").set_index("row")["psnr_y"]
    assert found.drop("truth").to_dict() == {"bicubic": psnr_y(bicubic(one.lr), one.truth, 4), **one.psnr_y}
    assert np.isnan(found["truth"])
    without = table(scene(truth=False))[0]
    assert "truth" not in set(without["row"])
    assert without["psnr_y"].isna().all()


def test_sharpening_raises_the_gradient_and_blurring_lowers_it():
    means = table(scene())[0].groupby("row")["gradient"].mean()
    assert means["uniform"] > means["truth"] > means["dct"]
    assert means["oracle"] == means["truth"]


def test_a_fixed_crop():
    built, _ = table(scene(), crop=[30, 18])
    assert built[["left", "top", "side"]].drop_duplicates().to_numpy().tolist() == [[30, 18, 12]]
    with pytest.raises(DegcraftError, match=r"evidence\.sharpness\.crop: \[37, 0\] with side 12 leaves image park"):
        table(scene(), crop=[37, 0])


def test_a_side_larger_than_the_image_is_the_image():
    built, _ = table(scene(), side=500)
    assert set(built["side"]) == {32}
    assert built["position"].max() == 127


def test_absent_rows_have_a_note_and_the_table_reads_back(tmp_path):
    built, _ = table(scene(), {}, {"dasr": "no weights for dasr"})
    line = built.iloc[-1]
    assert line[["row", "note"]].tolist() == ["dasr", "no weights for dasr"]
    assert line.drop(["row", "note"]).isna().all()
    write_table(tmp_path / "figure8.csv", built)
    read = read_table(tmp_path / "figure8.csv", *COLUMNS)
    pd.testing.assert_frame_equal(read, built, check_dtype=False, check_exact=True)
