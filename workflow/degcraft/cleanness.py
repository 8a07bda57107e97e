"""Whether images are large and clean already, so that a degradation model has little to find."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from degcraft.crops import luma_of

_BLOCK = 8
_PART = 1024  # pixels: side of the middle part that is looked at
_WINDOW = 64
_LARGE, _NOISE, _SHARP, _BLOCKING = 1000, 1.0, 0.585, 1.1


class Cleanness(NamedTuple):
    """Signs of quality of one image.

    Attributes
    ----------
    side : int
        Its shorter side, pixels.
    noise : float
        Standard deviation of the finest diagonal differences in the smoothest tenth of the blocks, grey levels.
    sharpness : float
        Change from pixel to pixel over that to the next but one, in the quarter of the windows with most of it:
        near 0.5 for blurred images, 0.6 and more for sharp ones.
    blocking : float
        Change across the borders of blocks of 8 x 8 pixels over that inside them: 1 without JPEG.
    """

    side: int
    noise: float
    sharpness: float
    blocking: float


def cleanness(image: NDArray[np.uint8]) -> Cleanness:
    """Measure an image, shape (height, width, 3), uint8, RGB; in its middle where it is large."""
    side = min(image.shape[:2])
    top, left = (max(length - _PART, 0) // 2 // _BLOCK * _BLOCK for length in image.shape[:2])
    height, width = (min(length, _PART) // _BLOCK * _BLOCK for length in image.shape[:2])
    if min(height, width) < 2 * _WINDOW:
        return Cleanness(side, 0.0, 0.0, 1.0)
    plane = luma_of(image[top : top + height, left : left + width])
    return Cleanness(side, _smooth_noise(plane), _sharpness(plane), _blocking(plane))


def are_clean(images: Sequence[Cleanness]) -> bool:
    """True if images, by their medians, are large (1000 pixels), sharp, and free of noise and of JPEG's blocks."""
    if not images:
        return False
    side, noise, sharpness, blocking = np.median(np.array(images), axis=0)
    return bool(side >= _LARGE and noise <= _NOISE and sharpness >= _SHARP and blocking <= _BLOCKING)


def _smooth_noise(plane: NDArray[np.float32]) -> float:
    diagonal = (plane[::2, ::2] - plane[1::2, ::2] - plane[::2, 1::2] + plane[1::2, 1::2]) / 2
    half = _BLOCK // 2
    rows, columns = diagonal.shape[0] // half, diagonal.shape[1] // half
    spread = diagonal.reshape(rows, half, columns, half).std(axis=(1, 3))
    return float(np.percentile(spread, 10))


def _sharpness(plane: NDArray[np.float32]) -> float:
    near, far = np.abs(np.diff(plane, axis=1))[:, :-1], np.abs(plane[:, 2:] - plane[:, :-2])
    rows, columns = far.shape[0] // _WINDOW, far.shape[1] // _WINDOW
    cut = np.s_[: rows * _WINDOW, : columns * _WINDOW]
    sums = [part[cut].reshape(rows, _WINDOW, columns, _WINDOW).sum(axis=(1, 3)).ravel() for part in (near, far)]
    most = np.argsort(-sums[1], kind="stable")[: max(len(sums[1]) // 4, 1)]
    return float(sums[0][most].sum() / max(sums[1][most].sum(), 1e-6))


def _blocking(plane: NDArray[np.float32]) -> float:
    changes = np.abs(np.diff(plane, axis=1)).mean(axis=0)
    borders = np.arange(len(changes)) % _BLOCK == _BLOCK - 1
    return float(changes[borders].mean() / max(changes[~borders].mean(), 1e-6))
