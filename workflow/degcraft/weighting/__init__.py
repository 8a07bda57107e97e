"""Weightings: from distances to sampling weights of the bins, and what they amount to."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from degcraft.errors import DegcraftError
from degcraft.weighting import frechet

WEIGHTINGS = {"frechet": frechet.bin_weights}


def weigh(weighting: dict[str, Any], distances: NDArray[np.float64]) -> NDArray[np.float64]:
    """Weights of the bins under a weighting.

    Parameters
    ----------
    weighting : dict
        ``name``, whose part before the first hyphen says which one, and its parameters.
    distances : ndarray of shape (bins,), float64
        One per bin.

    Returns
    -------
    ndarray of shape (bins,), float64
        Weights >= 0 that sum to 1.

    Raises
    ------
    DegcraftError
        No weighting has this name.
    ValueError
        The weighting refuses the distances.
    """
    parameters = {key: value for key, value in weighting.items() if key != "name"}
    kind = weighting["name"].partition("-")[0]
    if kind not in WEIGHTINGS:
        raise DegcraftError(
            f"weighting: {kind} is unknown; one of {', '.join(WEIGHTINGS)} is needed; write frechet-a25"
        )
    return WEIGHTINGS[kind](distances, **parameters)


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
