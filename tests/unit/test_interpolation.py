import numpy as np
import pytest

from degcraft.degradations.first_order import downsampling_matrix
from degcraft.interpolation import bicubic, reduced
from tests.conftest import photo_like


def test_reducing_by_four_is_the_degradation_without_blur_noise_and_compression():
    image = 50 + photo_like(0, 96, 128) // 2  # no overshoot is clipped between the axes
    rows, columns = downsampling_matrix(96, "bicubic"), downsampling_matrix(128, "bicubic")
    expected = np.einsum("ij,jkc,lk->ilc", rows, image, columns)
    inside = np.s_[2:-2, 2:-2]  # Pillow treats the border otherwise
    found = reduced(image, 4)
    assert found.shape == (24, 32, 3)
    assert np.abs(found[inside] - expected[inside]).max() < 1.5  # rounding, once per axis


@pytest.mark.parametrize(("factor", "shape"), [(2, (30, 50)), (3, (20, 33)), (4, (15, 25)), (7, (8, 14))])
def test_what_is_left_of_whole_multiples_is_cut(factor, shape):
    image = photo_like(1, 61, 101)
    found = reduced(image, factor)
    assert found.shape == (*shape, 3)
    assert np.array_equal(found, reduced(image[: shape[0] * factor, : shape[1] * factor], factor))


def test_a_factor_of_one_changes_nothing():
    image = photo_like(2, 33, 21)
    assert np.array_equal(reduced(image, 1), image)


def test_centres_stay_where_they_are():
    ramp = np.broadcast_to(np.arange(0, 240, 2, dtype=np.uint8)[:, None, None], (120, 24, 3))
    found = reduced(np.ascontiguousarray(ramp), 4)[3:-3, 2, 0]
    assert found == pytest.approx(3 + 8 * np.arange(3, 27), abs=0.6)


def test_smooth_images_survive_reducing_and_enlarging():
    y, x = np.mgrid[:96, :96]
    smooth = (128 + 80 * np.sin(x / 15) * np.cos(y / 19)).astype(np.uint8)[..., None].repeat(3, axis=2)
    back = bicubic(reduced(smooth, 4)).astype(int)
    assert np.abs(back - smooth)[8:-8, 8:-8].max() <= 3
