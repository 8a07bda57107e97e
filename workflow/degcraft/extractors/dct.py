"""Statistics of the 8 x 8 block DCT: an extractor without training or download."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.fft import dct

from degcraft.errors import DegcraftError
from degcraft.extractors import Extractor

SIDE = 8
# Rows Y, Cb, Cr of full-range BT.601, as JPEG; the chroma offset of 128 touches only the mean of a block.
YCBCR = np.array(
    [[0.299, 0.587, 0.114], [-0.168735892, -0.331264108, 0.5], [0.5, -0.418687589, -0.081312411]], dtype=np.float64
)


def build(options: dict[str, Any], weights: None, device: None) -> Extractor:
    """Block DCT extractor; it has no options, weights or device."""
    return features


def features(images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Mean and spread of the log-magnitudes of all block DCT coefficients.

    Parameters
    ----------
    images : ndarray of shape (n, height, width, 3), uint8
        RGB, at least 8 x 8; pixels beyond the last whole block are left out.

    Returns
    -------
    ndarray of shape (n, 378), float32
        For each of Y, Cb, Cr and each of the 63 AC frequencies, row by row:
        first all means over the image's blocks of log(abs(coefficient) + .5),
        then all standard deviations (divided by the number of blocks).

    Raises
    ------
    DegcraftError
        The images are smaller than a block.

    Notes
    -----
    Blocks lie on the grid of JPEG, from the top left corner. The transform is
    orthonormal and its input spans 0 to 255.
    """
    n = len(images)
    # Both maps are linear: the transform runs on RGB, the colour change on the coefficients.
    coefficients = block_coefficients(images)
    coefficients = (YCBCR @ coefficients.reshape(n, 3, -1)).reshape(coefficients.shape)
    logs = np.log(np.abs(coefficients, out=coefficients) + 0.5)
    mean, spread = logs.mean(axis=2), logs.std(axis=2)  # (n, 3, 63)
    return np.concatenate([mean.reshape(n, -1), spread.reshape(n, -1)], axis=1).astype(np.float32)


def block_coefficients(images: NDArray[np.generic]) -> NDArray[np.float64]:
    """AC coefficients of all 8 x 8 blocks on the grid of JPEG, from the top left corner.

    Parameters
    ----------
    images : ndarray of shape (n, height, width, channels), any real type
        At least 8 x 8; pixels beyond the last whole block are left out.

    Returns
    -------
    ndarray of shape (n, channels, blocks, 63), float64
        Of an orthonormal transform; frequencies row by row.

    Raises
    ------
    DegcraftError
        The images are smaller than a block.
    """
    n, height, width, channels = images.shape
    rows, columns = height // SIDE, width // SIDE
    if min(rows, columns) == 0:
        raise DegcraftError(
            f"prepare.crop: LR images of {height} x {width} pixels; dct needs at least {SIDE} x {SIDE}; "
            f"set prepare.crop to {4 * SIDE} or more"
        )
    basis = dct(np.eye(SIDE), axis=0, norm="ortho")
    transform = np.kron(basis, basis)[1:]  # (63 frequencies, 64 pixels)
    whole = images[:, : rows * SIDE, : columns * SIDE].reshape(n, rows, SIDE, columns, SIDE, channels)
    blocks = whole.transpose(0, 5, 1, 3, 2, 4).reshape(n, channels, rows * columns, SIDE * SIDE)
    return blocks.astype(np.float64) @ transform.T
