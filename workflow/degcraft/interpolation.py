"""Enlarging and reducing whole images by bicubic interpolation."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from degcraft.degradations import SCALE

Pixels = NDArray[np.uint8]


def bicubic(lr: Pixels) -> Pixels:
    """An image enlarged x4 by bicubic interpolation (a = -0.5), shape (4 height, 4 width, 3)."""
    return _resized(lr, SCALE * lr.shape[0], SCALE * lr.shape[1])


def reduced(image: Pixels, factor: int) -> Pixels:
    """An image reduced by antialiased bicubic interpolation (a = -0.5), centres aligned.

    Parameters
    ----------
    image : ndarray of shape (height, width, 3), uint8, RGB
        What is left of its sides after whole multiples of `factor` is cut at the bottom and right.
    factor : int
        At least 1, which changes nothing.

    Returns
    -------
    ndarray of shape (height // factor, width // factor, 3), uint8, RGB
    """
    height, width = image.shape[0] // factor, image.shape[1] // factor
    return _resized(image[: height * factor, : width * factor], height, width)


def _resized(image: Pixels, height: int, width: int) -> Pixels:
    return np.asarray(Image.fromarray(image).resize((width, height), Image.Resampling.BICUBIC))
