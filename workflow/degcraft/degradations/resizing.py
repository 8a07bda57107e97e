"""Resizing to any size without antialiasing, as networks' libraries do it, and by strides: one matrix per axis."""

import functools

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from degcraft.degradations.first_order import gaussian_taps

FILTERS = ("area", "bilinear", "bicubic")


def resize(image: NDArray[np.float32], size: tuple[int, int], kind: str) -> NDArray[np.float32]:
    """Image of another size; without antialiasing, as ``torch.nn.functional.interpolate`` (align_corners False).

    Parameters
    ----------
    image : ndarray of shape (height, width, 3), float32
        Any range.
    size : (int, int)
        New height and width.
    kind : {"area", "bilinear", "bicubic"}
        Mean over what each new pixel covers, two or four nearest samples (a = -0.75).

    Returns
    -------
    ndarray of shape (*size, 3), float32
    """
    height, width, _ = image.shape
    if size == (height, width):
        return image
    return resampled(image, matrix(height, size[0], kind), matrix(width, size[1], kind))


def resampled(image: NDArray[np.float32], rows: sparse.csr_array, columns: sparse.csr_array) -> NDArray[np.float32]:
    """Image (height, width, 3) after linear maps (target, source) along its height and along its width, float32."""
    (tall, height), (wide, width) = rows.shape, columns.shape
    down = rows @ image.reshape(height, -1)
    turned = np.ascontiguousarray(down.reshape(tall, width, -1).transpose(1, 0, 2))
    across = columns @ turned.reshape(width, -1)
    return np.ascontiguousarray(across.reshape(wide, tall, -1).transpose(1, 0, 2))


@functools.lru_cache(maxsize=1024)
def matrix(source: int, target: int, kind: str) -> sparse.csr_array:
    """Linear map from `source` samples to `target` samples, shape (target, source), float32; rows sum to 1.

    Besides FILTERS there is "coverage": the mean by the part of each sample that a new one covers, OpenCV's area.
    """
    if kind == "area":
        return _area(source, target)
    if kind == "coverage":
        return _coverage(source, target)
    centres = (np.arange(target) + 0.5) * (source / target) - 0.5
    if kind == "bilinear":
        centres = np.maximum(centres, 0)
        offsets = np.arange(2)
    elif kind == "bicubic":
        offsets = np.arange(-1, 3)
    else:
        raise ValueError(f"unknown filter {kind!r}; one of {', '.join(FILTERS)} is needed")
    first = np.floor(centres).astype(int)
    distances = np.abs(centres[:, None] - (first[:, None] + offsets))
    weights = 1 - distances if kind == "bilinear" else _cubic(distances)
    columns = np.clip(first[:, None] + offsets, 0, source - 1)  # the border is repeated
    return _matrix(weights, columns, source)


def strided_gaussian(length: int, step: int, sigma: float, size: int = 25) -> NDArray[np.float64]:
    """Gaussian blur and one of `step` samples, the kernel moved onto the middle of the samples that one stands for.

    Parameters
    ----------
    length : int
        Samples, a multiple of `step`; beyond the ends they are continued by reflection, the last one not repeated.
    step : int
        Samples per result.
    sigma : float
        Of the Gaussian, samples, > 0.
    size : int
        Its taps, odd. They are moved by (step - 1) / 2 samples, by linear interpolation, the last tap going on
        beyond the end, and normalised.

    Returns
    -------
    ndarray of shape (length // step, length), float64
        Rows sum to 1.
    """
    places = np.arange(size) + (step - 1) / 2
    taps = np.interp(places, np.arange(size), gaussian_taps(sigma, size))
    reflected = np.pad(np.eye(length), ((size // 2, size // 2), (0, 0)), mode="reflect")
    windows = np.lib.stride_tricks.sliding_window_view(reflected, size, axis=0)[::step]
    return windows @ (taps[::-1] / taps.sum())  # a convolution turns its kernel round


def _area(source: int, target: int) -> sparse.csr_array:
    """Every sample from the first to the last that a new one touches counts alike."""
    starts = np.arange(target) * source // target
    ends = -((-(np.arange(target) + 1) * source) // target)
    columns = starts[:, None] + np.arange((ends - starts).max())
    inside = columns < ends[:, None]
    return _matrix(inside / inside.sum(axis=1, keepdims=True), np.minimum(columns, source - 1), source)


def _coverage(source: int, target: int) -> sparse.csr_array:
    """Samples count by how much of them a new one covers; in units of 1 / (source * target) that is a whole number."""
    starts = np.arange(target) * source
    columns = starts[:, None] // target + np.arange(-(-source // target) + 1)
    ends = np.minimum(starts[:, None] + source, (columns + 1) * target)
    covered = np.maximum(ends - np.maximum(starts[:, None], columns * target), 0)
    return _matrix(covered / source, np.minimum(columns, source - 1), source)


def _cubic(distances: NDArray[np.float64], a: float = -0.75) -> NDArray[np.float64]:
    near = (a + 2) * distances**3 - (a + 3) * distances**2 + 1
    far = a * (distances**3 - 5 * distances**2 + 8 * distances - 4)
    return np.where(distances <= 1, near, np.where(distances < 2, far, 0.0))


def _matrix(weights: NDArray[np.float64], columns: NDArray[np.int64], source: int) -> sparse.csr_array:
    rows = np.repeat(np.arange(len(weights)), weights.shape[1])
    entries = (weights.ravel().astype(np.float32), (rows, columns.ravel()))
    return sparse.csr_array(sparse.coo_array(entries, shape=(len(weights), source)))
