import numpy as np
import pytest

from degcraft.leaves import _draw_shapes, _nearest, dead_leaves
from degcraft.streams import stream

SIDE = 288


@pytest.fixture(scope="module")
def leaves():
    return [dead_leaves(stream(number, "test"), SIDE, SIDE) for number in range(8)]


def radial_slope(image):
    """Slope of log mean power against log frequency, between 4 cycles per image and 0.4 per pixel."""
    luma = image @ [0.299, 0.587, 0.114]
    window = np.hanning(SIDE)[:, None] * np.hanning(SIDE)
    power = np.abs(np.fft.fft2((luma - luma.mean()) * window)) ** 2
    frequency = np.hypot(np.fft.fftfreq(SIDE)[:, None], np.fft.fftfreq(SIDE))
    edges = np.geomspace(4 / SIDE, 0.4, 13)
    ring = np.digitize(frequency, edges)
    mean = [power[ring == k].mean() for k in range(1, 13)]
    return np.polyfit(np.log(np.sqrt(edges[1:] * edges[:-1])), np.log(mean), 1)[0]


@pytest.mark.parametrize(("height", "width"), [(288, 288), (40, 300), (1, 1), (33, 32)])
def test_shape_and_type(height, width):
    image = dead_leaves(stream(0, "test"), height, width)
    assert image.shape == (height, width, 3)
    assert image.dtype == np.uint8


def test_the_stream_decides_all(leaves):
    assert np.array_equal(dead_leaves(stream(3, "test"), SIDE, SIDE), leaves[3])
    for other in (2, 4, 5):
        assert np.abs(leaves[3].astype(int) - leaves[other]).mean() > 20


def test_sizes_follow_the_inverse_cube():
    edges = np.geomspace(16, 128, 7)  # above every image's smallest shape, rendered pixels
    density = np.zeros(6)
    for number in range(12):
        radius = _draw_shapes(stream(number, "test"), 578, 578).radius
        # Larger shapes have more room for a centre from which they touch the image.
        density += np.histogram(radius, edges, weights=(578 + 2 * radius) ** -2.0)[0] / np.diff(edges)
    slope = np.polyfit(np.log(np.sqrt(edges[1:] * edges[:-1])), np.log(density), 1)[0]
    assert slope == pytest.approx(-3, abs=0.25)


def test_shapes_leave_as_little_free_as_three_layers_do():
    free = []
    for number in range(8):
        shapes = _draw_shapes(stream(number, "test"), 578, 578)
        free.append(np.mean(_nearest(shapes, 578, 578) == len(shapes.radius)))
    assert np.mean(free) == pytest.approx(np.exp(-3), abs=0.02)


def test_nearer_shapes_hide_farther_ones():
    shapes = _draw_shapes(stream(0, "test"), 200, 200)
    front = _nearest(shapes, 200, 200)
    pixels = np.stack(np.mgrid[:200, :200], axis=-1)
    ellipses = np.flatnonzero(~shapes.cut & np.isfinite(shapes.disc))
    assert len(ellipses) > 40
    for number in ellipses:
        own = (pixels - shapes.centre[number]) @ shapes.axes[number].T
        square = np.sum(own**2, axis=-1)
        assert (front[square < 0.999] <= number).all()
        assert (square[front == number] < 1.001).all()


def test_spectrum_falls_as_in_photographs(leaves):
    slopes = [radial_slope(image) for image in leaves]
    assert -2.8 < np.mean(slopes) < -1.8  # photographs of the same size: -2.3 on average
    assert min(slopes) > -3.2
    assert max(slopes) < -1.5


def test_spectrum_measure_knows_white_noise_and_ramps():
    rng = np.random.default_rng(0)
    assert radial_slope(rng.normal(128, 20, (SIDE, SIDE, 3))) == pytest.approx(0, abs=0.1)
    frequency = np.hypot(np.fft.fftfreq(SIDE)[:, None], np.fft.fftfreq(SIDE))
    frequency[0, 0] = np.inf
    red = np.fft.ifft2(np.fft.fft2(rng.normal(size=(SIDE, SIDE))) / frequency).real
    assert radial_slope(np.repeat(red[..., None], 3, axis=2)) == pytest.approx(-2, abs=0.15)


def test_gradients_are_sparse_as_in_photographs(leaves):
    # Few strong edges on many weak gradients: kurtosis far above a Gaussian's 3.
    for image in leaves:
        step = np.diff(image[..., 1].astype(float), axis=1).ravel()
        assert np.mean((step - step.mean()) ** 4) / step.var() ** 2 > 5


def test_colours_are_varied_and_correlated_but_not_grey(leaves):
    values = np.concatenate([image.reshape(-1, 3) for image in leaves]).astype(float)
    correlation = np.corrcoef(values.T)
    assert 0.4 < correlation[0, 2] < 0.98
    assert np.ptp(np.percentile(values.mean(axis=1), [1, 99])) > 150
    assert np.abs(values[:, 0] - values[:, 2]).mean() > 8
    for image in leaves:
        assert image.std(axis=(0, 1)).min() > 15
        assert np.mean((image == 0) | (image == 255)) < 0.1


def test_edges_are_antialiased(leaves):
    # Behind a lens and a pixel's area, two neighbouring differences share a step; a hard edge is one difference.
    shared = []
    for image in leaves:
        difference = np.abs(np.diff(image.mean(axis=2), axis=1))
        pairs = np.sort(np.stack([difference[:, :-1], difference[:, 1:]]), axis=0)
        shared.append(np.median((pairs[0] / np.maximum(pairs[1], 1))[pairs.sum(axis=0) > 80]))
    assert np.mean(shared) > 0.33  # 0.2 without the lens and the mean
