"""Blur kernels that methods have learnt: as a picture, and in numbers."""

import math

import numpy as np
from numpy.typing import NDArray

_ENLARGED = 8  # pixels of the picture per pixel of a kernel
_GAP = 4  # pixels between kernels


def sheet(kernels: NDArray[np.floating]) -> NDArray[np.uint8]:
    """Kernels side by side in rows, each from black (0 and below) to white (its greatest value).

    Parameters
    ----------
    kernels : ndarray of shape (n, size, size)
        At least one.

    Returns
    -------
    ndarray of shape (height, width), uint8
        Grey picture, kernels enlarged 8 times, 4 pixels of grey between.
    """
    across = math.ceil(math.sqrt(len(kernels)))
    down, size = math.ceil(len(kernels) / across), kernels.shape[-1] * _ENLARGED
    picture = np.full((down * (size + _GAP) - _GAP, across * (size + _GAP) - _GAP), 128, dtype=np.uint8)
    for number, kernel in enumerate(kernels):
        top, left = (place * (size + _GAP) for place in divmod(number, across))
        grey = np.round(255 * np.clip(kernel, 0, None) / max(float(kernel.max()), 1e-12)).astype(np.uint8)
        picture[top : top + size, left : left + size] = grey.repeat(_ENLARGED, axis=0).repeat(_ENLARGED, axis=1)
    return picture
