"""Resizing to any size without antialiasing, as networks' libraries do it: one sparse matrix per axis."""

import functools

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

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
    height, width, channels = image.shape
    if size == (height, width):
        return image
    rows = matrix(height, size[0], kind) @ image.reshape(height, width * channels)
    columns = rows.reshape(size[0], width, channels).transpose(1, 0, 2).reshape(width, -1)
    across = matrix(width, size[1], kind) @ np.ascontiguousarray(columns)
    return np.ascontiguousarray(across.reshape(size[1], size[0], channels).transpose(1, 0, 2))


@functools.lru_cache(maxsize=1024)
def matrix(source: int, target: int, kind: str) -> sparse.csr_array:
    """Linear map from `source` samples to `target` samples, shape (target, source), float32; rows sum to 1."""
    if kind == "area":
        return _area(source, target)
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


def _area(source: int, target: int) -> sparse.csr_array:
    """Every sample from the first to the last that a new one touches counts alike."""
    starts = np.arange(target) * source // target
    ends = -((-(np.arange(target) + 1) * source) // target)
    columns = starts[:, None] + np.arange((ends - starts).max())
    inside = columns < ends[:, None]
    return _matrix(inside / inside.sum(axis=1, keepdims=True), np.minimum(columns, source - 1), source)


def _cubic(distances: NDArray[np.float64], a: float = -0.75) -> NDArray[np.float64]:
    near = (a + 2) * distances**3 - (a + 3) * distances**2 + 1
    far = a * (distances**3 - 5 * distances**2 + 8 * distances - 4)
    return np.where(distances <= 1, near, np.where(distances < 2, far, 0.0))


def _matrix(weights: NDArray[np.float64], columns: NDArray[np.int64], source: int) -> sparse.csr_array:
    rows = np.repeat(np.arange(len(weights)), weights.shape[1])
    entries = (weights.ravel().astype(np.float32), (rows, columns.ravel()))
    return sparse.csr_array(sparse.coo_array(entries, shape=(len(weights), source)))
