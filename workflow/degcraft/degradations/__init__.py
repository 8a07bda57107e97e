"""Degradation models: the paper's of first order, Real-ESRGAN's of second order, and BSRNet's, shuffled."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from degcraft.degradations import first_order, second_order, shuffled
from degcraft.degradations.first_order import SCALE
from degcraft.degradations.steps import Step, applied

__all__ = ["MODELS", "SCALE", "degrade", "steps_at"]

# Those that map points of a unit cube to steps, by their section of the config.
MODELS = {"second_order": second_order, "shuffled": shuffled}


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
        Draws the noise, and nothing else.
    options : dict
        The config section ``degradation``; or one of MODELS alone, with that section.

    Returns
    -------
    ndarray of shape (height // 4, width // 4, 3), uint8
        LR image, RGB.

    Examples
    --------
    >>> from degcraft.streams import stream
    >>> options = {"kernel_size": 21, "downsampling": "bicubic", "noise": "colour", "chroma": "4:2:0"}
    >>> grey = np.full((32, 48, 3), 128, np.uint8)
    >>> image = degrade(grey, (2.0, 0.0, 90.0), stream(0, "example"), options)
    >>> image.shape, image.min(), image.max()
    ((8, 12, 3), np.uint8(128), np.uint8(128))
    """
    if options.keys() & MODELS.keys():
        return applied(image, steps_at(np.asarray(parameters), (image.shape[0], image.shape[1]), options), rng)
    return first_order.degrade(image, parameters, rng, options)


def steps_at(point: NDArray[np.float64], size: tuple[int, int], options: dict[str, Any]) -> list[Step]:
    """Steps of one of MODELS, whose section is all that the options have, at a point of its cube; see there."""
    ((name, section),) = options.items()
    found: list[Step] = MODELS[name].steps(point, size, section)
    return found
