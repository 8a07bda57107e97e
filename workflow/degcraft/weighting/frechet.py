"""Fréchet distances of bins to references (paper, eq. 3) and the weights they give (paper, eq. 4)."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True)
class Gaussian:
    """A normal distribution fitted to features.

    Attributes
    ----------
    mean : ndarray of shape (c,), float64
        Mean of the features.
    root : ndarray of shape (rank, c), float64
        A root of the covariance: root.T @ root is the covariance, and rank is
        the smaller of the number of samples and c.
    """

    mean: NDArray[np.float64]
    root: NDArray[np.float64]


def statistics(features: ArrayLike, ddof: int) -> Gaussian:
    """Gaussian fitted to features.

    Parameters
    ----------
    features : array_like of shape (n, c)
        One row per sample.
    ddof : int
        The covariance divides by n - ddof.

    Raises
    ------
    ValueError
        The features are not a finite matrix of more than `ddof` rows.
    """
    # paper: eq. 3 the divisor of the covariance is not stated; distances.ddof says which.
    x = np.asarray(features, dtype=np.float64)
    if x.ndim != 2 or len(x) <= ddof:
        raise ValueError(f"features of shape {x.shape}; a matrix of at least {ddof + 1} samples is needed")
    if not np.isfinite(x).all():
        raise ValueError("features that are not finite (NaN or infinite)")
    mean = x.mean(axis=0)
    root = (x - mean) / np.sqrt(len(x) - ddof)
    if len(x) > x.shape[1]:  # the triangle of a QR decomposition has the same product, in c rows
        root = np.linalg.qr(root, mode="r")
    return Gaussian(mean, root)


def squared_distance(a: Gaussian, b: Gaussian) -> float:
    r"""Squared Fréchet distance of two Gaussians (paper, eq. 3).

    Returns
    -------
    float
        >= 0; symmetric.

    Raises
    ------
    ValueError
        The Gaussians have different dimensions.

    Notes
    -----
    .. math:: |\mu_a - \mu_b|^2 + tr(S_a) + tr(S_b) - 2 tr((S_a^{1/2} S_b S_a^{1/2})^{1/2})

    With roots, S = R'R, the last trace is the sum of the singular values of
    R_a R_b'. That is exact for singular covariances, needs no c x c root of a
    matrix and no jitter.

    References
    ----------
    Mathiasen and Hvilshøj, "Backpropagating through Fréchet Inception Distance", arXiv 2009.14075.
    """
    if a.mean.shape != b.mean.shape:
        raise ValueError(f"features of {a.mean.size} and of {b.mean.size} dimensions; they cannot be compared")
    shift = float(np.square(a.mean - b.mean).sum())
    traces = float(np.square(a.root).sum() + np.square(b.root).sum())
    common = float(np.linalg.svd(a.root @ b.root.T, compute_uv=False).sum())
    distance = shift + traces - 2 * common
    # Equal covariances leave the rounding of the traces, of either sign.
    return 0.0 if -1e-12 * (shift + traces) <= distance < 0 else distance


def squared_distances(bins: NDArray[np.floating], references: ArrayLike, ddof: int) -> NDArray[np.float64]:
    """Squared Fréchet distance of every bin to the references (paper, eq. 3).

    Parameters
    ----------
    bins : ndarray of shape (bins, n, c)
        Features of each bin, the same number of samples in all.
    references : array_like of shape (m, c)
        Features of the references.
    ddof : int
        Covariances divide by n - ddof.

    Returns
    -------
    ndarray of shape (bins,), float64
        Distances >= 0.

    Raises
    ------
    ValueError
        Features are not finite, too few, or of different dimensions.

    Examples
    --------
    >>> references = np.array([[0.0], [2.0]])
    >>> squared_distances(np.stack([references, references + 3]), references, ddof=1).tolist()
    [0.0, 9.0]
    """
    target = statistics(references, ddof)
    return np.array([squared_distance(statistics(features, ddof), target) for features in bins])


def bin_weights(distances: ArrayLike, alpha: float) -> NDArray[np.float64]:
    r"""Sampling weight of each degradation bin (paper, eq. 4).

    Parameters
    ----------
    distances : array_like of shape (bins,)
        Squared Fréchet distances, finite and >= 0.
    alpha : float
        Concentration, finite and >= 0. 0 is uniform; the paper uses 25.

    Returns
    -------
    ndarray of shape (bins,), float64
        Weights >= 0 that sum to 1; for alpha > 0 the farthest bin gets exactly 0.

    Raises
    ------
    ValueError
        Fewer than two bins, a distance that is not finite or < 0, all
        distances equal, or alpha not finite or < 0.

    Notes
    -----
    .. math:: w_i \propto \exp((1 - d_i)^\alpha) - 1

    with d the distances moved and scaled to [0, 1]; 0^0 is 1.

    Examples
    --------
    >>> bin_weights([4, 1, 9], alpha=0).round(3).tolist(), bin_weights([4, 1, 9], alpha=1).round(3).tolist()
    ([0.333, 0.333, 0.333], [0.336, 0.664, 0.0])
    """
    d = np.asarray(distances, dtype=np.float64)
    if d.ndim != 1 or d.size < 2:
        raise ValueError(f"distances of shape {d.shape}; at least two bins are needed")
    if not np.isfinite(d).all() or d.min() < 0:
        raise ValueError(f"{(~(d >= 0) | np.isinf(d)).sum()} of {d.size} distances are not finite or below 0")
    if not (np.isfinite(alpha) and alpha >= 0):
        raise ValueError(f"alpha is {alpha}; a finite number >= 0 is needed")
    low, high = d.min(), d.max()
    if high - low <= 1e-12 * high:  # rounding, not a difference
        raise ValueError(f"all {d.size} bins are equally distant ({low:.6g}): the extractor cannot tell them apart")
    raw = np.expm1(np.power(1 - (d - low) / (high - low), alpha))
    return np.asarray(raw / raw.sum(), dtype=np.float64)
