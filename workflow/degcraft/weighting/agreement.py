"""How well bin weights agree with a setting's true proportions."""

import numpy as np
from numpy.typing import NDArray


def true_mass(weights: NDArray[np.float64], truth: NDArray[np.float64]) -> float:
    """Weight on the true bins: those that hold any of the setting's degradations (paper, Fig. 4).

    Parameters
    ----------
    weights : ndarray of shape (bins,), float64
        Weights >= 0 that sum to 1.
    truth : ndarray of shape (bins,), float64
        True proportions >= 0 that sum to 1.

    Returns
    -------
    float
        From 0 (no true bin is ever drawn) to 1 (only true bins are).

    Raises
    ------
    ValueError
        Unequal shapes, or proportions that are negative or do not sum to 1.

    Examples
    --------
    >>> true_mass(np.array([0.5, 0.25, 0.25]), np.array([0.0, 0.1, 0.9]))
    0.5
    """
    _check(weights, truth)
    return float(weights[truth > 0].sum())


def total_variation(weights: NDArray[np.float64], truth: NDArray[np.float64]) -> float:
    """Total variation distance of the weights to the true proportions: half the sum of absolute differences.

    Parameters
    ----------
    weights : ndarray of shape (bins,), float64
        Weights >= 0 that sum to 1.
    truth : ndarray of shape (bins,), float64
        True proportions >= 0 that sum to 1.

    Returns
    -------
    float
        From 0 (equal) to 1 (no bin in common): the share of draws that would have to move.

    Raises
    ------
    ValueError
        Unequal shapes, or proportions that are negative or do not sum to 1.

    Examples
    --------
    >>> total_variation(np.array([0.5, 0.5, 0.0]), np.array([0.25, 0.25, 0.5]))
    0.5
    """
    _check(weights, truth)
    return float(np.abs(weights - truth).sum() / 2)


def _check(*proportions: NDArray[np.float64]) -> None:
    shapes = {one.shape for one in proportions}
    if len(shapes) > 1:
        raise ValueError(f"proportions of shapes {' and '.join(map(str, sorted(shapes)))}; one shape is needed")
    for one in proportions:
        if not (one >= 0).all() or abs(float(one.sum()) - 1) > 1e-6:
            raise ValueError(
                f"proportions that sum to {one.sum():.6g}, least {one.min():.6g}; >= 0 and sum 1 are needed"
            )
