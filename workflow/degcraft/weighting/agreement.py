"""How well weights agree with what is true of a target: with its proportions of the bins, and with its degradations."""

from collections.abc import Sequence

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


def log_density(densities: NDArray[np.float64], floor: float) -> float:
    """Mean log-density that training gives to true degradations, nats above uniform.

    Parameters
    ----------
    densities : ndarray of shape (n,), float64
        Density of each true degradation, relative to uniform, >= 0.
    floor : float
        Share of the uniform distribution in training, from 0 to 1; without any, one density of 0 is minus infinity.

    Returns
    -------
    float
        At most the logarithm of the space's volume over the target's.

    Examples
    --------
    >>> round(log_density(np.array([10.0, 0.0]), 0.1), 3)
    -0.047
    """
    with np.errstate(divide="ignore"):
        return float(np.log((1 - floor) * densities + floor).mean())


def bin_densities(
    weights: NDArray[np.float64], edges: Sequence[NDArray[np.float64]], points: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Density at points, relative to uniform, of drawing a bin by its weight and then uniformly inside.

    Parameters
    ----------
    weights : ndarray of shape (bins,), float64
        Weights >= 0 that sum to 1, last axis fastest.
    edges : sequence of ndarray
        Edges of equal bins along each axis, from 0 to 1.
    points : ndarray of shape (n, d), float64
        In the unit cube.

    Returns
    -------
    ndarray of shape (n,), float64
        1 everywhere for equal weights.

    Examples
    --------
    >>> bin_densities(np.array([0.25, 0.75]), [np.array([0.0, 0.5, 1.0])], np.array([[0.1], [1.0]])).tolist()
    [0.5, 1.5]
    """
    places = [
        np.clip(np.searchsorted(bounds, points[:, axis], side="right") - 1, 0, len(bounds) - 2)
        for axis, bounds in enumerate(edges)
    ]
    numbers = np.ravel_multi_index(places, [len(bounds) - 1 for bounds in edges])
    return np.asarray(weights[numbers] * len(weights))


def _check(*proportions: NDArray[np.float64]) -> None:
    shapes = {one.shape for one in proportions}
    if len(shapes) > 1:
        raise ValueError(f"proportions of shapes {' and '.join(map(str, sorted(shapes)))}; one shape is needed")
    for one in proportions:
        if not (one >= 0).all() or abs(float(one.sum()) - 1) > 1e-6:
            raise ValueError(
                f"proportions that sum to {one.sum():.6g}, least {one.min():.6g}; >= 0 and sum 1 are needed"
            )
