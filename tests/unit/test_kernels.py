import numpy as np
import pytest
from scipy import ndimage, signal, special
from scipy.stats import multivariate_normal

from degcraft.degradations import kernels
from tests.conftest import photo_like

SHAPES = [0.5, 0.8, 1.0, 2.0, 4.0]


def offsets(size):
    steps = np.arange(size) - size // 2
    return np.meshgrid(steps, steps)  # x along columns, y along rows


def covariance(kernel):
    x, y = offsets(len(kernel))
    return np.array([[(kernel * a * b).sum() for a in (x, y)] for b in (x, y)])


@pytest.mark.parametrize("size", [7, 13, 21])
@pytest.mark.parametrize("kind", kernels.KINDS)
def test_kernels_sum_to_one_and_look_the_same_after_a_half_turn(kind, size):
    kernel = kernels.of_kind(kind, size, 2.5, 0.7, 0.4, 1.6)
    assert kernel.shape == (size, size)
    assert kernel.dtype == np.float64
    assert kernel.sum() == pytest.approx(1)
    assert kernel.min() >= 0
    assert kernel == pytest.approx(kernel[::-1, ::-1], abs=1e-15)
    assert kernel.argmax() == size**2 // 2


@pytest.mark.parametrize("kind", kernels.KINDS)
def test_isotropic_kinds_have_one_width(kind):
    kernel = kernels.of_kind(kind, 15, 2.5, 0.7, 0.4, 1.6)
    same = kernel == pytest.approx(kernel.T, abs=1e-12) and kernel == pytest.approx(kernel[::-1], abs=1e-12)
    assert same == (not kind.endswith("anisotropic"))


@pytest.mark.parametrize(("sigma", "centre"), [(1, 0.15915494), (2, 0.03978874), (3.5, 0.01306034), (5, 0.00684234)])
def test_centre_of_the_isotropic_gaussian(sigma, centre):
    assert kernels.gaussian(21, sigma, sigma, 0.0)[10, 10] == pytest.approx(centre, abs=1e-7)


def test_gaussian_is_the_normal_density():
    turn = np.array([[np.cos(0.7), -np.sin(0.7)], [np.sin(0.7), np.cos(0.7)]])
    density = multivariate_normal(cov=turn @ np.diag([3.0**2, 1.2**2]) @ turn.T).pdf(np.dstack(offsets(21)))
    assert kernels.gaussian(21, 3.0, 1.2, 0.7) == pytest.approx(density / density.sum(), abs=1e-12)


def test_moments_are_the_widths_turned():
    found, directions = np.linalg.eigh(covariance(kernels.gaussian(81, 6.0, 2.0, 0.6)))
    assert np.sqrt(found) == pytest.approx([2.0, 6.0], rel=1e-9)
    assert np.abs(directions[:, 1]) == pytest.approx([np.cos(0.6), np.sin(0.6)], rel=1e-9)
    assert np.prod(directions[:, 1]) > 0  # towards the y axis, not away from it


@pytest.mark.parametrize("kind", [kind for kind in kernels.KINDS if kind.endswith("anisotropic")])
def test_a_quarter_turn_exchanges_the_widths(kind):
    turned = kernels.of_kind(kind, 17, 2.5, 0.9, np.pi / 2, 1.4)
    assert turned == pytest.approx(kernels.of_kind(kind, 17, 0.9, 2.5, 0.0, 1.4), abs=1e-12)
    assert turned == pytest.approx(kernels.of_kind(kind, 17, 2.5, 0.9, -np.pi / 2, 1.4), abs=1e-12)


def test_generalised_gaussian_of_shape_one_is_the_gaussian():
    expected = kernels.gaussian(21, 2.0, 1.0, 0.3)
    assert kernels.generalised_gaussian(21, 2.0, 1.0, 0.3, 1.0) == pytest.approx(expected, abs=1e-15)


@pytest.mark.parametrize("shape", SHAPES)
def test_variance_of_the_generalised_gaussian(shape):
    # The integral of r^3 exp(-r^(2 b) / 2) over that of r exp(-r^(2 b) / 2), halved: one axis of two.
    expected = 2 ** (1 / shape) * special.gamma(2 / shape) / special.gamma(1 / shape) / 2
    found = covariance(kernels.generalised_gaussian(501, 8.0, 5.0, 0.0, shape))
    assert found == pytest.approx(np.diag([64 * expected, 25 * expected]), rel=2e-3, abs=1e-9)


@pytest.mark.parametrize("shape", SHAPES)
def test_plateau_falls_to_a_half_at_its_width(shape):
    kernel = kernels.plateau(21, 4.0, 2.0, 0.0, shape)
    assert kernel[10, 14] / kernel[10, 10] == pytest.approx(0.5)
    assert kernel[12, 10] / kernel[10, 10] == pytest.approx(0.5)
    assert kernel[10, 18] / kernel[10, 10] == pytest.approx(1 / (1 + 4.0**shape))


def test_sinc_check_values():
    kernel = kernels.sinc(7, np.pi / 2)
    assert [kernel[3, 3], kernel[3, 4], kernel[0, 0]] == pytest.approx([0.23575877, 0.17014778, -0.00749881], abs=1e-8)
    assert kernel.sum() == pytest.approx(1)


@pytest.mark.parametrize("cutoff", [np.pi / 3, 2.0, np.pi])
def test_sinc_is_the_inverse_transform_of_a_disc(cutoff):
    nodes, weights = np.polynomial.legendre.leggauss(40)
    radius = (nodes + 1) / 2 * cutoff
    angle = np.arange(64) / 64 * 2 * np.pi
    frequency_x, frequency_y = (np.outer(radius, wave(angle)).ravel() for wave in (np.cos, np.sin))
    x, y = (part.reshape(-1, 1) for part in offsets(9))
    integral = np.cos(x * frequency_x + y * frequency_y) @ np.repeat(weights * radius, 64)
    assert kernels.sinc(9, cutoff).ravel() == pytest.approx(integral / integral.sum(), abs=1e-9)


def test_sinc_passes_low_frequencies_and_stops_high_ones():
    response = np.abs(np.fft.fft2(kernels.sinc(101, np.pi / 2), (256, 256)))
    frequency = np.hypot(*np.meshgrid(*[2 * np.pi * np.fft.fftfreq(256)] * 2))
    assert response[frequency < 0.8 * np.pi / 2] == pytest.approx(1, abs=0.06)
    assert response[frequency > 1.2 * np.pi / 2].max() < 0.06


@pytest.mark.parametrize("shape", [(40, 56), (21, 33), (8, 11), (4, 4)])
@pytest.mark.parametrize("size", [7, 21])
def test_filtering_reflects_at_the_border(shape, size):
    image = photo_like(1, *shape).astype(np.float32)
    kernel = kernels.plateau(size, 2.5, 1.0, 0.6, 1.5)
    expected = ndimage.correlate(image.astype(float), kernel[..., np.newaxis], mode="mirror")
    found = kernels.filtered(image, kernel)
    assert found.dtype == np.float32
    assert found == pytest.approx(expected, abs=2e-3)


def test_filtering_inside_is_convolution():
    image = photo_like(2, 40, 56).astype(np.float32)
    kernel = kernels.sinc(13, 1.2)
    expected = signal.convolve2d(image[..., 1].astype(float), kernel, mode="valid")
    assert kernels.filtered(image, kernel)[6:-6, 6:-6, 1] == pytest.approx(expected, abs=2e-3)
