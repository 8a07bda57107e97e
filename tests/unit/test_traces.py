import itertools
import subprocess
import sys
import time
from io import BytesIO

import numpy as np
import pytest
from PIL import Image
from scipy.fft import dctn
from scipy.ndimage import gaussian_filter
from skimage import data

from degcraft.errors import DegcraftError
from degcraft.extractors import build, extract
from degcraft.extractors.dct import block_coefficients
from degcraft.extractors.traces import energies, features, quantisation, sharpness
from degcraft.spec import spec

QUALITY, RATIO, COUNT = 0, 1, 2
SHARPNESS, ENERGIES = slice(3, 101), slice(101, 143)


def photograph(name, side=96):
    return getattr(data, name)()[100 : 100 + side, 150 : 150 + side]


def noisy(seed, n=1, height=96, width=96, spread=30):
    drawn = np.random.default_rng(seed).normal(128, spread, (n, height, width, 3))
    return drawn.clip(0, 255).round().astype(np.uint8)


def compressed(image, quality, chroma=2):
    buffer = BytesIO()
    Image.fromarray(image).save(buffer, "JPEG", quality=quality, subsampling=chroma)
    return np.asarray(Image.open(buffer))


@pytest.mark.parametrize("chroma", [0, 2])
@pytest.mark.parametrize("name", ["astronaut", "coffee", "chelsea"])
def test_quality_of_photographs_is_found_exactly(name, chroma):
    qualities = np.arange(40, 93)
    images = np.stack([compressed(photograph(name), int(quality), chroma) for quality in qualities])
    found = features(images)
    assert found[:, QUALITY].tolist() == qualities.tolist()
    assert (found[:, RATIO] > features(photograph(name)[None])[0, RATIO] + 0.3).all()


def test_quality_of_noise_is_found_exactly():
    qualities = np.arange(40, 93)
    images = np.stack([compressed(noisy(int(quality))[0], int(quality)) for quality in qualities])
    assert features(images)[:, QUALITY].tolist() == qualities.tolist()


@pytest.mark.parametrize("side", [72, 77, 64])
def test_quality_is_found_from_whole_blocks_of_any_size(side):
    image = compressed(photograph("astronaut", side), 63)
    assert features(image[None])[0, QUALITY] == 63
    assert features(image[None, :, : side - 5])[0, QUALITY] == 63


def test_images_that_were_never_compressed_fit_no_quality():
    images = np.stack([photograph(name) for name in ("astronaut", "coffee", "chelsea")])
    assert (features(images)[:, RATIO] < -1).all()
    # The lattice is tied to its grid: half a block further it is gone.
    moved = np.roll(compressed(photograph("astronaut"), 60), 4, axis=1)
    assert features(moved[None])[0, RATIO] < -0.5


def test_number_of_coefficients_grows_with_quality():
    counts = [features(compressed(photograph("coffee"), quality)[None])[0, COUNT] for quality in (30, 50, 70, 90)]
    assert counts == sorted(counts)


def test_counts_are_logarithms_of_coefficients_that_are_not_zero():
    values = np.zeros((2, 3, 63))
    values[0, 1, :7] = 16.0
    assert quantisation(values)[:, COUNT] == pytest.approx([np.log(8), 0])
    assert quantisation(values)[1].tolist() == [20, 0, 0]


def test_sharpness_falls_with_blur():
    image = photograph("astronaut").astype(float)
    blurred = [gaussian_filter(image, (sigma, sigma, 0)) for sigma in (0.01, 0.5, 1, 2, 4)]
    found = features(np.stack(blurred).round().astype(np.uint8))[:, SHARPNESS]
    mean = found.mean(axis=1)
    assert (np.diff(mean) < -0.05).all()
    steepest = found[:, 6]  # the upper two hundredths of the differences of neighbours
    assert (np.diff(steepest) < 0).all()


def test_sharpness_is_made_of_order_statistics_of_derivatives():
    luma = np.random.default_rng(0).uniform(0, 255, (1, 20, 30)).astype(np.float32)
    found = sharpness(luma)[0]
    assert found.shape == (98,)

    def expected(axis):
        first = np.diff(luma[0], axis=axis)
        far = [
            np.take(luma[0], range(lag, luma.shape[axis + 1]), axis)
            - np.take(luma[0], range(luma.shape[axis + 1] - lag), axis)
            for lag in (2, 3, 4, 6)
        ]
        second = np.diff(first, axis=axis)
        derivatives = [first, *far, second, np.diff(second, axis=axis)]
        shares = (0.25, 0.5, 0.75, 0.9, 0.95, 0.98, 0.995)
        return [
            np.log(np.sort(abs(each).ravel())[int(each.size * share)] + 0.5) for each in derivatives for share in shares
        ]

    down, across = expected(0), expected(1)
    assert found == pytest.approx(np.concatenate([np.maximum(down, across), np.minimum(down, across)]), abs=1e-4)


def test_sharpness_does_not_ask_which_direction_is_blurred():
    image = gaussian_filter(photograph("astronaut").astype(float), (3, 0, 0)).round().astype(np.uint8)
    pair = features(np.stack([image, image.transpose(1, 0, 2)]))[:, SHARPNESS]
    assert pair[0] == pytest.approx(pair[1], abs=1e-4)
    upright = features(photograph("astronaut")[None])[0, SHARPNESS]
    assert (pair[0, :49] - pair[0, 49:]).mean() > (upright[:49] - upright[49:]).mean() + 0.3


@pytest.mark.parametrize("spread", [2, 5, 10, 20])
def test_energies_of_flat_blocks_are_the_variance_of_the_noise(spread):
    found = features(noisy(0, height=256, width=256, spread=spread))[0, ENERGIES].reshape(6, 7)
    luma = (spread**2 + 1 / 12) * (0.299**2 + 0.587**2 + 0.114**2)  # the noise, and its rounding
    # Means of squares of 4 to 15 coefficients, whose median is a little below their mean.
    assert found[1:, 3] == pytest.approx(np.log(luma + 0.1), abs=0.25)
    assert (np.diff(found, axis=1) > 0).all()


def test_energies_of_the_flattest_blocks_follow_the_noise_whatever_the_content():
    lows = []
    for name in ("astronaut", "chelsea"):
        clean = photograph(name).astype(float)
        rng = np.random.default_rng(0)
        images = [clean + rng.normal(scale=spread, size=clean.shape) for spread in (0, 5, 10, 20, 40)]
        found = features(np.stack(images).clip(0, 255).round().astype(np.uint8))[:, ENERGIES].reshape(5, 6, 7)
        lows.append(found[:, -1, 0])  # the highest frequencies of the flattest twentieth
        assert (np.diff(lows[-1]) > 0.5).all()
    # At spread 20 both photographs say the same, and about as much as noise alone.
    assert lows[0][3] == pytest.approx(lows[1][3], abs=0.5)
    alone = features(noisy(0, spread=20))[0, ENERGIES].reshape(6, 7)[-1, 0]
    assert lows[0][3] == pytest.approx(alone, abs=0.6)


def test_energies_are_quantiles_over_blocks_of_rings():
    image = noisy(1, height=32, width=40)
    luma = image[0] @ [0.299, 0.587, 0.114]
    blocks = [
        dctn(luma[top : top + 8, left : left + 8], norm="ortho") for top in range(0, 32, 8) for left in range(0, 40, 8)
    ]
    radius = np.hypot(*np.indices((8, 8)))
    bounds = (0.5, 2.0, 3.5, 5.0, 6.5, 8.0, 10.0)
    expected = []
    for low, high in itertools.pairwise(bounds):
        logs = np.sort([np.log(np.square(block[(radius >= low) & (radius < high)]).mean() + 0.1) for block in blocks])
        expected += [logs[int(20 * share)] for share in (0.05, 0.15, 0.3, 0.5, 0.7, 0.85, 0.95)]
    assert energies(block_coefficients(luma[None, ..., None])[:, 0])[0] == pytest.approx(expected, abs=1e-9)
    assert features(image)[0, ENERGIES] == pytest.approx(expected, abs=1e-3)


@pytest.mark.parametrize(("height", "width"), [(16, 16), (17, 31), (72, 72), (100, 61)])
def test_143_finite_numbers_whatever_the_image(height, width):
    flat = np.zeros((3, height, width, 3), np.uint8)
    flat[1] = 255
    flat[2, 3, 5] = 255
    found = features(flat)
    assert found.shape == (3, 143)
    assert found.dtype == np.float32
    assert np.isfinite(found).all()
    assert found[:2, SHARPNESS] == pytest.approx(np.log(0.5))
    assert found[:2, ENERGIES] == pytest.approx(np.log(0.1), abs=1e-4)


def test_an_image_has_the_same_features_alone_and_among_others():
    batch = np.concatenate([noisy(0, n=4), np.stack([compressed(photograph("coffee"), q) for q in (35, 80)])])
    batch = np.concatenate([batch, np.zeros_like(batch[:1])])
    together = features(batch)
    for number in range(len(batch)):
        assert (features(batch[number : number + 1])[0] == together[number]).all()
    extractor = build({"kind": "traces"}, None, None)
    assert (extract(extractor, batch, 3, "average") == together).all()
    assert (extract(extractor, batch, 7, "positions") == together).all()


def test_grey_images_have_the_traces_of_their_luma():
    colour = noisy(3)
    grey = (colour @ [0.299, 0.587, 0.114]).round().astype(np.uint8)
    found = features(np.repeat(grey[..., None], 3, axis=-1))
    assert found[:, SHARPNESS] == pytest.approx(features(colour)[:, SHARPNESS], abs=0.1)
    image = np.asarray(Image.fromarray(data.camera()[100:196, 150:246]).convert("RGB"))
    assert features(compressed(image, 58)[None])[0, QUALITY] == 58


@pytest.mark.parametrize(("height", "width"), [(15, 72), (72, 15)])
def test_refuses_images_below_two_blocks(height, width):
    with pytest.raises(DegcraftError, match=rf"{height} x {width} pixels; traces.*set prepare\.crop to 64"):
        features(np.zeros((1, height, width, 3), np.uint8))


def test_a_bank_takes_seconds():
    batch, begin = noisy(4, n=150, height=72, width=72), time.process_time()
    extract(features, batch, 50, "average")
    assert time.process_time() - begin < 6  # a fiftieth of 75 x 100 images, with room for a busy machine


def test_needs_no_torch_and_no_device(default_config):
    code = (
        "import sys; from degcraft.extractors import build; build({'kind': 'traces'}, None, None);"
        "print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
    assert '"compute"' not in spec(default_config, "features", extractor="traces")
