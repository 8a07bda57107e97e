import numpy as np
import pytest
from PIL import Image
from scipy import ndimage
from skimage.registration import phase_cross_correlation

from degcraft.alignment import Alignment, aligned, estimate
from degcraft.errors import DegcraftError
from degcraft.interpolation import bicubic
from degcraft.leaves import dead_leaves
from degcraft.metrics import psnr_rgb
from degcraft.streams import stream

SIDE = 256
QUARTERS = 4  # of the truth's pixels in the fine scene
GAINS, OFFSETS = np.array([0.9, 1.08, 1.02]), np.array([9.0, -7.0, 3.0])
PLAIN = Alignment(0, 0, 1, 1, 1, 0, 0, 0)


@pytest.fixture(scope="module")
def scene():
    """A fine scene in which a shift by whole pixels is one by quarters of the images' pixels."""
    fine = dead_leaves(stream(0, "test", "alignment"), QUARTERS * (SIDE + 40), QUARTERS * (SIDE + 40))
    return 40 + 0.65 * fine.astype(np.float64)  # room for gains: nothing is clipped


def seen(scene, down=0.0, right=0.0):
    """The scene with its content moved by multiples of a quarter pixel: no interpolation is involved."""
    top, left = (round(QUARTERS * (20 - shift)) for shift in (down, right))
    fine = scene[top : top + QUARTERS * SIDE, left : left + QUARTERS * SIDE]
    return fine.reshape(SIDE, QUARTERS, SIDE, QUARTERS, 3).mean(axis=(1, 3))


def rounded(image):
    return np.rint(np.clip(image, 0, 255)).astype(np.uint8)


def blurred(image, blur):
    return ndimage.gaussian_filter(image, (blur, blur, 0), mode="mirror") if blur else image


@pytest.mark.parametrize("blur", [0, 2, 4])
@pytest.mark.parametrize("shift", [(0, 0), (0.25, -0.5), (-3.25, 1.75), (9.5, 7.25)])
def test_known_shifts_and_gains_are_found_under_blur_of_one_side(scene, shift, blur):
    truth = rounded(seen(scene, *shift) * GAINS + OFFSETS)
    found = estimate(rounded(blurred(seen(scene), blur)), truth)
    assert found.shift == pytest.approx(shift, abs=0.05)
    assert found.gains == pytest.approx(GAINS, rel=0.015)
    assert found.offsets == pytest.approx(OFFSETS, abs=0.015 * 150)


def test_gains_do_not_undo_what_blur_takes_from_contrast(scene):
    image, truth = blurred(seen(scene), 4), seen(scene)
    slopes = [np.polyfit(image[..., c].ravel(), truth[..., c].ravel(), 1)[0] for c in range(3)]
    assert min(slopes) > 1.03  # what a fit of the images as they are would say
    assert estimate(rounded(image), rounded(truth)).gains == pytest.approx(np.ones(3), abs=0.01)


def test_blur_of_the_truth_does_no_harm_either(scene):
    found = estimate(rounded(seen(scene)), rounded(blurred(seen(scene, 1.25, -0.75), 3)))
    assert found.shift == pytest.approx((1.25, -0.75), abs=0.05)


def test_enlarged_noisy_images_are_aligned(scene):
    truth = rounded(seen(scene, -0.75, 0.5))
    small = np.asarray(Image.fromarray(rounded(seen(scene))).resize((SIDE // 4, SIDE // 4), Image.Resampling.BOX))
    noise = stream(0, "test", "alignment", "noise").normal(0, 4, small.shape)
    found = estimate(bicubic(rounded(small + noise)), truth)
    assert found.shift == pytest.approx((-0.75, 0.5), abs=0.05)
    assert found.gains == pytest.approx(np.ones(3), abs=0.02)


def test_agrees_with_the_fourier_method_where_images_are_periodic(scene):
    # There alone its assumption holds.
    image = blurred(seen(scene), 1)
    shift = (1.37, -2.61)
    moved = np.stack(
        [np.fft.ifft2(ndimage.fourier_shift(np.fft.fft2(image[..., c]), shift)).real for c in range(3)], axis=-1
    )
    pair = rounded(image), rounded(moved)
    greys = [side.mean(axis=2) for side in pair]
    reference, _, _ = phase_cross_correlation(greys[1], greys[0], upsample_factor=100, normalization=None)
    assert reference == pytest.approx(shift, abs=0.01)
    assert estimate(*pair).shift == pytest.approx(reference, abs=0.03)


def test_equal_images_need_nothing(scene):
    image = rounded(seen(scene))
    found = estimate(image, image)
    assert found.shift == pytest.approx((0, 0), abs=1e-6)
    assert found.gains == pytest.approx(np.ones(3), abs=1e-5)
    assert found.offsets == pytest.approx(np.zeros(3), abs=1e-3)
    assert found == estimate(image, image)


def test_aligned_images_are_the_truth(scene):
    image = rounded(blurred(seen(scene), 1.5))
    truth = rounded(blurred(seen(scene, 2.75, -1.5), 1.5) * GAINS + OFFSETS)
    moved, cut = aligned(image, truth, estimate(image, truth))
    assert moved.shape == cut.shape == (SIDE - 6, SIDE - 6, 3)
    assert np.array_equal(cut, truth[3:-3, 3:-3])
    assert psnr_rgb(image, truth, 4) < 30
    assert psnr_rgb(moved, cut, 4) > 42


def test_a_shift_by_whole_pixels_moves_pixels(scene):
    image = rounded(seen(scene))
    moved, cut = aligned(image, image, Alignment(2, -1, 1, 1, 1, 0, 0, 0))
    assert np.array_equal(cut, image[2:-2, 2:-2])
    assert np.array_equal(moved, image[:-4, 3:-1])


def test_no_alignment_changes_and_cuts_nothing(scene):
    image = rounded(seen(scene))
    moved, cut = aligned(image, image, PLAIN)
    assert np.array_equal(moved, image)
    assert np.array_equal(cut, image)


def test_gains_and_offsets_are_of_their_channels():
    image = np.full((32, 32, 3), 100, np.uint8)
    moved, _ = aligned(image, image, Alignment(0, 0, 0.5, 1, 3, 10, -20, 0))
    assert moved[7, 9].tolist() == [60, 80, 255]


@pytest.mark.parametrize("side", [32, 48, 96])
def test_small_windows_are_aligned_too(scene, side):
    image, truth = rounded(seen(scene)), rounded(seen(scene, 0.5, -0.25))
    found = estimate(image[:side, :side], truth[:side, :side])
    assert found.shift == pytest.approx((0.5, -0.25), abs=0.2)


def test_a_grey_channel_that_never_changes_gets_no_gain(scene):
    image = rounded(seen(scene))
    image[..., 2] = 77
    found = estimate(image, image)
    assert found.gain_blue == 1
    assert found.offset_blue == pytest.approx(0, abs=1e-9)


def test_other_scenes_are_refused(scene):
    other = dead_leaves(stream(1, "test", "alignment"), SIDE, SIDE)
    with pytest.raises(DegcraftError, match=r"correlation -?0\.\d\d at .*; give each image its own truth"):
        estimate(rounded(seen(scene)), other)
    with pytest.raises(DegcraftError, match=r"correlation 0\.00 at a shift of 0\.0 down and 0\.0 right"):
        estimate(np.zeros((64, 64, 3), np.uint8), other[:64, :64])


def test_shifts_out_of_reach_are_refused(scene):
    with pytest.raises(DegcraftError, match="at most 16 pixels apart"):
        estimate(rounded(seen(scene, 19, 0)), rounded(seen(scene)))
