"""Options of the shuffled degradation as published, and points of its cube."""

import numpy as np

from degcraft.degradations.shuffled import PARAMETERS
from degcraft.degradations.steps import Noise

FILTERS = ["bilinear", "bicubic", "coverage"]
OPTIONS = {
    "halved": 0.25,
    "antialiased": 0.5,
    "filters": FILTERS,
    "kernel_size": [7, 25],
    "anisotropic": 0.5,
    "variance": [[0, 6], [0, 8]],
    "sigma": [[0, 2.4], [0, 2.8]],
    "factor": [[1, 4], [1, 8]],
    "strided": 0.25,
    "strided_sigma": [[0.1, 1.2], [0.1, 2.4]],
    "grey": 0.4,
    "colour": 0.4,
    "level": [2, 25],
    "jpeg": 0.9,
    "quality": [30, 95],
}
SILENT = OPTIONS | {"level": [0, 0]}
FINE = OPTIONS | {"quality": [100, 100]}
FILTER = {"bilinear": 0.1, "bicubic": 0.4, "coverage": 0.7}  # coordinates, of the resize and of the reduction
HALVING = {"bilinear": 0.76, "bicubic": 0.81, "coverage": 0.85, "antialiased": 0.9}
CHANNELS = {"grey": 0.2, "colour": 0.6, "correlated": 0.9}
ORDER = ("blur1", "reduction", "blur2", "resize", "noise", "jpeg", "camera")


def places(*order):
    return {f"place_{name}": place / 7 for place, name in enumerate(order)}


def at(**shares):
    """The point that degrades least, but for the given coordinates; noise is grey and comes after the resize."""
    least = dict.fromkeys(PARAMETERS, 0.0) | places(*ORDER)
    least |= {"kernel1": 0.9, "kernel2": 0.9, "reduction": FILTER["coverage"], "filter": FILTER["coverage"]}
    least |= {"quality1": 1.0, "quality2": 1.0}
    assert shares.keys() <= least.keys()
    return np.array(list((least | shares).values()))


def is_noise(step):
    return isinstance(step, Noise)
