"""Enlarging and reducing whole images by bicubic interpolation."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from degcraft.degradations import SCALE

Samples = NDArray[Any]  # (height, width) or (height, width, 3), uint8 or uint16


def bicubic(lr: Samples) -> Samples:
    """An image or one channel, enlarged x4 by bicubic interpolation (a = -0.5), shape (4 height, 4 width, ...)."""
    return _resized(lr, SCALE * lr.shape[0], SCALE * lr.shape[1])


def reduced(image: Samples, factor: int) -> Samples:
    """An image reduced by antialiased bicubic interpolation (a = -0.5), centres aligned.

    Parameters
    ----------
    image : ndarray of shape (height, width, 3) or (height, width), uint8 or uint16
        What is left of its sides after whole multiples of `factor` is cut at the bottom and right.
    factor : int
        At least 1, which changes nothing.

    Returns
    -------
    ndarray of shape (height // factor, width // factor, ...), same dtype
    """
    height, width = image.shape[0] // factor, image.shape[1] // factor
    return _resized(image[: height * factor, : width * factor], height, width)


def _resized(image: Samples, height: int, width: int) -> Samples:
    if image.dtype == np.uint8:
        return np.asarray(Image.fromarray(image).resize((width, height), Image.Resampling.BICUBIC))
    if image.ndim == 3:  # Pillow knows no 16-bit colours
        return np.stack([_resized(channel, height, width) for channel in np.moveaxis(image, 2, 0)], axis=2)
    exact = Image.fromarray(image.astype(np.float32)).resize((width, height), Image.Resampling.BICUBIC)
    return np.clip(np.rint(np.asarray(exact)), 0, 65535).astype(np.uint16)
