"""Degradation models: the paper's of first order, Real-ESRGAN's of second order, and BSRNet's, shuffled."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from degcraft.degradations import first_order, second_order, shuffled
from degcraft.degradations.first_order import SCALE

__all__ = ["SCALE", "degrade"]


def degrade(
    image: NDArray[np.uint8], parameters: tuple[float, ...], rng: np.random.Generator, options: dict[str, Any]
) -> NDArray[np.uint8]:
    """Degrade one image under the model whose options are given.

    Parameters
    ----------
    image : ndarray of shape (height, width, 3), uint8
        HR image, RGB; sides are multiples of 4.
    parameters : tuple of float
        First order: blur, noise and quality. Others: a point of the unit cube.
    rng : numpy.random.Generator
        Draws the noise.
    options : dict
        Of `first_order.degrade`; or ``second_order`` or ``shuffled`` alone, with those of that model's `degrade`.

    Returns
    -------
    ndarray of shape (height // 4, width // 4, 3), uint8
        LR image, RGB.
    """
    if "second_order" in options:
        return second_order.degrade(image, np.asarray(parameters), rng, options["second_order"])
    if "shuffled" in options:
        return shuffled.degrade(image, np.asarray(parameters), rng, options["shuffled"])
    return first_order.degrade(image, parameters, rng, options)
