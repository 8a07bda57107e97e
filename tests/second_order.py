"""Options of the second-order degradation as published, and points of its cube."""

import numpy as np

from degcraft.degradations.second_order import PARAMETERS

SHARES = {
    "isotropic": 0.45,
    "anisotropic": 0.25,
    "generalised-anisotropic": 0.03,
    "generalised-isotropic": 0.12,
    "plateau-isotropic": 0.12,
    "plateau-anisotropic": 0.03,
}
BOTH = {
    "sinc": 0.1,
    "kernels": SHARES,
    "generalised": [0.5, 4.0],
    "plateau": [1.0, 2.0],
    "filters": ["area", "bilinear", "bicubic"],
    "gaussian": 0.5,
    "grey": 0.4,
    "quality": [30, 95],
}
FIRST = BOTH | {"blur": 1.0, "sigma": [0.2, 3.0], "down": 0.7, "up": 0.2, "factor": [0.15, 1.5]}
SECOND = BOTH | {"blur": 0.8, "sigma": [0.2, 1.5], "down": 0.4, "up": 0.3, "factor": [0.3, 1.2]}
OPTIONS = {
    "kernel_size": [7, 21],
    "first": FIRST | {"sd": [1, 30], "poisson": [0.05, 3.0]},
    "second": SECOND | {"sd": [1, 25], "poisson": [0.05, 2.5]},
    "last": {"resize_first": 0.5, "filters": BOTH["filters"], "sinc": 0.8},
}
# Coordinates of kernels in the cube with these options, in both stages.
KERNEL = {"isotropic": 0.3, "anisotropic": 0.62, "generalised-isotropic": 0.75, "plateau-anisotropic": 0.899}


def changed(**values):
    """OPTIONS with values of both stages replaced."""
    return OPTIONS | {stage: OPTIONS[stage] | values for stage in ("first", "second")}


def at(**shares):
    """The point that degrades least, but for the given coordinates."""
    least = dict.fromkeys(PARAMETERS, 0.0)
    least |= {"resize1": 0.75, "resize2": 0.5, "quality1": 1.0, "quality2": 1.0, "cutoff3": 1.0, "order3": 1.0}
    assert shares.keys() <= least.keys()
    return np.array(list((least | shares).values()))
