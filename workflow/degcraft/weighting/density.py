r"""A density of degradations past the bins: a few products of smooth one-dimensional densities.

.. math:: g(u) = \sum_c \pi_c \prod_a g_{ca}(u_a)

on the unit cube. Its likelihood under references needs one-dimensional integrals only, so that cost grows linearly with
the number of parameters.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

from degcraft.bins import interval_shares, joint_masses
from degcraft.weighting.posterior import Components

CELLS = 40
ITERATIONS = 80
EDGES = np.linspace(0, 1, CELLS + 1)
MIDDLES = (EDGES[1:] + EDGES[:-1]) / 2


@dataclass(frozen=True)
class Density:
    """Density on the unit cube.

    Attributes
    ----------
    shares : ndarray of shape (classes,), float64
        Sum to 1.
    cells : ndarray of shape (classes, d, CELLS), float64
        Probability of each of CELLS equal cells along each axis; sums to 1.
    """

    shares: NDArray[np.float64]
    cells: NDArray[np.float64]

    @classmethod
    def uniform(cls, d: int) -> "Density":
        """The whole cube alike."""
        return cls(np.ones(1), np.full((1, d, CELLS), 1 / CELLS))

    def density(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Density at points (n, d) of the cube, shape (n,); 1 everywhere if uniform."""
        place = np.clip((points * CELLS).astype(int), 0, CELLS - 1)
        axes = np.arange(self.cells.shape[1])
        per_axis = self.cells[:, axes, place] * CELLS  # (classes, n, d)
        return np.asarray(self.shares @ per_axis.prod(axis=-1))

    def bin_masses(self, edges: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
        """Probability of every bin between `edges` along each axis, in the order of `degcraft.bins.grid`."""
        per_axis = [
            self.cells[:, axis] @ interval_shares(EDGES[:-1], EDGES[1:], bounds) for axis, bounds in enumerate(edges)
        ]
        return np.asarray(self.shares @ joint_masses(per_axis))

    def marginal(self, axes: Sequence[int] | NDArray[np.int64]) -> "Density":
        """Density of some of the parameters, whatever the others."""
        return Density(self.shares, self.cells[:, axes])

    def embedded(self, axes: NDArray[np.int64], d: int) -> "Density":
        """The same density along `axes` of d parameters, uniform along the others."""
        cells = np.full((len(self.shares), d, CELLS), 1 / CELLS)
        cells[:, axes] = self.cells
        return Density(self.shares, cells)

    def mixed(self, other: "Density", share: float) -> "Density":
        """The same density with a share of another."""
        shares = np.concatenate([(1 - share) * self.shares, share * other.shares])
        return Density(shares, np.concatenate([self.cells, other.cells]))


def average(components: Components, powers: NDArray[np.float64]) -> Density:
    """Average posterior of images, each flattened by a power in [0, 1]; what is left where a likelihood misleads.

    Parameters
    ----------
    components : Components
        Posteriors of n images.
    powers : ndarray of shape (n,), float64
        1 leaves a posterior as it is, 0 makes it uniform.
    """
    masses = _masses(components)
    shares = np.exp(components.log_shares)
    cells = []
    for axis in masses:
        powered = np.einsum("nk,nkm->nm", shares, axis) ** powers[:, None]
        cells.append((powered / powered.sum(axis=1, keepdims=True)).mean(axis=0))
    return Density(np.ones(1), np.stack(cells)[None])


def estimate(components: Components, smoothing: float) -> Density:
    """Density of greatest likelihood among smooth ones, with as many classes as held-out images justify.

    Parameters
    ----------
    components : Components
        Posteriors of n images, which are likelihoods up to a factor.
    smoothing : float
        Standard deviation, as a share of an axis, of the smoothing in each step (Silverman et al. 1990: EM with
        smoothing keeps the maximum from falling apart into spikes).

    Returns
    -------
    Density
        One class, or up to three where each raises the held-out likelihood by more than twice its standard error.
    """
    masses = _masses(components)
    chosen, gains = 1, _held_out(components, masses, 1, smoothing)
    for classes in (2, 3):
        further = _held_out(components, masses, classes, smoothing)
        difference = further - gains
        if difference.mean() <= 2 * difference.std() / np.sqrt(len(difference)):
            break
        chosen, gains = classes, further
    return _fit(components, masses, np.arange(len(components)), chosen, smoothing)


FOLDS = 4
MINIMUM = 20  # images below which one class is all that can be told


def _held_out(
    components: Components, masses: list[NDArray[np.float64]], classes: int, smoothing: float
) -> NDArray[np.float64]:
    """Log-likelihood of each image under the density of the others."""
    n = len(components)
    if n < MINIMUM:
        return np.zeros(n)
    logs = np.empty(n)
    for fold in range(FOLDS):
        left = np.arange(n) % FOLDS == fold
        density = _fit(components, masses, np.flatnonzero(~left), classes, smoothing)
        along = np.log(_along(density, [axis[left] for axis in masses])).sum(axis=0)  # products underflow
        logs[left] = logsumexp(np.log(density.shares)[:, None, None] + components.log_shares[left] + along, axis=(0, 2))
    return logs


def _fit(
    components: Components,
    masses: list[NDArray[np.float64]],
    chosen: NDArray[np.int64],
    classes: int,
    smoothing: float,
) -> Density:
    masses = [axis[chosen] for axis in masses]
    shares = np.exp(components.log_shares[chosen])
    density = _start(masses, shares, classes)
    kernel = _smoother(smoothing)
    for _ in range(ITERATIONS):
        density = _step(density, masses, shares, kernel)
    return density


def _step(
    density: Density, masses: list[NDArray[np.float64]], shares: NDArray[np.float64], kernel: NDArray[np.float64]
) -> Density:
    """One step of expectation maximisation with smoothing."""
    along = _along(density, masses)
    joint = density.shares[:, None, None] * shares * np.prod(along, axis=0)
    responsible = joint / joint.sum(axis=(0, 2), keepdims=True)  # (classes, n, k)
    cells = np.empty_like(density.cells)
    for a, axis in enumerate(masses):
        expected = np.einsum("cnk,nkm->cm", responsible / along[a], axis) * density.cells[:, a]
        smooth = expected @ kernel
        cells[:, a] = smooth / smooth.sum(axis=1, keepdims=True)
    return Density(responsible.sum(axis=(1, 2)) / len(shares), cells)


def _along(density: Density, masses: list[NDArray[np.float64]]) -> list[NDArray[np.float64]]:
    """Per axis, the likelihood of each component of each image in each class, shape (classes, n, k)."""
    return [np.einsum("nkm,cm->cnk", axis, density.cells[:, a]) * CELLS for a, axis in enumerate(masses)]


def _masses(components: Components) -> list[NDArray[np.float64]]:
    return [components.masses(EDGES, axis) for axis in range(components.means.shape[2])]


def _start(masses: list[NDArray[np.float64]], shares: NDArray[np.float64], classes: int) -> Density:
    """Uniform for one class; for more, broad densities about centres that lie far apart."""
    d = len(masses)
    if classes == 1:
        return Density.uniform(d)
    places = np.stack([np.einsum("nk,nkm,m->n", shares, axis, MIDDLES) for axis in masses], axis=1)
    centres = [int(np.square(places - places.mean(axis=0)).sum(axis=1).argmax())]
    while len(centres) < classes:
        gaps = np.square(places[:, None] - places[centres]).sum(axis=2).min(axis=1)
        centres.append(int(gaps.argmax()))
    distance = (MIDDLES - places[centres][..., None]) / 0.2
    cells = np.exp(-0.5 * distance**2) + 0.05
    return Density(np.full(classes, 1 / classes), cells / cells.sum(axis=-1, keepdims=True))


def _smoother(width: float) -> NDArray[np.float64]:
    """Gaussian smoothing of cells, reflected at both ends, shape (CELLS, CELLS)."""
    if width == 0:
        return np.eye(CELLS)
    mirrors = (MIDDLES, -MIDDLES, 2 - MIDDLES)
    kernel = sum(np.exp(-0.5 * ((MIDDLES[:, None] - mirror) / width) ** 2) for mirror in mirrors)
    return np.asarray(kernel / np.sum(kernel, axis=1, keepdims=True))


SMOOTHINGS = (0.01, 0.02, 0.03, 0.05, 0.08)
TRIALS = 16


def choose_smoothing(components: Components, points: NDArray[np.float64], rng: np.random.Generator) -> float:
    """Smoothing under which the bank's own images are recovered best.

    Targets of known ranges are made from the bank: boxes of random place and width along up to three axes, and the
    images whose degradations lie inside. That smoothing is chosen whose estimates give these the greatest density.

    Parameters
    ----------
    components : Components
        Held-out posteriors of the bank's images.
    points : ndarray of shape (n, d), float64
        Their degradations in the cube.
    rng : numpy.random.Generator
        Draws the boxes.
    """
    targets = [_inside(points, rng) for _ in range(TRIALS)]
    scores = []
    for smoothing in SMOOTHINGS:
        logs = []
        for inside in targets:
            masses = _masses(components[inside])
            density = _fit(components[inside], masses, np.arange(len(inside)), 1, smoothing)
            logs.append(np.log(0.95 * density.density(points[inside]) + 0.05).mean())
        scores.append(float(np.mean(logs)))
    return SMOOTHINGS[int(np.argmax(scores))]


def _inside(points: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.int64]:
    """Up to 100 images of the bank in a random box that holds at least 30; larger boxes where images are few."""
    n, d = points.shape
    tries = 0
    while True:
        tries += 1
        axes = rng.choice(d, size=min(d, 3), replace=False)
        widths = np.minimum(1.0, rng.uniform(0.1, 0.5, size=len(axes)) * max(1.0, tries / 10))
        low = rng.uniform(0, 1 - widths)
        inside = np.flatnonzero(((points[:, axes] >= low) & (points[:, axes] <= low + widths)).all(axis=1))
        if len(inside) >= min(30, n):
            return rng.permutation(inside)[:100]
