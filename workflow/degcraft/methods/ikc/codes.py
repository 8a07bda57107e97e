"""Codes of blur kernels: coordinates along the principal directions of many Gaussians (IKC, section 3.1)."""

import functools

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from degcraft.degradations.first_order import gaussian_taps
from degcraft.streams import stream

BLUR = (0.2, 4.0)  # range of the standard deviations, HR pixels, at x4
SIZE = 21  # side of the kernels, as of `degcraft.methods.crops.PLAIN`
COUNT = 30_000  # kernels that the directions are of, as the public implementation


@functools.cache
def directions(code: int) -> NDArray[np.float64]:
    """Principal directions of isotropic Gaussian kernels of random width; always the same.

    Parameters
    ----------
    code : int
        How many, the most important first.

    Returns
    -------
    ndarray of shape (SIZE^2, code), float64
        Columns of length 1, at right angles to each other; the largest component of each is positive.
    """
    widths = stream(0, "methods", "ikc", "kernels").uniform(*BLUR, COUNT)
    taps = np.array([gaussian_taps(width, SIZE) for width in widths])
    kernels = np.einsum("nr,nc->nrc", taps, taps).reshape(COUNT, -1)
    deviations = kernels - kernels.mean(axis=0)
    # The right singular vectors of the deviations, from a matrix of 441 x 441; eigenvalues come in rising order.
    _, vectors = np.linalg.eigh(deviations.T @ deviations)
    chosen = vectors[:, : -code - 1 : -1]
    largest = chosen[np.abs(chosen).argmax(axis=0), np.arange(code)]
    return np.ascontiguousarray(chosen * np.sign(largest))


def gaussian(blur: Tensor) -> Tensor:
    """Kernels (n, SIZE^2) of standard deviations (n,), HR pixels: those of `first_order`, where the widths are."""
    offsets = torch.arange(SIZE, device=blur.device) - SIZE // 2
    taps = torch.exp(-0.5 * (offsets / blur.clamp(min=1e-3)[:, None]).square())
    taps = taps / taps.sum(dim=1, keepdim=True)
    return (taps[:, :, None] * taps[:, None, :]).flatten(1)
