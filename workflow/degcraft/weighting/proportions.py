r"""Proportions of the bins in a sample of references, by maximum likelihood.

.. math:: \hat w = \arg\max_w \sum_i \log \sum_b w_b \, p(f_i | b)

which expectation maximisation finds without an exponent or a distance (Saerens, Latinne and Decaestecker, Neural
Computation 2002).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from degcraft.weighting.posterior import Components

ITERATIONS = 300
REPEATS = 200


def bin_likelihoods(components: Components, edges: list[NDArray[np.float64]]) -> NDArray[np.float64]:
    """Likelihood of each image in each bin, over its likelihood under the uniform distribution.

    Parameters
    ----------
    components : Components
        Posteriors of n images.
    edges : list of ndarray
        Edges of the bins along each axis, from 0 to 1.

    Returns
    -------
    ndarray of shape (n, bins), float64
        Last axis fastest, as `degcraft.bins.grid`; with equal bins the mean over bins is 1.
    """
    joint = np.exp(components.log_shares)[:, :, None]
    for axis, bounds in enumerate(edges):
        relative = components.masses(bounds, axis) / np.diff(bounds)
        joint = (joint[..., None] * relative[:, :, None]).reshape(*joint.shape[:2], -1)
    return np.asarray(joint.sum(axis=1))


def maximise(
    likelihoods: NDArray[np.float64], counts: NDArray[np.float64], iterations: int = ITERATIONS
) -> NDArray[np.float64]:
    """Proportions of greatest likelihood, by expectation maximisation from uniform.

    Parameters
    ----------
    likelihoods : ndarray of shape (n, bins), float64
        Of each image in each bin, up to a factor per image.
    counts : ndarray of shape (repeats, n), float64
        How often each image counts, per repeat.
    iterations : int
        Steps; where bins cannot be told apart, their proportions stay equal.

    Returns
    -------
    ndarray of shape (repeats, bins), float64
        Proportions >= 0 that sum to 1.
    """
    proportions = np.full((len(counts), likelihoods.shape[1]), 1 / likelihoods.shape[1])
    total = counts.sum(axis=1, keepdims=True)
    for _ in range(iterations):
        expected = (counts / (proportions @ likelihoods.T)) @ likelihoods
        proportions = proportions * expected / total
    return np.asarray(proportions / proportions.sum(axis=1, keepdims=True))


@dataclass(frozen=True)
class Proportions:
    """Estimated proportions of the bins.

    Attributes
    ----------
    weights : ndarray of shape (bins,), float64
        Mean over the bootstrap; >= 0, sums to 1.
    errors : ndarray of shape (bins,), float64
        Standard deviation over the bootstrap: the error bar of each weight.
    """

    weights: NDArray[np.float64]
    errors: NDArray[np.float64]

    def mixed(self, other: "Proportions", share: float) -> "Proportions":
        """The same proportions with a share of others, estimated from other images."""
        weights = (1 - share) * self.weights + share * other.weights
        return Proportions(weights, np.hypot((1 - share) * self.errors, share * other.errors))


def estimate(likelihoods: NDArray[np.float64], rng: np.random.Generator, repeats: int = REPEATS) -> Proportions:
    """Proportions with error bars, by the Bayesian bootstrap over images.

    The mean over the bootstrap stands for a weak prior: a bin that only a few images speak for keeps a small share, and
    none is excluded for good.

    Parameters
    ----------
    likelihoods : ndarray of shape (n, bins), float64
        Of each image in each bin, up to a factor per image.
    rng : numpy.random.Generator
        Draws the weights of the images.
    repeats : int
        Repeats of the bootstrap.

    References
    ----------
    Rubin, "The Bayesian bootstrap", Annals of Statistics 1981.
    """
    n = len(likelihoods)
    counts = n * rng.dirichlet(np.ones(n), size=repeats)
    proportions = maximise(likelihoods, counts)
    return Proportions(proportions.mean(axis=0), proportions.std(axis=0))


def average(likelihoods: NDArray[np.float64], powers: NDArray[np.float64]) -> Proportions:
    """Average posterior of images over bins, each flattened by a power; what is left where a likelihood misleads.

    Parameters
    ----------
    likelihoods : ndarray of shape (n, bins), float64
        Of each image in each bin, up to a factor per image.
    powers : ndarray of shape (n,), float64
        In [0, 1]: 1 leaves a posterior as it is, 0 makes it uniform.
    """
    flat = likelihoods ** powers[:, None]
    flat /= flat.sum(axis=1, keepdims=True)
    return Proportions(flat.mean(axis=0), flat.std(axis=0) / np.sqrt(len(flat)))
