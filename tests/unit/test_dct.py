import subprocess
import sys
import time

import numpy as np
import pytest
from scipy.fft import dctn

from degcraft.errors import DegcraftError
from degcraft.extractors import build, extract
from degcraft.extractors.dct import features


def images(seed, n, height, width):
    return np.random.default_rng(seed).integers(0, 256, (n, height, width, 3), dtype=np.uint8)


def block_by_block(image):
    """The definition, slowly: one block, one channel at a time."""
    r, g, b = (image[..., channel].astype(float) for channel in range(3))
    y = 0.299 * r + 0.587 * g + 0.114 * b
    planes = (y, 128 + (b - y) / 1.772, 128 + (r - y) / 1.402)
    means, spreads = [], []
    for plane in planes:
        blocks = [
            dctn(plane[top : top + 8, left : left + 8], norm="ortho").ravel()[1:]
            for top in range(0, image.shape[0] - 7, 8)
            for left in range(0, image.shape[1] - 7, 8)
        ]
        logs = np.log(np.abs(blocks) + 0.5)
        means.append(logs.mean(axis=0))
        spreads.append(logs.std(axis=0))
    return np.concatenate(means + spreads)


@pytest.mark.parametrize(("height", "width"), [(72, 72), (16, 40), (8, 8), (29, 23)])
def test_agrees_with_the_definition_block_by_block(height, width):
    batch = images(0, 3, height, width)
    expected = np.stack([block_by_block(image) for image in batch])
    assert features(batch) == pytest.approx(expected, abs=2e-5)


def test_378_finite_numbers_whatever_the_image():
    flat = np.zeros((2, 72, 72, 3), np.uint8)
    flat[1] = 255
    found = features(flat)
    assert found.shape == (2, 378)
    assert found.dtype == np.float32
    assert found[:, :189] == pytest.approx(np.log(0.5), abs=1e-6)
    assert found[:, 189:] == pytest.approx(0, abs=1e-6)


def test_grey_images_have_no_chroma():
    grey = np.repeat(images(1, 2, 24, 24)[..., :1], 3, axis=-1)
    assert features(grey)[:, 63:189] == pytest.approx(np.log(0.5), abs=1e-5)


def test_sees_the_grid_of_jpeg():
    blocks = np.repeat(np.repeat(images(2, 1, 9, 9), 8, axis=1), 8, axis=2)  # flat 8 x 8 blocks
    aligned, shifted = features(blocks), features(np.roll(blocks, 4, axis=2))
    assert aligned[0, :63] == pytest.approx(np.log(0.5), abs=1e-5)
    assert (shifted[0, :7] > 1).sum() == 4  # halves of blocks differ in the odd horizontal frequencies


def test_batches_do_not_matter():
    batch, extractor = images(3, 7, 72, 72), build({"kind": "dct"}, None, None)
    assert extract(extractor, batch, 3, "average") == pytest.approx(features(batch), abs=1e-6)
    assert (extract(extractor, batch, 7, "positions") == features(batch)).all()


def test_refuses_images_below_one_block():
    with pytest.raises(DegcraftError, match=r"set prepare\.crop to 32"):
        features(images(0, 1, 7, 72))


def test_all_bins_take_seconds():
    batch, begin = images(4, 750, 72, 72), time.process_time()
    extract(features, batch, 50, "average")
    assert (
        time.process_time() - begin < 1.5 * 2
    )  # a tenth of 75 x 100 images; 15 s for all, with room for a busy machine


def test_needs_no_torch():
    code = (
        "import sys; from degcraft.extractors import build; build({'kind': 'dct'}, None, None);"
        "print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
