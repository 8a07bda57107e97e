import io

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage, signal

from degcraft.degradations.first_order import (
    add_noise,
    blur_and_downsample,
    degrade,
    downsampling_matrix,
    gaussian_taps,
    jpeg,
)
from tests.conftest import photo_like

OPTIONS = {"kernel_size": 21, "downsampling": "bicubic", "noise": "colour", "chroma": "4:2:0"}


@pytest.mark.parametrize(("blur", "centre"), [(1, 0.15915494), (2, 0.03978874), (3.5, 0.01306034), (5, 0.00684234)])
def test_centre_of_the_gaussian_kernel(blur, centre):
    assert gaussian_taps(blur, 21)[10] ** 2 == pytest.approx(centre, abs=1e-7)


@pytest.mark.parametrize(("size", "effective"), [(13, 3.34), (15, 3.71), (21, 4.50), (25, 4.77), (31, 4.95)])
def test_truncation_narrows_the_kernel_as_documented(size, effective):
    taps = gaussian_taps(5, size)
    offsets = np.arange(size) - size // 2
    assert np.sqrt((taps * offsets**2).sum()) == pytest.approx(effective, abs=0.006)


def test_no_blur_is_the_unit_pulse():
    assert gaussian_taps(0.0, 21).tolist() == [0.0] * 10 + [1.0] + [0.0] * 10


def test_bicubic_taps():
    row = downsampling_matrix(64, "bicubic")[8]
    expected = [-0.00170898, -0.01098633, -0.01831055, -0.01196289, 0.02270508, 0.09741211, 0.18188477, 0.24096680]
    assert row[26:34] == pytest.approx(expected, abs=1e-7)
    assert row[34:42] == pytest.approx(expected[::-1], abs=1e-7)
    assert (row**2).sum() == pytest.approx(0.20350742, abs=1e-7)


def test_bicubic_taps_of_a_half():
    row = downsampling_matrix(64, "bicubic", 2)[8]
    expected = [-0.01171875, -0.03515625, 0.11328125, 0.43359375]
    assert row[13:21] == pytest.approx(expected + expected[::-1], abs=1e-9)
    assert downsampling_matrix(64, "bicubic", 2).shape == (32, 64)


def test_bicubic_reduction_of_the_reference_image():
    y, x = np.mgrid[:48, :64]
    image = (7 * x + 13 * y) % 256 / 255
    small = downsampling_matrix(48, "bicubic") @ image @ downsampling_matrix(64, "bicubic").T
    found = [small.mean(), small[0, 0], small[0, 15], small[5, 7], small[11, 15]]
    assert found == pytest.approx([0.50163399, 0.10665594, 0.79123924, 0.81720551, 0.45195983], abs=1e-7)


@pytest.mark.parametrize("kind", ["bicubic", "area", "stride"])
def test_downsampling_keeps_constants(kind):
    assert downsampling_matrix(48, kind).sum(axis=1) == pytest.approx(np.ones(12))


@pytest.mark.parametrize("blur", [0.0, 0.3, 1.7, 5.0])
@pytest.mark.parametrize("kind", ["bicubic", "area", "stride"])
def test_equals_dense_convolution_then_downsampling(blur, kind):
    image = photo_like(3, 64, 96)
    kernel = np.outer(gaussian_taps(blur, 21), gaussian_taps(blur, 21))
    padded = np.pad(image.astype(float), ((10, 10), (10, 10), (0, 0)), mode="reflect")
    blurred = np.stack([signal.convolve2d(padded[..., c], kernel, mode="valid") for c in range(3)], axis=-1)
    expected = np.einsum("ij,jkc,lk->ilc", downsampling_matrix(64, kind), blurred, downsampling_matrix(96, kind))
    assert blur_and_downsample(image, blur, 21, kind) == pytest.approx(expected, abs=2e-3)


def test_agrees_with_scipy_where_truncation_does_not_matter():
    image = photo_like(4, 96, 96)
    blurred = ndimage.gaussian_filter(image.astype(float), (1.5, 1.5, 0), mode="mirror", radius=10)
    assert blur_and_downsample(image, 1.5, 21, "stride") == pytest.approx(blurred[::4, ::4], abs=2e-3)


def test_agrees_with_pillow_bicubic_inside():
    image = photo_like(5, 96, 128)
    pillow = np.asarray(Image.fromarray(image).resize((32, 24), Image.Resampling.BICUBIC), dtype=float)
    ours = np.clip(blur_and_downsample(image, 0.0), 0, 255)
    difference = np.abs(ours - pillow)[3:-3, 3:-3]  # Pillow rounds and clips between its two passes
    assert difference.max() < 2
    assert difference.mean() < 0.4


def test_patch_smaller_than_the_kernel_is_reflected_more_than_once():
    image = np.full((16, 16, 3), 77, np.uint8)
    assert blur_and_downsample(image, 4.0, 41) == pytest.approx(np.full((4, 4, 3), 77.0), abs=1e-3)


def test_noise_has_the_asked_level_and_independent_channels():
    flat = np.full((400, 400, 3), 128, np.float32)
    noisy = add_noise(flat, 12.0, "colour", np.random.default_rng(0)).astype(float) - 128
    assert noisy.std() == pytest.approx(np.sqrt(12.0**2 + 1 / 12), rel=5e-3)
    correlation = np.corrcoef(noisy.reshape(-1, 3).T)
    assert np.abs(correlation - np.eye(3)).max() < 0.02


def test_grey_noise_is_one_field():
    flat = np.full((40, 40, 3), 128, np.float32)
    noisy = add_noise(flat, 12.0, "grey", np.random.default_rng(0))
    assert (noisy[..., 0] == noisy[..., 1]).all()
    assert (noisy[..., 0] == noisy[..., 2]).all()
    assert noisy.std() > 10


def test_bicubic_downsampling_changes_white_noise_as_its_taps_say():
    noise = np.random.default_rng(1).normal(128, 20, (512, 512, 3)).round().clip(0, 255).astype(np.uint8)
    assert blur_and_downsample(noise, 0.0).var() == pytest.approx(20**2 * 0.04141527, rel=0.02)


def test_jpeg_is_libjpeg_at_the_rounded_quality():
    image = photo_like(6, 40, 56)
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "JPEG", quality=47, subsampling="4:2:0")
    assert (jpeg(image, 47.3) == np.asarray(Image.open(buffer))).all()
    assert (
        np.abs(jpeg(image, 95, "4:4:4").astype(int) - image).mean() < np.abs(jpeg(image, 30).astype(int) - image).mean()
    )


def test_degrade_is_a_function_of_its_stream():
    image = photo_like(7, 64, 64)
    first, again, other = (
        degrade(image, (1.0, 10.0, 70.0), np.random.default_rng(seed), OPTIONS) for seed in (1, 1, 2)
    )
    assert first.shape == (16, 16, 3)
    assert first.dtype == np.uint8
    assert (first == again).all()
    assert (first != other).any()


def test_sides_must_be_multiples_of_the_scale():
    with pytest.raises(ValueError, match="multiple of 4"):
        blur_and_downsample(np.zeros((30, 32, 3), np.uint8), 1.0)
