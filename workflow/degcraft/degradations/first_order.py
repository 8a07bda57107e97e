"""The degradation of one image: x = JPEG((y blurred, downsampled) + noise) (paper, eq. 2)."""

import functools
import io
import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

SCALE = 4

_SUBSAMPLING = {"4:4:4": 0, "4:2:2": 1, "4:2:0": 2}


def gaussian_taps(blur: float, size: int) -> NDArray[np.float64]:
    """Taps of a truncated, normalised Gaussian; the 2-D kernel is their outer product.

    Parameters
    ----------
    blur : float
        Standard deviation, pixels, >= 0; towards 0 the kernel becomes a unit pulse.
    size : int
        Odd number of taps. Truncation narrows the kernel: 21 taps at blur 5 act like 4.5.

    Returns
    -------
    ndarray of shape (size,), float64
        Symmetric, sums to 1.

    Examples
    --------
    >>> round(float(gaussian_taps(2.0, 21)[10] ** 2), 8)
    0.03978874
    """
    offsets = np.arange(size) - size // 2
    exponent = -0.5 * (offsets / max(blur, 1e-3)) ** 2  # 1e-3: exp underflows to a unit pulse
    taps = np.exp(exponent)
    return taps / taps.sum()


def downsampling_matrix(length: int, kind: str, scale: int = SCALE) -> NDArray[np.float64]:
    """Linear map from a row of HR samples to a row of LR samples.

    Parameters
    ----------
    length : int
        HR samples, a multiple of `scale`.
    kind : {"bicubic", "area", "stride"}
        Antialiased bicubic with a = -0.5 and aligned centres, the border repeated
        symmetrically (as MATLAB's imresize); mean of `scale` samples; or one of `scale`.
    scale : int
        HR samples per LR sample, even.

    Returns
    -------
    ndarray of shape (length // scale, length), float64
        Rows sum to 1.
    """
    if length % scale:
        raise ValueError(f"length {length} is not a multiple of {scale}")
    rows = length // scale
    matrix = np.zeros((rows, length))
    if kind == "stride":
        matrix[np.arange(rows), np.arange(rows) * scale] = 1
        return matrix
    if kind == "area":
        return np.repeat(np.eye(rows), scale, axis=1) / scale
    if kind not in _KERNELS:
        raise ValueError(f"unknown downsampling {kind!r}")
    support, kernel = _KERNELS[kind]
    reach = support * scale
    taps = np.arange(-reach, reach) + 0.5  # distance of the HR centres, 16 of bicubic, from the LR centre
    weights = kernel(taps / scale)
    weights /= weights.sum()
    for row in range(rows):
        columns = _symmetric(row * scale + scale // 2 + np.arange(-reach, reach), length)
        np.add.at(matrix[row], columns, weights)
    return matrix


def _cubic(x: NDArray[np.float64]) -> NDArray[np.float64]:
    x = np.abs(x)
    near = 1.5 * x**3 - 2.5 * x**2 + 1
    far = -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2
    return np.where(x <= 1, near, np.where(x < 2, far, 0.0))


# Antialiased kernels: how far they reach on either side, and their value at a distance, both in LR pixels.
_KERNELS = {"bicubic": (2, _cubic)}


def _symmetric(index: NDArray[np.int64], length: int) -> NDArray[np.int64]:
    """Fold indices into 0..length-1, the edge sample repeated."""
    index = index % (2 * length)
    return np.minimum(index, 2 * length - 1 - index)


def _reflect(index: NDArray[np.int64], length: int) -> NDArray[np.int64]:
    """Fold indices into 0..length-1, the edge sample not repeated."""
    if length == 1:
        return np.zeros_like(index)
    index = index % (2 * length - 2)
    return np.minimum(index, 2 * length - 2 - index)


@functools.lru_cache(maxsize=16)
def shifted_downsampling(length: int, size: int, kind: str) -> NDArray[np.float64]:
    """Downsampling after a shift by k and by -k, summed: one (LR, HR) matrix per tap k = 0..size // 2.

    Weighted by a symmetric kernel's taps and summed they give the blur and the
    downsampling as one matrix, so that blur is only evaluated where it is sampled.
    """
    down = downsampling_matrix(length, kind)
    positions = np.arange(length)
    shifted = np.zeros((size // 2 + 1, *down.shape))
    shifted[0] = down
    for k in range(1, size // 2 + 1):
        for shift in (-k, k):
            # paper: 4.1 the border is not stated; blur reflects, as the group's code does.
            np.add.at(shifted[k].T, _reflect(positions + shift, length), down.T)
    return shifted.reshape(size // 2 + 1, -1)


def blur_and_downsample(
    image: NDArray[np.uint8], blur: float, kernel_size: int = 21, downsampling: str = "bicubic"
) -> NDArray[np.float32]:
    """Isotropic Gaussian blur, then x1/4, as one banded matrix per axis.

    Parameters
    ----------
    image : ndarray of shape (height, width, 3), uint8
        HR image; sides are multiples of 4.
    blur : float
        Standard deviation, HR pixels, >= 0.
    kernel_size : int
        Odd side of the kernel.
    downsampling : {"bicubic", "area", "stride"}
        See `downsampling_matrix`.

    Returns
    -------
    ndarray of shape (height // 4, width // 4, 3), float32
        About 0 to 255; bicubic overshoots a little.
    """
    height, width, channels = image.shape
    taps = gaussian_taps(blur, kernel_size)[kernel_size // 2 :].astype(np.float32)
    matrices = {
        length: (taps @ _shifted_float32(length, kernel_size, downsampling)).reshape(-1, length)
        for length in {height, width}
    }
    reach = kernel_size // 2 + SCALE * max(support for support, _ in _KERNELS.values())
    rows = _banded(matrices[height], image.reshape(height, width * channels).astype(np.float32), reach)
    columns = np.empty((width, channels, len(rows)), np.float32)
    for channel in range(channels):  # three plain transpositions, faster than one of triples
        columns[:, channel] = rows[:, channel::channels].T
    small = _banded(matrices[width], columns.reshape(width, -1), reach)
    return small.reshape(len(small), channels, -1).transpose(2, 0, 1)


@functools.lru_cache(maxsize=16)
def _shifted_float32(length: int, size: int, kind: str) -> NDArray[np.float32]:
    return shifted_downsampling(length, size, kind).astype(np.float32)


_BLOCK = 12  # LR rows at a time: few enough to leave zeros out, many enough for the matrix product's pace


def _banded(matrix: NDArray[np.float32], samples: NDArray[np.float32], reach: int) -> NDArray[np.float32]:
    """The product of both, where no LR row needs HR rows farther than `reach` from its own four."""
    product = np.empty((len(matrix), samples.shape[1]), np.float32)
    for first in range(0, len(matrix), _BLOCK):
        low, high = max(0, first * SCALE - reach), (first + _BLOCK) * SCALE + reach
        block = matrix[first : first + _BLOCK, low:high]
        np.matmul(block, samples[low:high], out=product[first : first + _BLOCK])
    return product


def add_noise(image: NDArray[np.float32], noise: float, kind: str, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Gaussian noise, then clipping and rounding to 8 bits.

    Parameters
    ----------
    image : ndarray of shape (height, width, 3), float32
        Range 0 to 255.
    noise : float
        Standard deviation, grey levels of 255, >= 0.
    kind : {"colour", "grey"}
        Independent per channel, or one field for all three.
    rng : numpy.random.Generator
        Source of randomness.
    """
    channels = 1 if kind == "grey" else image.shape[2]
    field = rng.standard_normal((*image.shape[:2], channels), dtype=np.float32)
    noisy = np.multiply(field, np.float32(noise), out=field) + image
    return np.rint(np.clip(noisy, 0, 255, out=noisy), out=noisy).astype(np.uint8)


def jpeg(image: NDArray[np.uint8], quality: float, chroma: str = "4:2:0") -> NDArray[np.uint8]:
    """The image after a round trip through libjpeg; the quality is rounded to an integer."""
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "JPEG", quality=round(quality), subsampling=_SUBSAMPLING[chroma])
    return np.asarray(Image.open(buffer, formats=("JPEG",)))


def degrade(
    image: NDArray[np.uint8],
    parameters: tuple[float, ...],
    rng: np.random.Generator,
    options: dict[str, Any],
) -> NDArray[np.uint8]:
    """Degrade one image: blur, downsample, add noise, compress, in this order (paper, eq. 2).

    Parameters
    ----------
    image : ndarray of shape (height, width, 3), uint8
        HR image, RGB; sides are multiples of 4.
    parameters : (blur, noise, quality)
        Standard deviations in HR pixels and in grey levels; JPEG quality, 1 to 100, or infinite: not compressed.
    rng : numpy.random.Generator
        Draws the noise.
    options : dict
        The config section ``degradation``.

    Returns
    -------
    ndarray of shape (height // 4, width // 4, 3), uint8
        LR image, RGB.
    """
    blur, noise, quality = parameters
    small = blur_and_downsample(image, blur, options["kernel_size"], options["downsampling"])
    noisy = add_noise(small, noise, options["noise"], rng)
    return noisy if math.isinf(quality) else jpeg(noisy, quality, options["chroma"])
