import numpy as np
import pytest
import torch
from scipy import ndimage

from degcraft.degradations.sharpening import sharpened, sharpened_image
from tests.conftest import photo_like


def blurred(image):
    """Gaussian of 51 x 51 pixels as OpenCV chooses its width, 0.3 ((51 - 1) / 2 - 1) + 0.8 = 8."""
    return ndimage.gaussian_filter(image, (8, 8, 0), mode="mirror", radius=(25, 25, 0))


def expected(image):
    image = image.astype(np.float64) / 255
    residual = image - blurred(image)
    mask = blurred((np.abs(residual) * 255 > 10).astype(np.float64))
    sharp = np.clip(image + 0.5 * residual, 0, 1)
    return 255 * (mask * sharp + (1 - mask) * image)


@pytest.mark.parametrize("shape", [(128, 128), (90, 203), (51, 51), (32, 40), (8, 8)])
def test_agrees_with_the_definition(shape):
    for seed in range(4):
        image = photo_like(seed, *shape)
        found = sharpened_image(image)
        assert found.dtype == np.uint8
        assert np.abs(found - expected(image)).max() < 0.55  # float32: halves and the threshold go either way
        assert seed or (found != image).mean() > 0.2


def test_images_of_a_batch_are_sharpened_alone():
    images = np.stack([photo_like(seed, 72, 96) for seed in range(3)])
    found = sharpened(torch.from_numpy(images).permute(0, 3, 1, 2)).permute(0, 2, 3, 1).numpy()
    for image, alone in zip(images, found, strict=True):
        assert (sharpened_image(image) == alone).all()


def test_weak_detail_stays():
    weak = np.clip(128 + 0.04 * (photo_like(0, 80, 80).astype(float) - 128), 0, 255).astype(np.uint8)
    assert np.ptp(weak) > 5
    assert (sharpened_image(weak) == weak).all()


def test_an_edge_gets_half_of_what_the_blur_takes():
    step = np.repeat([80, 160], 100)
    edge = np.broadcast_to(step[None, :, None], (64, 200, 3)).astype(np.uint8)
    found = sharpened_image(edge)
    residual = step - ndimage.gaussian_filter1d(step.astype(float), 8, radius=25, mode="mirror")
    mask = ndimage.gaussian_filter1d((np.abs(residual) > 10).astype(float), 8, radius=25, mode="mirror")
    assert np.abs(found[32, :, 0] - (step + mask * residual / 2)).max() < 0.51
    assert found[32, 100, 0] - found[32, 99, 0] > 80 + 10
    assert (found[:, :50] == 80).all()
    assert (found[:, 150:] == 160).all()


def test_what_is_beyond_white_is_cut_off_before_the_mask():
    bars = np.tile(np.repeat([0, 255], 4), 20).astype(np.uint8)
    found = sharpened_image(np.broadcast_to(bars[None, :, None], (60, 160, 3)))
    assert (found == bars[None, :, None]).all()
