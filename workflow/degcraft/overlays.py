"""Text, logos and borders that stay in place over images of one size: they do not change where all else does."""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

_IMAGES = 8  # fewer do not tell what stays
_STILL = 0.25  # share of the usual change below which a pixel stays in place
_EDGE = 12.0  # grey levels per pixel of the mean image
_REACH = 3  # pixels around an edge
_SIZES, _PIXELS = 4, 9_000_000  # sizes that are followed, for each has its planes in memory, and the largest


class Overlays:
    """Running mean and variance of the luma of images, per size; two planes of each size in memory."""

    def __init__(self) -> None:
        self._sums: dict[tuple[int, int], tuple[int, NDArray[np.float32], NDArray[np.float32]]] = {}

    def add(self, plane: NDArray[np.float32]) -> None:
        """Count one image, luma of shape (height, width), 0 to 255."""
        if plane.size > _PIXELS or (plane.shape not in self._sums and len(self._sums) == _SIZES):
            return
        size = plane.shape[0], plane.shape[1]
        count, total, squares = self._sums.get(size, (0, np.zeros(size, np.float32), np.zeros(size, np.float32)))
        total += plane
        squares += np.square(plane)
        self._sums[size] = count + 1, total, squares

    def places(self, size: tuple[int, int]) -> NDArray[np.bool_] | None:
        """Where images of a size have edges that stay in place while the rest changes.

        A pixel stays in place if its standard deviation over the images is less than a quarter of
        the usual one; it belongs to an overlay if the mean image has a strong edge within 3 pixels.

        Parameters
        ----------
        size : (int, int)
            Height and width.

        Returns
        -------
        ndarray of shape (height, width), bool, or None
            None where there are fewer than 8 images of this size, or it is larger than 9 million pixels.
        """
        count, total, squares = self._sums.get(size, (0, np.zeros(0, np.float32), np.zeros(0, np.float32)))
        if count < _IMAGES:
            return None
        mean = total / count
        deviation = np.sqrt(np.maximum(squares / count - mean**2, 0))
        still = deviation < _STILL * np.median(deviation)
        edges = np.hypot(*np.gradient(mean)) > _EDGE
        near = ndimage.binary_dilation(edges, iterations=_REACH)
        return ndimage.binary_opening(still & near, np.ones((2, 2), bool))
