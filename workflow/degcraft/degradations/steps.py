"""Steps that degradations are made of; grey levels run from 0 to 255 and are rounded only by JPEG."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

SMALLEST = 8  # pixels, of sides between the first and the last step


@dataclass(frozen=True)
class Blur:
    """Convolution, the image continued by reflection, the edge pixel not repeated.

    Attributes
    ----------
    kernel : ndarray of shape (size, size), float64
        Odd side, the same after a half turn, sums to 1.
    """

    kernel: NDArray[np.float64]


@dataclass(frozen=True)
class Resample:
    """Linear maps of rows and of columns.

    Attributes
    ----------
    rows, columns : sparse array of shape (target, source), float32
        Along the height and along the width.
    clipped : bool
        What is beyond 0 to 255 is cut off.
    """

    rows: sparse.csr_array
    columns: sparse.csr_array
    clipped: bool


@dataclass(frozen=True)
class Noise:
    """Normal noise, independent from pixel to pixel; the result is clipped to 0 to 255.

    Attributes
    ----------
    mixing : ndarray of shape (3, fields), float64
        Channels from independent standard normal fields; mixing @ mixing.T is their covariance, grey levels squared.
    """

    mixing: NDArray[np.float64]


@dataclass(frozen=True)
class Photons:
    """Poisson noise as `degcraft.degradations.second_order` has it; the result is clipped to 0 to 255.

    Attributes
    ----------
    scale : float
        1 is natural.
    grey : bool
        One field for all channels.
    """

    scale: float
    grey: bool


@dataclass(frozen=True)
class Compress:
    """JPEG round trip with colour at half the resolution.

    Attributes
    ----------
    quality : int
        1 to 100.
    """

    quality: int


Step = Blur | Resample | Noise | Photons | Compress
