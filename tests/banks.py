"""A linear bank: features are known sums of three degradations and noise, so that every posterior is known exactly."""

from dataclasses import dataclass

import numpy as np

from degcraft.weighting import residuals
from degcraft.weighting.posterior import LOG_SPREAD, MIDDLE, Components, Network, Posterior
from degcraft.weighting.references import Estimator

SPREADS = np.array([0.05, 0.06, 0.08])  # of the exact posteriors, per degradation
FEATURES = 12
AXES = np.linalg.qr(np.random.default_rng(3).normal(size=(FEATURES, FEATURES)))[0]  # the first three carry the signal
EDGES = [np.linspace(0, 1, count + 1) for count in (5, 5, 3)]


@dataclass(frozen=True)
class Bank:
    features: np.ndarray
    points: np.ndarray
    contents: np.ndarray

    @property
    def folds(self):
        return self.contents % 4


def observed(points, rng):
    """Features of images: unit noise everywhere, whatever the degradation."""
    return (points / SPREADS @ AXES[:, :3].T + rng.normal(size=(len(points), FEATURES))).astype(np.float32)


def make(seed=0, contents=40, each=30):
    """Images uniform over the cube."""
    rng = np.random.default_rng(seed)
    points = rng.random((contents * each, 3))
    return Bank(observed(points, rng), points, np.repeat(np.arange(contents), each))


def references(seed, n=100, low=(0.2, 0.4, 0), high=(0.4, 0.6, 1 / 3)):
    """Images uniform in a box; the one given is a bin of EDGES."""
    rng = np.random.default_rng([1, seed])
    points = rng.uniform(low, high, size=(n, 3))
    return Bank(observed(points, rng), points, np.arange(n))


def components(features):
    """Exact posteriors of images by their features, computed in the simplest way."""
    means = (features.astype(np.float64) @ AXES[:, :3] * SPREADS)[:, None]
    return Components(np.zeros((len(features), 1)), means, np.broadcast_to(SPREADS, means.shape))


def network(width=4):
    """The network that says just that."""
    shift, scale = np.full(FEATURES, 0.5, np.float32), np.full(FEATURES, 8, np.float32)
    to_means = AXES[:, :3] * SPREADS
    direct = ((8 * to_means).T.astype(np.float32), (shift @ to_means - MIDDLE).astype(np.float32))
    outputs = np.concatenate([np.zeros(4), np.log(SPREADS) - LOG_SPREAD]).astype(np.float32)
    shapes = [(width, FEATURES), (width, width), (len(outputs), width)]
    layers = [(np.zeros(shape, np.float32), np.zeros(shape[0], np.float32)) for shape in shapes[:2]]
    return Network(shift, scale, [*layers, (np.zeros(shapes[2], np.float32), outputs)], direct)


def estimator(bank, smoothing=0.02, networks=2):
    """What the stage posterior makes of a bank."""
    posterior = Posterior([network()] * networks)
    held_out = posterior.held_out(bank.features, bank.contents % networks)
    judged = residuals.fit(bank.features, held_out, bank.folds, bank.contents)
    return Estimator(posterior, judged, smoothing, np.arange(3))
