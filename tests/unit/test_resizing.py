import numpy as np
import pytest
import torch
from scipy import ndimage
from torch.nn import functional

from degcraft.degradations.resizing import FILTERS, matrix, resize, strided_gaussian
from tests.conftest import photo_like

SIZES = [
    ((288, 288), (43, 43)),
    ((61, 90), (150, 131)),
    ((48, 64), (12, 16)),
    ((37, 53), (41, 29)),
    ((8, 9), (31, 8)),
    ((72, 72), (71, 73)),
    ((5, 1), (3, 4)),
]


@pytest.mark.parametrize(("source", "target"), SIZES)
@pytest.mark.parametrize("kind", FILTERS)
def test_agrees_with_torch(kind, source, target):
    image = np.random.default_rng(0).uniform(0, 255, (*source, 3)).astype(np.float32)
    flags = {} if kind == "area" else {"align_corners": False, "antialias": False}
    tensor = torch.from_numpy(image).permute(2, 0, 1)[None].double()
    expected = functional.interpolate(tensor, size=target, mode=kind, **flags)[0].permute(1, 2, 0).numpy()
    found = resize(image, target, kind)
    assert found.shape == (*target, 3)
    assert found.dtype == np.float32
    assert found == pytest.approx(expected, abs=1e-3)


@pytest.mark.parametrize("kind", FILTERS)
def test_the_same_size_is_the_same_image(kind):
    image = photo_like(0, 24, 20).astype(np.float32)
    assert (resize(image, (24, 20), kind) == image).all()
    assert (matrix(24, 24, kind).toarray() == np.eye(24)).all()


@pytest.mark.parametrize(("source", "target"), [(288, 43), (43, 288), (72, 72), (9, 8), (1, 5)])
@pytest.mark.parametrize("kind", FILTERS)
def test_constants_stay_constant(kind, source, target):
    assert np.asarray(matrix(source, target, kind).sum(axis=1)) == pytest.approx(np.ones(target), abs=1e-6)


@pytest.mark.parametrize("factor", [2, 4, 6])
def test_area_by_a_whole_number_is_the_mean_of_blocks(factor):
    image = photo_like(3, 48, 96).astype(np.float32)
    blocks = image.reshape(48 // factor, factor, 96 // factor, factor, 3).mean(axis=(1, 3))
    assert resize(image, (48 // factor, 96 // factor), "area") == pytest.approx(blocks, abs=1e-3)


@pytest.mark.parametrize("kind", ["area", "bilinear"])  # torch's cubic bends ramps
def test_enlarging_a_ramp_keeps_it_a_ramp(kind):
    found = matrix(20, 40, kind) @ np.arange(20, dtype=np.float32)
    expected = np.repeat(np.arange(20), 2) if kind == "area" else (np.arange(40) + 0.5) / 2 - 0.5
    inside = slice(4, -4)  # the end samples go on beyond the ends
    assert found[inside] == pytest.approx(expected[inside], abs=1e-5)


@pytest.mark.parametrize(("source", "target"), [(48, 12), (61, 150), (37, 53), (9, 8), (72, 71), (3, 7), (5, 1)])
def test_coverage_counts_samples_by_the_part_that_is_covered(source, target):
    samples = np.random.default_rng(0).uniform(0, 255, source).astype(np.float32)
    parts = np.repeat(samples, target)  # cut so fine that each new sample is a whole number of parts
    assert matrix(source, target, "coverage") @ samples == pytest.approx(parts.reshape(target, -1).mean(1), abs=1e-3)


@pytest.mark.parametrize("size", [51, 25, 7])
@pytest.mark.parametrize("length", [96, 40, 12])
def test_a_gaussian_of_stride_one_is_the_blur(length, size):
    samples = np.random.default_rng(0).uniform(0, 255, length)
    expected = ndimage.gaussian_filter1d(samples, 2.5, mode="mirror", radius=size // 2)
    assert strided_gaussian(length, 1, 2.5, size) @ samples == pytest.approx(expected)


@pytest.mark.parametrize("step", [2, 4])
def test_strides_keep_ramps_in_place(step):
    ramp = strided_gaussian(96, step, 1.1) @ np.arange(96.0)
    centres = np.arange(96 / step) * step + (step - 1) / 2
    inside = slice(12 // step + 1, -12 // step - 1)
    assert ramp[inside] == pytest.approx(centres[inside], abs=1e-6)


def test_unknown_filters_are_refused():
    with pytest.raises(ValueError, match="lanczos"):
        matrix(8, 4, "lanczos")
