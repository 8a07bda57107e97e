"""Traces that blur, noise and JPEG leave in luma: an extractor without training or download.

Luma alone, since colour says little more about these three, and film, scans and cameras differ in colour for other
reasons.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from degcraft.errors import DegcraftError
from degcraft.extractors import Extractor
from degcraft.extractors.dct import SIDE, YCBCR, block_coefficients
from degcraft.quantisation import quantisation_tables

QUALITIES = np.arange(20, 97)
ROUNDING = 0.45  # spread of a decoded coefficient about its lattice: the image was rounded to 8 bits
STRAY = 0.05  # share of coefficients off the lattice: clipped pixels, chroma rounding
LAGS = (1, 2, 3, 4, 6)
EDGE_SHARES = (0.25, 0.5, 0.75, 0.9, 0.95, 0.98, 0.995)
BLOCK_SHARES = (0.05, 0.15, 0.3, 0.5, 0.7, 0.85, 0.95)
RING_EDGES = (0.5, 2.0, 3.5, 5.0, 6.5, 8.0, 10.0)


def build(options: dict[str, Any], weights: None, device: None) -> Extractor:
    """Extractor of traces; it has no options, weights or device."""
    return features


def features(images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Quantisation, sharpness and noise of each image, in this order.

    Parameters
    ----------
    images : ndarray of shape (n, height, width, 3), uint8
        RGB, at least 16 x 16.

    Returns
    -------
    ndarray of shape (n, 143), float32
        3 of `quantisation`, 98 of `sharpness`, 42 of `energies`.

    Raises
    ------
    DegcraftError
        The images are smaller than two blocks.
    """
    height, width = images.shape[1:3]
    if min(height, width) < 2 * SIDE:
        raise DegcraftError(
            f"prepare.crop: LR images of {height} x {width} pixels; traces needs at least {2 * SIDE} x {2 * SIDE}; "
            f"set prepare.crop to {8 * SIDE} or more"
        )
    luma = images.astype(np.float32) @ YCBCR[0].astype(np.float32)
    coefficients = block_coefficients(luma[..., None])[:, 0]
    parts = [quantisation(coefficients), sharpness(luma), energies(coefficients)]
    return np.concatenate(parts, axis=1).astype(np.float32)


def quantisation(luma: NDArray[np.float64]) -> NDArray[np.float64]:
    """JPEG quality whose lattice the luma coefficients lie on best.

    A decoded image was once rounded to multiples of a table's entries, and 8-bit rounding hides that only in part: the
    likelihood of the coefficients about the lattice of each quality is compared with no lattice at all.

    Parameters
    ----------
    luma : ndarray of shape (n, blocks, 63), float64
        AC coefficients from `block_coefficients`.

    Returns
    -------
    ndarray of shape (n, 3), float64
        The best of `QUALITIES`; the mean logarithm of its likelihood ratio per coefficient that is not 0; the
        logarithm of the number of these.

    References
    ----------
    Fan and de Queiroz, "Identification of bitmap compression history", IEEE Transactions on Image Processing, 2003.
    """
    tables = np.stack([quantisation_tables(int(quality))[0].ravel()[1:] for quality in QUALITIES]).astype(np.float32)
    n = len(luma)
    scores = np.zeros((n, len(QUALITIES)))
    image, _, frequency = np.nonzero(np.abs(luma) > 1)
    values = luma[np.abs(luma) > 1].astype(np.float32)
    counts = np.bincount(image, minlength=n)
    for column, table in enumerate(tables):
        step = table[frequency]
        off = (values - step * np.rint(values / step)) * np.float32(1 / ROUNDING)
        peak = step * np.float32((1 - STRAY) / (ROUNDING * np.sqrt(2 * np.pi)))
        likelihood = np.log(peak * np.exp(-0.5 * off * off) + np.float32(STRAY))
        scores[:, column] = np.bincount(image, likelihood, minlength=n)
    scores /= np.maximum(counts, 1)[:, None]
    return np.stack([QUALITIES[scores.argmax(axis=1)], scores.max(axis=1), np.log1p(counts)], axis=1)


def sharpness(luma: NDArray[np.float32]) -> NDArray[np.floating]:
    """Quantiles of derivatives: differences over several distances, and of second and third order.

    Parameters
    ----------
    luma : ndarray of shape (n, height, width), float32
        Range 0 to 255.

    Returns
    -------
    ndarray of shape (n, 98), float32
        log(quantile + .5) of the absolute derivatives, the larger of the two directions first, then the smaller.
    """
    directions = []
    for axis in (1, 2):
        derivatives = [_difference(luma, lag, axis) for lag in LAGS]
        derivatives.append(_difference(derivatives[0], 1, axis))
        derivatives.append(_difference(derivatives[-1], 1, axis))
        logs = [np.log(_quantiles(np.abs(each), EDGE_SHARES) + 0.5) for each in derivatives]
        directions.append(np.concatenate(logs, axis=1))
    return np.concatenate([np.maximum(*directions), np.minimum(*directions)], axis=1)


def energies(luma: NDArray[np.float64]) -> NDArray[np.floating]:
    """Quantiles over blocks of the energy in rings of frequency: the flattest blocks show the noise.

    Parameters
    ----------
    luma : ndarray of shape (n, blocks, 63), float64
        AC coefficients from `block_coefficients`.

    Returns
    -------
    ndarray of shape (n, 42), float64
        For each of 6 rings, quantiles of log(mean square + .1).
    """
    rows, columns = np.divmod(np.arange(1, SIDE * SIDE), SIDE)
    ring = np.digitize(np.hypot(rows, columns), RING_EDGES) - 1
    square = np.square(luma)
    rings = [np.log(square[..., ring == number].mean(axis=-1) + 0.1) for number in range(len(RING_EDGES) - 1)]
    return np.concatenate([_quantiles(each, BLOCK_SHARES) for each in rings], axis=1)


def _difference(values: NDArray[np.float32], lag: int, axis: int) -> NDArray[np.float32]:
    moved = np.moveaxis(values, axis, -1)
    return np.moveaxis(moved[..., lag:] - moved[..., :-lag], -1, axis)


def _quantiles(values: NDArray[np.floating], shares: tuple[float, ...]) -> NDArray[np.floating]:
    """Order statistics of each row of (n, ...), shape (n, shares)."""
    rows = values.reshape(len(values), -1)
    places = [int(rows.shape[1] * share) for share in shares]
    return np.partition(rows, places, axis=1)[:, places]
