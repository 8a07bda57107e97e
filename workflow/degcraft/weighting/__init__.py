"""Weightings: from references to sampling weights, and what the weights amount to."""

import numpy as np
from numpy.typing import NDArray


def floored(weights: NDArray[np.float64], floor: float) -> NDArray[np.float64]:
    """Weights with a share of the uniform distribution, which keeps a network general.

    Examples
    --------
    >>> floored(np.array([1.0, 0.0]), 0.5).tolist()
    [0.75, 0.25]
    """
    return (1 - floor) * weights + floor / len(weights)


def effective_bins(weights: NDArray[np.float64]) -> float:
    """Effective number of bins: the exponential of the entropy of the weights, from 1 to the number of bins.

    Examples
    --------
    >>> effective_bins(np.array([0.5, 0.5, 0.0])), effective_bins(np.array([1.0, 0.0]))
    (2.0, 1.0)
    """
    positive = weights[weights > 0]
    return float(np.exp(-(positive * np.log(positive)).sum()))


def ranking(distances: NDArray[np.float64]) -> tuple[int, int, float]:
    """Nearest bin, second nearest bin, and by which share of its own distance the second is farther.

    Examples
    --------
    >>> ranking(np.array([4.0, 1.0, 2.0]))
    (1, 2, 0.5)
    """
    best, second = (int(place) for place in np.argsort(distances, kind="stable")[:2])
    far = float(distances[second])
    return best, second, (far - float(distances[best])) / far if far > 0 else 0.0
