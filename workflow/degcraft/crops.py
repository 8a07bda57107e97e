"""Choosing crops: the most detailed windows, as many contents as there are images."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

_LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # BT.601
_CAP = 32.0  # grey levels per pixel


@dataclass(frozen=True)
class Crop:
    """One chosen window.

    Attributes
    ----------
    image : int
        Which of the images it is from.
    top, left : int
        Its first row and column there.
    pixels : ndarray of shape (side, side, 3), uint8
        Its content, RGB, a copy.
    """

    image: int
    top: int
    left: int
    pixels: NDArray[np.uint8]


def crop_windows(image: NDArray[np.uint8], side: int) -> list[tuple[int, int]]:
    """Windows of a non-overlapping grid in the middle of an image, most detailed first.

    Detail is the sum over a window of the gradient's magnitude in luma, where a
    pixel counts for at most 32 grey levels: many moderate edges beat few strong ones.

    Parameters
    ----------
    image : ndarray of shape (height, width, 3), uint8
        RGB.
    side : int
        Side of the square windows, pixels, >= 2.

    Returns
    -------
    list of (int, int)
        First row and first column of each window; none when the image is smaller.
        Windows of equal detail keep their order in the image, row by row.
    """
    rows, columns = image.shape[0] // side, image.shape[1] // side
    if rows == 0 or columns == 0:
        return []
    top, left = (image.shape[0] - rows * side) // 2, (image.shape[1] - columns * side) // 2
    # paper: 4.1 how crops are placed is not said; flat ones tell little about blur, so detail decides.
    detail = details(luma_of(image[top : top + rows * side, left : left + columns * side]), side)
    ranked = np.argsort(-detail, kind="stable")
    return [(top + side * int(k // columns), left + side * int(k % columns)) for k in ranked]


def luma_of(image: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Luma of an RGB image (BT.601), 0 to 255, shape (height, width)."""
    plane: NDArray[np.float32] = image @ _LUMA
    return plane


def details(plane: NDArray[np.float32], side: int) -> NDArray[np.float64]:
    """Detail of the windows of a plane whose sides are multiples of `side`, row by row; see `crop_windows`."""
    vertical, horizontal = np.gradient(plane)
    return window_sums(np.minimum(np.hypot(vertical, horizontal), _CAP), side)


def window_sums(values: NDArray[Any], side: int) -> NDArray[np.float64]:
    """Sums of an array over windows without overlap, row by row, shape (windows,)."""
    rows, columns = values.shape[0] // side, values.shape[1] // side
    sums: NDArray[np.float64] = values.reshape(rows, side, columns, side).sum(axis=(1, 3), dtype=np.float64).ravel()
    return sums


def choose(images: Iterable[NDArray[np.uint8]], count: int, side: int) -> list[Crop]:
    """Up to `count` crops: the best window of each image first, then the second best of each, and so on.

    Parameters
    ----------
    images : iterable of ndarray of shape (height, width, 3), uint8
        RGB images; taken one at a time, never more than the chosen crops are kept.
    count : int
        How many crops, >= 1.
    side : int
        Side of the square crops, pixels, >= 2.

    Returns
    -------
    list of Crop
        In order of choice; fewer than `count` when the images hold no more windows.

    Examples
    --------
    >>> image = np.zeros((8, 16, 3), np.uint8)
    >>> image[2:6, 10:14] = 200  # detail in the right half alone
    >>> [(crop.top, crop.left, crop.pixels.shape) for crop in choose([image], count=1, side=8)]
    [(0, 8, (8, 8, 3))]
    """
    chosen: list[tuple[int, Crop]] = []
    for number, image in enumerate(images):
        chosen.extend(enumerate(_crops(number, image, count, side)))
        # A later image can only push crops further back, so what is beyond `count` now stays beyond.
        chosen.sort(key=lambda ranked: (ranked[0], ranked[1].image))
        del chosen[count:]
    return [crop for _, crop in chosen]


def _crops(number: int, image: NDArray[np.uint8], count: int, side: int) -> Iterator[Crop]:
    for top, left in crop_windows(image, side)[:count]:
        yield Crop(number, top, left, image[top : top + side, left : left + side].copy())


def spread(available: int, count: int) -> list[int]:
    """Places of up to `count` of so many things, at equal steps from the first to the last.

    Examples
    --------
    >>> spread(10, 4), spread(2, 4), spread(5, 1)
    ([0, 3, 6, 9], [0, 1], [0])
    """
    return np.linspace(0, available - 1, min(available, count)).round().astype(int).tolist()
