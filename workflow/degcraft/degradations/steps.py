"""Steps that degradations are made of; grey levels run from 0 to 255 and are rounded only by JPEG and at the end."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, sparse

from degcraft.degradations.first_order import SCALE, jpeg
from degcraft.degradations.kernels import filtered
from degcraft.degradations.resizing import resampled

SMALLEST = 8  # pixels, of sides between the first and the last step
LUMA = np.array([0.2989, 0.5870, 0.1140], np.float32)  # BT.601

Image = NDArray[np.float32]


@dataclass(frozen=True)
class Blur:
    """Convolution, the image continued by reflection, the edge pixel not repeated.

    Attributes
    ----------
    kernel : ndarray of shape (size, size), float64
        Odd side, the same after a half turn, sums to 1.
    taps : ndarray of shape (size,), float64, or None
        Where the kernel is their outer product, so that rows and columns can be filtered one after the other.
    """

    kernel: NDArray[np.float64]
    taps: NDArray[np.float64] | None = None


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
    """Poisson noise of as many photons at white as the image has grey levels; the result is clipped to 0 to 255.

    The number of levels is rounded up to a power of two, so that the variance at intensity I is 255 I / levels: I
    itself, very nearly, for a photograph.

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


def lr_size(size: tuple[int, int]) -> tuple[int, int]:
    """A quarter of a height and width, which must be multiples of 4 (ValueError)."""
    height, width = size
    if height % SCALE or width % SCALE:
        raise ValueError(f"sides {size} are not multiples of {SCALE}")
    return height // SCALE, width // SCALE


def applied(image: NDArray[np.uint8], steps: Iterable[Step], rng: np.random.Generator) -> NDArray[np.uint8]:
    """The image after all steps, in order.

    Parameters
    ----------
    image : ndarray of shape (height, width, 3), uint8
        RGB.
    steps : iterable of Step
        The first map of rows and columns takes the image's size.
    rng : numpy.random.Generator
        Draws the fields of noise, and nothing else.

    Returns
    -------
    ndarray of shape (new height, new width, 3), uint8
        Of the size of the last map.
    """
    degraded = image.astype(np.float32)
    for step in steps:
        degraded = after(degraded, step, rng)
    return _rounded(degraded)


def after(image: Image, step: Step, rng: np.random.Generator) -> Image:
    """The image, range 0 to 255, after one step."""
    if isinstance(step, Blur):
        return _blurred(image, step)
    if isinstance(step, Resample):
        found = resampled(image, step.rows, step.columns)
        return np.clip(found, 0, 255) if step.clipped else found
    if isinstance(step, Noise):
        fields = rng.standard_normal((*image.shape[:2], step.mixing.shape[1]), dtype=np.float32)
        return np.clip(image + fields @ step.mixing.T.astype(np.float32), 0, 255)
    if isinstance(step, Photons):
        counted = image @ LUMA[:, np.newaxis] if step.grey else image
        return np.clip(image + np.float32(step.scale) * _photon_noise(counted, rng), 0, 255)
    return jpeg(_rounded(image), step.quality).astype(np.float32)


def _blurred(image: Image, step: Blur) -> Image:
    if step.taps is None:
        return filtered(image, step.kernel)
    rows = ndimage.correlate1d(image, step.taps, axis=0, mode="mirror")
    return ndimage.correlate1d(rows, step.taps, axis=1, mode="mirror")


def _photon_noise(image: Image, rng: np.random.Generator) -> Image:
    """Poisson counts of the image minus their mean, in grey levels."""
    mean = np.rint(np.clip(image, 0, 255))
    distinct = np.count_nonzero(np.bincount(mean.astype(np.uint8).ravel()))
    gain = 255 / 2 ** math.ceil(math.log2(distinct))
    return (rng.poisson(mean / gain) * gain - mean).astype(np.float32)


def _rounded(image: Image) -> NDArray[np.uint8]:
    return np.rint(np.clip(image, 0, 255)).astype(np.uint8)
