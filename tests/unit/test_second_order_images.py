import math
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from torch.nn import functional

from degcraft.degradations import degrade, kernels
from degcraft.degradations.first_order import jpeg
from degcraft.degradations.resizing import resize
from degcraft.degradations.second_order import PARAMETERS, Stage, _noise, steps
from degcraft.degradations.steps import after
from tests.conftest import photo_like
from tests.second_order import KERNEL, OPTIONS, at, changed


def degraded(image, options=OPTIONS, seed=0, **shares):
    return degrade(image, at(**shares), np.random.default_rng(seed), {"second_order": options})


def test_sides_must_be_multiples_of_the_scale():
    with pytest.raises(ValueError, match="multiples of 4"):
        degraded(np.zeros((30, 32, 3), np.uint8))


@pytest.mark.parametrize("shape", [(4, 8), (16, 16), (32, 36), (64, 100), (288, 288)])
def test_shape_and_type(shape):
    for point in np.random.default_rng(1).random((12, len(PARAMETERS))):
        small = degrade(photo_like(0, *shape), point, np.random.default_rng(0), {"second_order": OPTIONS})
        assert small.shape == (shape[0] // 4, shape[1] // 4, 3)
        assert small.dtype == np.uint8


def test_the_same_stream_gives_the_same_bytes_in_any_thread():
    image = photo_like(2, 64, 80)
    points = np.random.default_rng(2).random((24, len(PARAMETERS)))

    def one(number):
        return degrade(image, points[number], np.random.default_rng(number), {"second_order": OPTIONS}).tobytes()

    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(one, range(24)))
    assert together == [one(number) for number in range(24)]
    assert len(set(together)) == 24


def test_the_stream_is_for_noise_alone():
    image, silent = photo_like(3, 64, 64), changed(sd=[0, 0], poisson=[0, 0])
    for point in np.random.default_rng(3).random((12, len(PARAMETERS))):
        first, other = (degrade(image, point, np.random.default_rng(seed), {"second_order": silent}) for seed in (0, 1))
        assert (first == other).all()
    assert (degraded(image, seed=0) != degraded(image, seed=1)).any()


def test_coordinates_without_meaning_have_no_effect():
    image = photo_like(4, 64, 64)
    plain = degraded(image, kernel1=KERNEL["isotropic"], sigma_x1=0.5, size1=1.0)
    others = {"sigma_y1": 0.9, "rotation1": 0.7, "shape1": 0.9, "cutoff1": 0.4, "filter1": 0.9, "size3": 0.8}
    assert (plain == degraded(image, kernel1=KERNEL["isotropic"], sigma_x1=0.5, size1=1.0, **others)).all()


def test_the_least_degradation_is_nearly_the_plain_resize():
    image = photo_like(5, 192, 256)
    plain = resize(image.astype(np.float32), (48, 64), "area")
    difference = (degraded(image) - plain) @ [0.299, 0.587, 0.114]  # JPEG halves the resolution of colour
    assert 10 * np.log10(255**2 / (difference**2).mean()) > 40
    assert abs(difference.mean()) < 0.1


def test_only_isotropic_kernels_are_products_of_rows_and_columns():
    for kind, share in KERNEL.items():
        blur = steps(at(kernel1=share, sigma_x1=0.4, sigma_y1=0.4, size1=0.5), (64, 64), OPTIONS)[0]
        assert (blur.taps is None) == (kind != "isotropic")
        if blur.taps is not None:
            assert np.outer(blur.taps, blur.taps) == pytest.approx(blur.kernel, abs=1e-15)


def reference(image, kernel, size, kind):
    """Blur and resize by torch, from and to (height, width, 3)."""
    reach = kernel.shape[0] // 2
    tensor = torch.from_numpy(image.astype(np.float64)).permute(2, 0, 1)[:, None]
    padded = functional.pad(tensor, [reach] * 4, mode="reflect")
    flags = {} if kind == "area" else {"align_corners": False}
    blurred = functional.conv2d(padded, torch.from_numpy(kernel)[None, None])
    return functional.interpolate(blurred, size=size, mode=kind, **flags)[:, 0].permute(1, 2, 0).numpy()


def rounded(image):
    return np.rint(image.clip(0, 255)).astype(np.uint8)


@pytest.mark.parametrize("order", ["resize-jpeg", "jpeg-resize"])
@pytest.mark.parametrize(
    ("kind", "shape"),
    [("isotropic", 1.0), ("anisotropic", 1.0), ("generalised-isotropic", 2.5), ("plateau-anisotropic", 1.5)],
)
def test_agrees_with_the_steps_made_one_by_one(kind, shape, order):
    image = photo_like(6, 128, 160)
    shares = {"kernel1": KERNEL[kind], "size1": 0.99, "sigma_x1": 0.5, "sigma_y1": 0.1, "rotation1": 0.8}
    shares |= {
        "shape1": 0.75,
        "resize1": 0.35,
        "filter1": 0.9,
        "quality1": 0.6,
        "kernel2": 0.95,
        "size2": 0.3,
        "cutoff2": 0.2,
    }
    shares |= {"resize2": 0.9, "filter2": 0.5, "quality2": 0.4, "cutoff3": 0.3, "size3": 0.7, "filter3": 0.1}
    found = degraded(image, changed(sd=[0, 0]), order3=float(order == "jpeg-resize"), **shares)

    kernel = kernels.of_kind(kind, 21, 1.6, 0.48, 0.3 * np.pi, shape)
    first = jpeg(rounded(reference(image, kernel, (73, 92), "bicubic")), 69)  # factor .575
    second = reference(first, kernels.sinc(11, np.pi / 3 + 0.2 * np.pi * 2 / 3), (36, 45), "bilinear")  # 1.13
    last = kernels.sinc(17, np.pi / 3 + 0.375 * np.pi * 2 / 3)
    small, size = np.ones((1, 1)), (32, 40)
    if order == "resize-jpeg":
        resized = reference(second, small, size, "area")
        expected = jpeg(rounded(reference(resized, last, size, "area")), 56)
    else:
        resized = reference(jpeg(rounded(second), 56), small, size, "area")
        expected = rounded(reference(resized, last, size, "area"))
    difference = np.abs(found.astype(int) - expected)
    assert difference.mean() < 0.02  # a pixel that is rounded the other way changes its block
    assert difference.max() <= 4


def stage(noise, level, channels):
    nothing = dict.fromkeys(("sigma_x", "sigma_y", "rotation", "shape", "cutoff"), math.nan)
    return Stage(
        "none", 1, **nothing, resize=1.0, filter="area", noise=noise, level=level, channels=channels, quality=95
    )


def field(image, *noise):
    return after(image, _noise(stage(*noise)), np.random.default_rng(0)) - image


def test_gaussian_noise_has_its_standard_deviation_and_independent_channels():
    noise = field(np.full((300, 300, 3), 128, np.float32), "gaussian", 12.0, "colour")
    assert noise.std() == pytest.approx(12, rel=5e-3)
    assert np.abs(np.corrcoef(noise.reshape(-1, 3).T) - np.eye(3)).max() < 0.02


@pytest.mark.parametrize("kind", ["gaussian", "poisson"])
def test_grey_noise_is_one_field(kind):
    image = photo_like(7, 40, 56).astype(np.float32) * 0.4 + 80
    noise = field(image, kind, 0.5, "grey")
    assert np.ptp(noise, axis=2).max() < 1e-3
    assert noise.std() > 0.4
    assert np.ptp(field(image, kind, 1.0, "colour"), axis=2).max() > 1


@pytest.mark.parametrize("scale", [0.2, 0.5])
@pytest.mark.parametrize("channels", ["colour", "grey"])
@pytest.mark.parametrize(("values", "levels"), [(16, 16), (17, 32), (5, 8)])
def test_variance_of_poisson_noise_is_proportional_to_intensity(values, levels, channels, scale):
    intensity = np.linspace(60, 120, values).round().astype(np.float32)
    image = np.broadcast_to(intensity[:, np.newaxis, np.newaxis], (values, 20000, 3))
    noise = field(image, "poisson", scale, channels)
    assert noise.var(axis=(1, 2)) == pytest.approx(scale**2 * 255 * intensity / levels, rel=0.06)
    assert np.abs(noise.mean(axis=(1, 2))).max() < 1.2 * scale  # four standard errors


def test_noise_reaches_the_result():
    silent, flat = changed(sd=[0, 30], quality=[100, 100]), np.full((320, 320, 3), 128, np.uint8)
    result = degraded(flat, silent, level2=0.4, channels2=0.0).astype(float)
    assert result.std() == pytest.approx(12, rel=0.04)
    assert (degraded(flat, silent) == 128).all()


def energy(image):
    """Mean squared difference of neighbours."""
    image = image.astype(float)
    return np.square(np.diff(image, axis=0)).mean() + np.square(np.diff(image, axis=1)).mean()


@pytest.mark.parametrize(
    ("name", "beside", "sign"),
    [
        ("sigma_x1", {"kernel1": KERNEL["isotropic"], "size1": 1.0}, -1),
        ("sigma_x1", {"kernel1": KERNEL["anisotropic"], "size1": 1.0}, -1),
        ("sigma_y1", {"kernel1": KERNEL["plateau-anisotropic"], "size1": 1.0, "shape1": 0.5}, -1),
        ("sigma_x2", {"kernel2": KERNEL["isotropic"], "size2": 1.0}, -1),
        ("level1", {}, 1),
        ("level2", {"noise2": 1.0}, 1),
    ],
)
def test_sharpness_and_noise_go_one_way(name, beside, sign):
    image = photo_like(8, 192, 192)
    found = [energy(degraded(image, **beside | {name: share})) for share in (0.0, 0.33, 0.67, 1.0)]
    assert (np.diff(found) * sign > 0).all(), found


def test_a_smaller_size_in_between_loses_detail():
    image = photo_like(8, 192, 192)
    found = [energy(degraded(image, resize2=share)) for share in (0.0, 0.2, 0.5)]
    assert (np.diff(found) > 0).all(), found


def test_a_lower_quality_loses_more():
    image = photo_like(9, 192, 192)
    plain = resize(image.astype(np.float32), (48, 48), "area")
    errors = [np.square(degraded(image, quality2=share) - plain).mean() for share in (1.0, 0.5, 0.0)]
    assert (np.diff(errors) > 0).all()
