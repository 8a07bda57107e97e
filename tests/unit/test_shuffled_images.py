import numpy as np
import pytest
import torch
from scipy import ndimage
from scipy.stats import multivariate_normal
from torch.nn import functional

from degcraft.degradations import degrade
from degcraft.degradations.first_order import jpeg
from degcraft.degradations.shuffled import PARAMETERS, steps
from tests.conftest import photo_like
from tests.shuffled import CHANNELS, FILTER, FINE, HALVING, OPTIONS, ORDER, SILENT, at, is_noise, places


def degraded(image, options=SILENT, seed=0, **shares):
    return degrade(image, at(**shares), np.random.default_rng(seed), {"shuffled": options})


def test_reduction_and_resize_change_places():
    image = photo_like(1, 96, 96)
    shares = {"factor": 0.3, "filter": FILTER["bicubic"], "sigma_x1": 0.5, "size1": 0.9}
    asked = degraded(image, **shares, **places("reduction", "blur1", "resize", "blur2", "noise", "jpeg", "camera"))
    other = degraded(image, **shares, **places("resize", "blur1", "reduction", "blur2", "noise", "jpeg", "camera"))
    assert (asked == other).all()
    assert (asked != degraded(image, **shares)).any()


@pytest.mark.parametrize("halving", [0.0, HALVING["bilinear"], HALVING["coverage"]])
def test_without_degradation_the_mean_of_blocks_is_compressed(halving):
    small = photo_like(2, 24, 32)  # as HR image, each pixel repeated, so that means are whole numbers
    found = degraded(small.repeat(4, 0).repeat(4, 1), halving=halving)
    assert (found == jpeg(small, 95)).all()


def test_the_order_of_noise_and_resize_matters():
    flat = np.full((512, 512, 3), 128, np.uint8)
    for order, divisor in ((ORDER, 1), (("noise", *(name for name in ORDER if name != "noise")), 4)):
        found = degraded(flat, FINE, level=0.9, **places(*order)).astype(float)
        assert found.std() == pytest.approx(np.hypot(23 / divisor, 12**-0.5), rel=0.03)
        assert np.ptp(found, axis=2).max() <= 2  # grey


def test_coloured_noise_is_independent_in_each_channel():
    (noise,) = (step for step in steps(at(channels=CHANNELS["colour"], level=0.5), (64, 64), OPTIONS) if is_noise(step))
    assert noise.mixing @ noise.mixing.T == pytest.approx(14**2 * np.eye(3))
    found = degraded(np.full((512, 512, 3), 128, np.uint8), FINE, channels=CHANNELS["colour"], level=0.5)
    luma = found @ [0.299, 0.587, 0.114]  # JPEG leaves colour at half the resolution
    assert luma.std() == pytest.approx(14 * np.linalg.norm([0.299, 0.587, 0.114]), rel=0.03)


def reference(image, kernel, size, kind):
    """Blur by scipy, resize by torch, clipped."""
    blurred = ndimage.convolve(image.astype(np.float64), kernel[..., None], mode="mirror")
    tensor = torch.from_numpy(blurred).permute(2, 0, 1)[None]
    flags = {} if kind == "area" else {"align_corners": False}
    return functional.interpolate(tensor, size=size, mode=kind, **flags)[0].permute(1, 2, 0).numpy().clip(0, 255)


def normal_density(size, covariance):
    offsets = np.arange(size) - size // 2
    density = multivariate_normal(cov=covariance).pdf(np.dstack(np.meshgrid(offsets, offsets)))
    return density / density.sum()


def difference(found, expected):
    return np.abs(found.astype(int) - expected)


@pytest.mark.parametrize(("halving", "s"), [(0.0, 4), (HALVING["bilinear"], 2)])
def test_agrees_with_the_steps_made_one_by_one(halving, s):
    image = photo_like(3, 144, 192)
    shares = {"kernel1": 0.2, "size1": 0.45, "sigma_x1": 0.7, "sigma_y1": 0.1, "rotation1": 0.3}
    shares |= {"reduction": FILTER["bilinear"], "factor": 0.25, "quality1": 0.45, "size2": 0.99, "sigma_x2": 0.3}
    shares |= {"filter": FILTER["bicubic"], "quality2": 0.2, "halving": halving}
    order = places("blur1", "reduction", "jpeg", "blur2", "camera", "resize", "noise")
    found = degraded(image, **shares, **order)

    if s == 2:
        image = image.reshape(72, 2, 96, 2, 3).mean((1, 3))
    turn = np.array([[np.cos(0.3 * np.pi), -np.sin(0.3 * np.pi)], [np.sin(0.3 * np.pi), np.cos(0.3 * np.pi)]])
    kernel = normal_density(15, turn @ np.diag([0.7 * (4 + s), 0.1 * (4 + s)]) @ turn.T)
    factor = 1 + 0.25 * (2 * s - 1)
    once = reference(image, kernel, tuple(int(side / factor) for side in image.shape[:2]), "bilinear")
    coded = jpeg(np.rint(once).astype(np.uint8), 63)
    twice = reference(coded, normal_density(25, np.eye(2) * (0.3 * (2 + 0.2 * s)) ** 2), (36, 48), "bicubic")
    expected = jpeg(np.rint(twice).astype(np.uint8), 43)
    assert difference(found, expected).mean() < 0.02  # a pixel that is rounded the other way changes its block
    assert difference(found, expected).max() <= 6


@pytest.mark.parametrize(("halving", "s"), [(0.0, 4), (HALVING["bilinear"], 2)])
def test_the_strided_reduction_keeps_the_picture_in_its_place(halving, s):
    image = photo_like(4, 96, 128)
    found = degraded(image, halving=halving, reduction=0.9, sigma=0.5)
    if s == 2:
        image = image.reshape(48, 2, 64, 2, 3).mean((1, 3))
    offsets = np.arange(-12, 13)
    width = 0.1 + 0.5 * (0.6 * s - 0.1)
    gaussian = np.exp(-(offsets[:, None] ** 2 + offsets**2) / (2 * width**2))
    shift = (s - 1) / 2  # by linear interpolation, the last samples going on beyond the end
    moved = ndimage.shift(gaussian, -shift, order=1, mode="nearest")
    expected = ndimage.convolve(image.astype(float), (moved / moved.sum())[..., None], mode="mirror")[::s, ::s]
    assert difference(found, jpeg(np.rint(expected).astype(np.uint8), 95)).mean() < 0.05
    shifted = np.roll(expected, 1, axis=1)
    assert difference(found, expected).mean() < 0.5 * difference(found, shifted).mean()


def test_the_same_generator_gives_the_same_image():
    image, rng = photo_like(5, 64, 64), np.random.default_rng(0)
    for _ in range(20):
        point = rng.random(len(PARAMETERS))
        first, again, other = (
            degrade(image, point, np.random.default_rng(seed), {"shuffled": OPTIONS}) for seed in (1, 1, 2)
        )
        assert (first == again).all()
        assert (first != other).any()
        silent, still = (degrade(image, point, np.random.default_rng(seed), {"shuffled": SILENT}) for seed in (1, 2))
        assert (silent == still).all()


def energy(image):
    """Mean squared difference of neighbours."""
    image = image.astype(float)
    return np.square(np.diff(image, axis=0)).mean() + np.square(np.diff(image, axis=1)).mean()


@pytest.mark.parametrize(
    ("name", "beside", "sign"),
    [
        ("sigma_x1", {"size1": 0.9}, -1),
        ("sigma_x2", {"size2": 0.9}, -1),
        ("sigma_y1", {"kernel1": 0.2, "size1": 0.9, "sigma_x1": 0.1}, -1),
        ("factor", {"filter": FILTER["bilinear"]}, -1),
        ("sigma", {"reduction": 0.9}, -1),
        ("level", {}, 1),
        ("variance1", {"channels": CHANNELS["correlated"], "mixing11": 1.0, "mixing22": 0.5, "mixing33": 0.2}, 1),
    ],
)
def test_sharpness_and_noise_go_one_way(name, beside, sign):
    image = photo_like(6, 192, 192)
    found = [energy(degraded(image, OPTIONS, **beside | {name: share})) for share in (0.0, 0.33, 0.67, 1.0)]
    assert (np.diff(found) * sign > 0).all(), found


@pytest.mark.parametrize("shape", [(66, 64), (64, 65)])
def test_other_sides_are_refused(shape):
    with pytest.raises(ValueError, match="multiples of 4"):
        degraded(photo_like(0, *shape))
