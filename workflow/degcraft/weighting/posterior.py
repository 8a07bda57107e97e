"""Posterior of the degradation of one image, given its features: mixtures of truncated normals on the unit cube."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import erf, log_ndtr, logsumexp

Layer = tuple[NDArray[np.float32], NDArray[np.float32]]


@dataclass(frozen=True)
class Components:
    """Posteriors of n images: k normals each, independent per axis and truncated to [0, 1].

    Since the bank is spread uniformly over the cube, a posterior is also the likelihood, up to a factor per image.

    Attributes
    ----------
    log_shares : ndarray of shape (n, k), float64
        Logarithms of shares that sum to 1 per image.
    means, spreads : ndarray of shape (n, k, d), float64
        Of the normals before truncation; means may lie outside [0, 1].
    """

    log_shares: NDArray[np.float64]
    means: NDArray[np.float64]
    spreads: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.means)

    def __getitem__(self, chosen: slice | NDArray[np.generic]) -> "Components":
        """Posteriors of some of the images."""
        return Components(self.log_shares[chosen], self.means[chosen], self.spreads[chosen])

    def along(self, axes: Sequence[int] | NDArray[np.int64]) -> "Components":
        """Posteriors of some of the parameters, whatever the others."""
        return Components(self.log_shares, self.means[..., axes], self.spreads[..., axes])

    def masses(self, edges: NDArray[np.float64], axis: int) -> NDArray[np.float64]:
        """Probability of each cell between `edges` (from 0 to 1) along one axis, shape (n, k, cells)."""
        means, spreads = self.means[..., axis, None], self.spreads[..., axis, None]
        log_below = log_ndtr((edges - means) / spreads)
        log_above = log_ndtr((means - edges) / spreads)
        # A normal so far outside that the whole cube underflows is moved up; of proportions only ratios matter.
        shift = np.minimum(np.minimum(log_below[..., -1:], log_above[..., :1]) + 600, 0)
        below, above = (np.exp(np.minimum(logs - shift, 0)) for logs in (log_below, log_above))
        # Differences of the tail that is small, so that cells far out keep their digits.
        masses = np.where(edges[:-1] + edges[1:] > 2 * means, -np.diff(above), np.diff(below))
        masses = np.maximum(masses, 1e-300)
        return masses / masses.sum(axis=-1, keepdims=True)

    def log_density(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Log-density (nats) of one point per image, points of shape (n, d) in the cube; uniform is 0."""
        z = (points[:, None] - self.means) / self.spreads
        inside = _log_between(-self.means / self.spreads, (1 - self.means) / self.spreads)
        logs = -0.5 * z**2 - np.log(self.spreads) - 0.5 * np.log(2 * np.pi) - inside
        return np.asarray(logsumexp(self.log_shares + logs.sum(axis=-1), axis=1))

    def information(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """How much images say about each parameter: mean log-density of its true value, nats above uniform, shape (d,).

        Parameters
        ----------
        points : ndarray of shape (n, d), float64
            True degradations. The networks that the posteriors come from must not have seen the images.
        """
        axes = range(points.shape[1])
        return np.array([self.along([axis]).log_density(points[:, [axis]]).mean() for axis in axes])


def _log_between(low: NDArray[np.float64], high: NDArray[np.float64]) -> NDArray[np.float64]:
    """Log-probability of a standard normal between two bounds, of whichever tail is exact."""
    flip = low > 0
    lower, upper = log_ndtr(np.where(flip, -high, low)), log_ndtr(np.where(flip, -low, high))
    return np.asarray(upper + np.log1p(-np.exp(lower - upper)))


def join(parts: list[Components]) -> Components:
    """Average of several posteriors of the same images."""
    log_shares = [part.log_shares - np.log(len(parts)) for part in parts]
    return Components(
        np.concatenate(log_shares, axis=1),
        np.concatenate([part.means for part in parts], axis=1),
        np.concatenate([part.spreads for part in parts], axis=1),
    )


@dataclass(frozen=True)
class Network:
    """One mixture density network (Bishop 1994), evaluated without PyTorch.

    Attributes
    ----------
    shift, scale : ndarray of shape (c,), float32
        Standardise the features; beyond 5 spreads they are cut.
    layers : list of (weight, bias)
        Two hidden layers with GELU, and the outputs; weights of shape (out, in).
    direct : (weight, bias)
        Linear path from the features to all means.
    """

    shift: NDArray[np.float32]
    scale: NDArray[np.float32]
    layers: list[Layer]
    direct: Layer

    def __call__(self, features: NDArray[np.float32]) -> Components:
        """Posteriors of images from their features, (n, c)."""
        x = np.clip((features - self.shift) / self.scale, -REACH, REACH)
        hidden = x
        for weight, bias in self.layers[:-1]:
            before = hidden @ weight.T + bias
            hidden = before * (1 + erf(before / np.sqrt(2))) / 2
        weight, bias = self.layers[-1]
        return parts(hidden @ weight.T + bias, x @ self.direct[0].T + self.direct[1])


REACH = 5.0  # spreads at which standardised features are cut
MIDDLE, LOG_SPREAD = 0.5, -1.5  # mean and logarithm of the spread where a network's outputs are 0
MEANS = (-1.0, 2.0)  # bounds of the normals' means
LOG_SPREADS = (-5.0, 1.5)  # bounds of the logarithms of their spreads


def parts(outputs: NDArray[np.floating], centres: NDArray[np.floating]) -> Components:
    """Components from a network's outputs (n, k * (1 + 2 d)) and the centres (n, d) that all means start from."""
    n, d = centres.shape
    k = outputs.shape[1] // (1 + 2 * d)
    values = np.asarray(outputs, dtype=np.float64)
    shares = values[:, :k] - logsumexp(values[:, :k], axis=1, keepdims=True)
    means = values[:, k : k + k * d].reshape(n, k, d) + centres[:, None] + MIDDLE
    log_spreads = values[:, k + k * d :].reshape(n, k, d) + LOG_SPREAD
    return Components(shares, np.clip(means, *MEANS), np.exp(np.clip(log_spreads, *LOG_SPREADS)))


@dataclass(frozen=True)
class Posterior:
    """Networks of several folds of the bank's contents; what one has not seen calibrates all.

    Attributes
    ----------
    networks : list of Network
        One per fold, trained on the other folds.
    """

    networks: list[Network]

    def __call__(self, features: NDArray[np.float32]) -> Components:
        """Posteriors of new images: the average over networks."""
        return join([network(features) for network in self.networks])

    def held_out(self, features: NDArray[np.float32], folds: NDArray[np.int64]) -> Components:
        """Posteriors of the bank's images (n, c), each by the network that never saw its content; folds (n,)."""
        every = [network(features) for network in self.networks]
        n = np.arange(len(features))
        stacked = [np.stack([getattr(one, name) for one in every]) for name in Components.__dataclass_fields__]
        return Components(*(values[folds, n] for values in stacked))
