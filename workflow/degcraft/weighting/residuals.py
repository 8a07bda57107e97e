"""Goodness of fit: whether references look like the bank's images of the same estimated degradation.

The features of an image are predicted from its estimated degradation; what is left is measured by its Mahalanobis
distance under the bank's residuals, and compared with the same distance of the bank's images that were held out.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from degcraft.weighting.density import EDGES, MIDDLES, Density
from degcraft.weighting.posterior import REACH, Components

SHRINKAGES = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3)
INSIDE = 0.99  # share of the bank's own images that count as explained
TRIALS = 200
ENOUGH = 50  # effective number of the bank's images that references are compared with, at least


@dataclass(frozen=True)
class Residuals:
    """What is needed to judge references, all from the bank.

    Attributes
    ----------
    shift, scale : ndarray of shape (c,), float64
        Standardise the features.
    prediction : ndarray of shape (terms, c), float64
        Standardised features from the terms of `design`.
    precision : ndarray of shape (c, c), float64
        Inverse of the shrunk covariance of the residuals.
    places : ndarray of shape (n, d), float64
        Estimated degradations of the bank's images, held out.
    distances : ndarray of shape (n,), float64
        Squared Mahalanobis distances of their residuals, held out.
    contents : ndarray of shape (n,), int64
        Their contents.
    """

    shift: NDArray[np.float64]
    scale: NDArray[np.float64]
    prediction: NDArray[np.float64]
    precision: NDArray[np.float64]
    places: NDArray[np.float64]
    distances: NDArray[np.float64]
    contents: NDArray[np.int64]

    def measure(self, features: NDArray[np.float32], components: Components) -> NDArray[np.float64]:
        """Squared Mahalanobis distance of each reference's residual, shape (n,)."""
        residual = self._standardised(features) - design(centre(components)) @ self.prediction
        return np.asarray(np.einsum("nc,cd,nd->n", residual, self.precision, residual))

    def _standardised(self, features: NDArray[np.float32]) -> NDArray[np.float64]:
        return np.asarray(np.clip((features - self.shift) / self.scale, -REACH, REACH), dtype=np.float64)


def fit(
    features: NDArray[np.float32], held_out: Components, folds: NDArray[np.int64], contents: NDArray[np.int64]
) -> Residuals:
    """Residuals of the bank, with the shrinkage whose held-out likelihood is greatest.

    Parameters
    ----------
    features : ndarray of shape (n, c), float32
        Of the bank's images.
    held_out : Components
        Posteriors of each, by the network that has not seen its content.
    folds, contents : ndarray of shape (n,), int64
        Fold and content of each image; a content lies in one fold.
    """
    shift, scale = features.mean(axis=0, dtype=np.float64), features.std(axis=0, dtype=np.float64) + 1e-6
    x = np.clip((features - shift) / scale, -REACH, REACH)
    places = centre(held_out)
    terms = design(places)
    prediction = np.linalg.lstsq(terms, x, rcond=None)[0]
    residual = x - terms @ prediction
    likelihoods = [_held_out(residual, folds, shrinkage)[0] for shrinkage in SHRINKAGES]
    shrinkage = SHRINKAGES[int(np.argmax(likelihoods))]
    distances = _held_out(residual, folds, shrinkage)[1]
    precision = np.asarray(np.linalg.inv(_shrunk(residual, shrinkage)), dtype=np.float64)
    return Residuals(shift, scale, prediction, precision, places, distances, contents)


@dataclass(frozen=True)
class Verdict:
    """Whether references can be explained by the degradation model.

    Attributes
    ----------
    explained : ndarray of shape (n,), bool
        Which references lie within what the bank's own images show.
    powers : ndarray of shape (n,), float64
        1 for explained references; for others, the typical distance over theirs, in (0, 1].
    expected : float
        Share of explained images that 95 % of equally large sets from the bank itself reach.
    """

    explained: NDArray[np.bool_]
    powers: NDArray[np.float64]
    expected: float

    @property
    def share(self) -> float:
        """Share of the references that is explained."""
        return float(self.explained.mean())

    def __str__(self) -> str:
        """One sentence for logs and tables."""
        if self.share >= self.expected:
            return "explained"
        return "partly explained" if self.share >= 0.5 else "not explained"


def judge(residuals: Residuals, distances: NDArray[np.float64], density: Density, rng: np.random.Generator) -> Verdict:
    """Compare references with the bank's images of the same degradations.

    Parameters
    ----------
    residuals : Residuals
        Of the bank.
    distances : ndarray of shape (n,), float64
        Of the references, from `Residuals.measure`.
    density : Density
        Estimated density of their degradations: the bank's images count by it.
    rng : numpy.random.Generator
        Draws the sets that `expected` is taken from.
    """
    weights = _comparable(residuals, density)
    order = np.argsort(residuals.distances)
    cumulative = np.cumsum(weights[order])
    limit, typical = (
        residuals.distances[order][min(int(np.searchsorted(cumulative, share)), len(order) - 1)]
        for share in (INSIDE, 0.5)
    )
    explained = distances <= limit
    powers = np.where(explained, 1.0, np.minimum(1.0, typical / np.maximum(distances, 1e-12)))
    return Verdict(explained, powers, _expected(residuals, weights, limit, len(distances), rng))


def _comparable(residuals: Residuals, density: Density) -> NDArray[np.float64]:
    """How much each of the bank's images counts where references have this density; sums to 1."""
    weights = 0.95 * density.density(residuals.places) + 0.05
    # Quantiles of a few images say nothing: where a density is narrow, weights are flattened until enough images count.
    while weights.sum() ** 2 < min(ENOUGH, len(weights) / 2) * np.square(weights).sum():
        weights = weights**0.9
    return np.asarray(weights / weights.sum())


def _expected(
    residuals: Residuals, weights: NDArray[np.float64], limit: float, n: int, rng: np.random.Generator
) -> float:
    """Share of explained images that 95 % of sets of n images from the bank reach."""
    # Images of one content resemble each other: sets are drawn by content, as references come.
    inside = np.bincount(residuals.contents, weights * (residuals.distances <= limit))
    every = np.bincount(residuals.contents, weights)
    rates = inside[every > 0] / every[every > 0]
    sets = rng.choice(rates, size=(TRIALS, n))
    shares = rng.binomial(1, np.clip(sets, 0, 1)).mean(axis=1)
    # The limit is an order statistic of `count` images, so what it really leaves out follows a beta distribution.
    count = 1 / np.square(weights).sum()
    missed = rng.spawn(1)[0].beta((1 - INSIDE) * count + 1, INSIDE * count, size=TRIALS)
    return max(float(np.quantile(shares - missed + (1 - INSIDE), 0.05)), 0.0)


def centre(components: Components) -> NDArray[np.float64]:
    """Mean of each image's posterior, shape (n, d)."""
    shares = np.exp(components.log_shares)
    axes = range(components.means.shape[2])
    means = [np.einsum("nk,nkm,m->n", shares, components.masses(EDGES, axis), MIDDLES) for axis in axes]
    return np.stack(means, axis=1)


def design(places: NDArray[np.float64]) -> NDArray[np.float64]:
    """Terms of a prediction from degradations (n, d): constant, linear, all products of two, and cubes."""
    n, d = places.shape
    products = [places[:, a] * places[:, b] for a in range(d) for b in range(a, d)]
    return np.stack([np.ones(n), *places.T, *products, *(places**3).T], axis=1)


def _shrunk(residual: NDArray[np.float64], shrinkage: float) -> NDArray[np.float64]:
    """Covariance, shrunk towards its diagonal."""
    covariance = residual.T @ residual / len(residual)
    return np.asarray(
        (1 - shrinkage) * covariance + shrinkage * np.diag(np.diag(covariance)) + 1e-9 * np.eye(len(covariance))
    )


def _held_out(
    residual: NDArray[np.float64], folds: NDArray[np.int64], shrinkage: float
) -> tuple[float, NDArray[np.float64]]:
    """Gaussian log-likelihood of all folds under the others, and the squared distance of each image."""
    distances = np.empty(len(residual))
    total = 0.0
    for fold in np.unique(folds):
        left = folds == fold
        covariance = _shrunk(residual[~left], shrinkage)
        solved = np.linalg.solve(covariance, residual[left].T)
        distances[left] = np.einsum("nc,cn->n", residual[left], solved)
        total -= 0.5 * (distances[left].sum() + left.sum() * float(np.linalg.slogdet(covariance)[1]))
    return total, distances
