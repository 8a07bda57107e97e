"""Points of the unit cube as programs for whole batches, of the second-order and of the shuffled degradation."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from degcraft.degradations import second_order, shuffled
from degcraft.degradations.first_order import SCALE
from degcraft.degradations.kernels import of_kind, sinc
from degcraft.degradations.programs import Program, assembled
from degcraft.degradations.resizing import matrix
from degcraft.degradations.steps import SMALLEST, Blur, Compress, Noise, Photons, Resample, Step


def programmed(points: NDArray[np.float64], side: int, degradation: dict[str, Any]) -> Program:
    """Program that degrades a batch as `degcraft.degradations.degrade` does image by image.

    Parameters
    ----------
    points : ndarray of shape (n, d), float64
        In [0, 1], in the order of the model's PARAMETERS.
    side : int
        Of the HR images, pixels, a multiple of 4.
    degradation : dict
        ``second_order`` or ``shuffled`` alone, with that config section.

    Returns
    -------
    Program
        For `degcraft.degradations.programs.run`. Without noise the results are those of the model's own `degrade`
        but for rounding.
    """
    if "second_order" in degradation:
        recipes = [second_order_steps(point, side, degradation["second_order"]) for point in points]
    else:
        recipes = [shuffled.steps(point, (side, side), degradation["shuffled"]) for point in points]
    return assembled(recipes, side)


def second_order_steps(point: NDArray[np.float64], side: int, options: dict[str, Any]) -> list[Step]:
    """What `degcraft.degradations.second_order.degrade` does to a square image at a point of the cube, in order."""
    drawn: dict[str, Any] = second_order.describe(point, options)
    small = side // SCALE
    once = max(SMALLEST, int(side * drawn["resize1"]))
    twice = max(SMALLEST, int(small * drawn["resize2"]))
    first = [*_blur(drawn, "1"), _resize(side, once, drawn["filter1"]), _noise(drawn, "1")]
    second = [*_blur(drawn, "2"), _resize(once, twice, drawn["filter2"]), _noise(drawn, "2")]
    finish: list[Step] = [_resize(twice, small, drawn["filter3"])]
    if drawn["size3"] > 1:
        finish.append(Blur(sinc(drawn["size3"], drawn["cutoff3"])))
    codes = [Compress(round(drawn[quality])) for quality in ("quality1", "quality2")]
    ending = [*finish, codes[1]] if drawn["order3"] == "resize-jpeg" else [codes[1], *finish]
    return [*first, codes[0], *second, *ending]


def _blur(drawn: dict[str, Any], number: str) -> list[Step]:
    kernel, size = drawn["kernel" + number], drawn["size" + number]
    if kernel == "none":
        return []
    if kernel == "sinc":
        return [Blur(sinc(size, drawn["cutoff" + number]))]
    axes = (drawn[name + number] for name in ("sigma_x", "sigma_y", "rotation", "shape"))
    return [Blur(of_kind(kernel, size, *axes))]


def _resize(source: int, target: int, kind: str) -> Resample:
    along = matrix(source, target, kind)
    return Resample(along, along, clipped=False)


def _noise(drawn: dict[str, Any], number: str) -> Step:
    level, grey = drawn["level" + number], drawn["channels" + number] == "grey"
    if drawn["noise" + number] == "poisson":
        return Photons(level, grey)
    return Noise(level * (np.ones((3, 1)) if grey else np.eye(3)))
