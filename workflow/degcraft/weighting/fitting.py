"""Fitting posteriors of degradations to a bank of degraded images (neural posterior estimation)."""

import copy
import itertools
import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from degcraft.streams import stream
from degcraft.weighting import density, residuals
from degcraft.weighting.posterior import LOG_SPREAD, LOG_SPREADS, MEANS, MIDDLE, REACH, Network, Posterior
from degcraft.weighting.references import Estimator


@dataclass(frozen=True)
class Recipe:
    """The config section ``posterior``.

    Attributes
    ----------
    epochs : int
        Passes over the bank; of them the one is kept whose held-out likelihood is best.
    width : int
        Hidden units.
    components : int
        Normals per image and network.
    folds : int
        Networks; each leaves out one of as many parts of the contents.

    Examples
    --------
    >>> Recipe(epochs=40, width=256, components=4, folds=5).folds
    5
    """

    epochs: int
    width: int
    components: int
    folds: int


def fit(
    features: NDArray[np.float32], points: NDArray[np.float64], folds: NDArray[np.int64], recipe: Recipe, seed: int
) -> tuple[Posterior, list[float]]:
    """Posterior of the degradation given features, one network per fold.

    Parameters
    ----------
    features : ndarray of shape (n, c), float32
        Of the bank's images.
    points : ndarray of shape (n, d), float64
        Their degradations in the unit cube, uniform over it.
    folds : ndarray of shape (n,), int64
        From 0 to ``recipe.folds`` - 1, the same for all images of one content.
    recipe : Recipe
        Size and length.
    seed : int
        Seed of the run.

    Returns
    -------
    Posterior
        One network per fold.
    list of float
        Per fold, the mean held-out log-density of the true degradations, nats above uniform.
    """
    networks, scores = [], []
    for fold in range(recipe.folds):
        seen = folds != fold
        network, score = _trained(features, points, seen, recipe, int(stream(seed, "posterior", fold).integers(2**62)))
        networks.append(network)
        scores.append(score)
    return Posterior(networks), scores


# Nats per image. Below, what a posterior says of a parameter is mostly its own error, which the estimate would take for
# evidence: 100 references multiply it.
INFORMATIVE = 0.02


def estimator(
    features: NDArray[np.float32], points: NDArray[np.float64], contents: NDArray[np.int64], recipe: Recipe, seed: int
) -> tuple[Estimator, list[float]]:
    """Everything that an estimate needs of the bank: posterior, residuals, smoothing, and what images say of at all.

    Parameters
    ----------
    features, points, recipe, seed
        As for `fit`.
    contents : ndarray of shape (n,), int64
        Content of each image; the folds divide contents.

    Returns
    -------
    Estimator
        For references of any target.
    list of float
        As from `fit`.

    Examples
    --------
    >>> rng = stream(0, "example")
    >>> points = rng.random((80, 1))  # ten contents, each degraded eight times by one parameter
    >>> features = np.concatenate([points, rng.normal(size=(80, 1))], axis=1).astype(np.float32)
    >>> found, _ = estimator(features, points, np.arange(80) % 10, Recipe(100, 16, 2, 2), seed=0)
    >>> references = features[points[:, 0] < 0.5]
    >>> proportions, verdict = found.mixture(references, [np.linspace(0, 1, 3)], rng)  # of two bins
    >>> int(proportions.weights.argmax()), str(verdict)
    (0, 'explained')
    >>> density, _ = found.refined(references, rng)
    >>> low, high = density.density(np.array([[0.25], [0.75]]))
    >>> bool(low > high)
    True
    """
    folds = contents % recipe.folds
    posterior, scores = fit(features, points, folds, recipe, seed)
    held_out = posterior.held_out(features, folds)
    informative = np.flatnonzero(held_out.information(points) > INFORMATIVE)
    told = held_out.along(informative), points[:, informative]
    smoothing = density.choose_smoothing(*told, stream(seed, "posterior", "smoothing"))
    judged = residuals.fit(features, held_out, folds, contents)
    return Estimator(posterior, judged, smoothing, informative), scores


class MixtureDensity(nn.Module):
    """Network of `degcraft.weighting.posterior.Network`, trainable."""

    def __init__(self, c: int, d: int, recipe: Recipe) -> None:
        super().__init__()
        self.d, self.k = d, recipe.components
        widths = [c, recipe.width, recipe.width]
        self.hidden = nn.ModuleList(nn.Linear(a, b) for a, b in itertools.pairwise(widths))
        self.drop = nn.Dropout(0.2)
        self.out = nn.Linear(recipe.width, self.k * (1 + 2 * d))
        self.direct = nn.Linear(c, d)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Log-shares (n, k), means and log-spreads (n, k, d)."""
        hidden = x
        for layer in self.hidden:
            hidden = self.drop(nn.functional.gelu(layer(hidden)))
        values = self.out(hidden)
        k, d = self.k, self.d
        means = values[:, k : k + k * d].reshape(-1, k, d) + self.direct(x)[:, None] + MIDDLE
        log_spreads = values[:, k + k * d :].reshape(-1, k, d) + LOG_SPREAD
        return torch.log_softmax(values[:, :k], 1), means.clamp(*MEANS), log_spreads.clamp(*LOG_SPREADS)

    def loss(self, x: Tensor, y: Tensor) -> Tensor:
        """Mean negative log-density of points `y`, nats."""
        log_shares, means, log_spreads = self(x)
        spreads = log_spreads.exp()
        logs = -0.5 * ((y[:, None] - means) / spreads) ** 2 - log_spreads - 0.5 * math.log(2 * math.pi)
        logs = logs - _log_between(-means / spreads, (1 - means) / spreads)
        return -torch.logsumexp(log_shares + logs.sum(-1), 1).mean()

    def exported(self, shift: NDArray[np.float32], scale: NDArray[np.float32]) -> Network:
        """The same network without PyTorch."""

        def arrays(layer: nn.Module) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
            weight, bias = (value.detach().numpy().copy() for value in layer.parameters())
            return weight, bias

        return Network(shift, scale, [arrays(layer) for layer in (*self.hidden, self.out)], arrays(self.direct))


BATCH = 128


def _trained(
    features: NDArray[np.float32], points: NDArray[np.float64], seen: NDArray[np.bool_], recipe: Recipe, seed: int
) -> tuple[Network, float]:
    """Train one network on the images `seen`; keep the pass that is best on the others."""
    torch.manual_seed(seed)
    shift, scale = features[seen].mean(axis=0), features[seen].std(axis=0) + np.float32(1e-6)
    x = torch.from_numpy(np.clip((features - shift) / scale, -REACH, REACH))
    y = torch.from_numpy(points.astype(np.float32))
    chosen, others = torch.from_numpy(np.flatnonzero(seen)), torch.from_numpy(np.flatnonzero(~seen))
    network = MixtureDensity(x.shape[1], y.shape[1], recipe)
    optimiser = torch.optim.AdamW(network.parameters(), lr=3e-3, weight_decay=1e-2)
    batches = math.ceil(len(chosen) / BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 3e-3, total_steps=recipe.epochs * batches)
    best, score = copy.deepcopy(network), -math.inf
    for _ in range(recipe.epochs):
        network.train()
        for batch in torch.split(chosen[torch.randperm(len(chosen))], BATCH):
            optimiser.zero_grad()
            loss = network.loss(x[batch], y[batch])
            loss.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(network.parameters(), 5.0)
            optimiser.step()
            schedule.step()
        network.eval()
        with torch.no_grad():
            reached = -float(network.loss(x[others], y[others]))
        if reached > score:
            best, score = copy.deepcopy(network), reached
    return best.exported(shift, scale), score


def _log_between(low: Tensor, high: Tensor) -> Tensor:
    """Log-probability of a standard normal between two bounds."""
    flip = low > 0
    a, b = torch.where(flip, -high, low), torch.where(flip, -low, high)
    upper, lower = torch.special.log_ndtr(b), torch.special.log_ndtr(a)
    return upper + torch.log1p(-torch.exp((lower - upper).clamp(max=-1e-6)))
