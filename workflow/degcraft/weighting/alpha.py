"""Alpha of the Fréchet weighting, chosen from the bank instead of by hand."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from degcraft.weighting import frechet

ALPHAS = (0.0, 1.0, 2.0, 3.0, 5.0, 7.0, 10.0, 15.0, 20.0, 25.0, 35.0, 50.0, 70.0, 100.0, 150.0, 200.0, 300.0, 500.0)
TRIALS = 40
LEAST = 10  # references of a trial
DOUBT = 0.05  # share of uniform in the score, without which one empty true bin would decide


def scores(
    features: NDArray[np.float32],
    points: NDArray[np.float64],
    edges: Sequence[NDArray[np.float64]],
    ddof: int,
    rng: np.random.Generator,
) -> NDArray[np.float64]:
    """How well each of `ALPHAS` finds targets that are made from the bank itself.

    A target is a box as large as a bin, at a random place. Its references are the images of one half of the contents
    whose degradations lie in the box; the bins are made from the other half.

    Parameters
    ----------
    features : ndarray of shape (bins, n, c), float32
        Of the bank; image i of every bin has the content i.
    points : ndarray of shape (bins, n, d), float64
        Their degradations in the unit cube.
    edges : sequence of ndarray
        Edges of the bins along each axis, from 0 to 1.
    ddof : int
        Covariances divide by n - ddof.
    rng : numpy.random.Generator
        Draws halves and boxes.

    Returns
    -------
    ndarray of shape (alphas,), float64
        Mean over targets of the log-likelihood (nats) of a true degradation's bin against uniform; greater is better.

    Raises
    ------
    ValueError
        Other than one vector per image, too few contents to halve, or bins that cannot be told apart.

    Examples
    --------
    >>> from degcraft.streams import stream
    >>> points = np.linspace(0, 1, 4 * 20).reshape(4, 20, 1)  # four bins of one parameter
    >>> found = scores(points.astype(np.float32), points, [np.linspace(0, 1, 5)], 1, stream(0, "example"))
    >>> len(found) == len(ALPHAS), ALPHAS[found.argmax()] > 0
    (True, True)
    """
    if features.shape[:2] != points.shape[:2]:
        raise ValueError(f"features of shape {features.shape} for {points.shape[:2]} images; one vector each is needed")
    n = features.shape[1]
    half = rng.permutation(n) < n // 2
    bins = [frechet.statistics(one, ddof) for one in features[:, ~half]]
    mine, places = features[:, half].reshape(-1, features.shape[2]), points[:, half].reshape(-1, points.shape[2])
    total = np.zeros(len(ALPHAS))
    for _ in range(TRIALS):
        inside, truth = _target(places, edges, rng)
        target = frechet.statistics(mine[inside], ddof)
        distances = np.array([frechet.squared_distance(one, target) for one in bins])
        for number, alpha in enumerate(ALPHAS):
            weights = (1 - DOUBT) * frechet.bin_weights(distances, alpha) + DOUBT / len(bins)
            total[number] += truth @ np.log(len(bins) * weights)
    return total / TRIALS


def _target(
    places: NDArray[np.float64], edges: Sequence[NDArray[np.float64]], rng: np.random.Generator
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Images in a box as large as a bin, and the share of the box in each bin; larger boxes where images are few."""
    factor = 1.0
    while True:
        widths = np.minimum(1.0, factor / np.array([len(one) - 1 for one in edges]))
        low = rng.uniform(0, 1 - widths)
        high = low + widths
        inside = np.flatnonzero(((places >= low) & (places <= high)).all(axis=1))
        if len(inside) >= min(LEAST, len(places)):
            break
        factor *= 1.1
    truth = np.ones(1)
    for axis, bounds in enumerate(edges):
        common = np.minimum(bounds[1:], high[axis]) - np.maximum(bounds[:-1], low[axis])
        truth = np.outer(truth, np.maximum(common, 0) / widths[axis]).ravel()
    return inside, truth
