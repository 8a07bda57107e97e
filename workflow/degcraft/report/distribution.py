"""The estimated distribution along one parameter and along two, with its uncertainty."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from degcraft.bins import PARAMETERS
from degcraft.weighting.references import Estimator

Values = NDArray[np.float64]

RESAMPLES = 40  # sets of references drawn with replacement
ENDS = (0.05, 0.95)  # of the ranges among them


@dataclass(frozen=True)
class Marginal:
    """Probability of the cells of one parameter.

    Attributes
    ----------
    parameter : str
    edges : ndarray of shape (cells + 1,)
        In the parameter's unit.
    shares : ndarray of shape (cells,)
        Sum to 1.
    low, high : ndarray of shape (cells,) or None
        Range that the data leave open; None where it is not known.
    """

    parameter: str
    edges: Values
    shares: Values
    low: Values | None = None
    high: Values | None = None

    @property
    def mean(self) -> float:
        """Mean of the parameter."""
        return float(self.shares @ (self.edges[1:] + self.edges[:-1]) / 2)


def marginals(weights: pd.DataFrame, ranges: Values | None = None) -> list[Marginal]:
    """Marginals of blur, noise and quality; of other models, of all their parameters.

    Parameters
    ----------
    weights : DataFrame
        Table of the stage weights: bins, with or without ``error``, or cells of classes.
    ranges : ndarray of shape (2, parameters, cells), optional
        Lower and upper ends for cells of classes; see `resampled`.
    """
    if "class" not in weights.columns:
        return [_of_bins(weights, name) for name in PARAMETERS]
    found = []
    for axis, name in enumerate(dict.fromkeys(weights["parameter"])):
        mine = weights[weights["parameter"] == name]
        mass = (mine["share"] * mine["weight"]).groupby(mine["low"]).sum()
        edges = np.append(mass.index.to_numpy(), mine["high"].max())
        ends = (None, None) if ranges is None else (ranges[0, axis], ranges[1, axis])
        found.append(Marginal(name, edges, mass.to_numpy(), *ends))
    return found


def joint(weights: pd.DataFrame, across: str, up: str) -> tuple[Values, Values, Values]:
    """Edges of two parameters, and the probability of every pair of cells, shape (cells of `across`, cells of `up`)."""
    if "class" not in weights.columns:
        masses = weights.pivot_table(index=f"{across}_low", columns=f"{up}_low", values="weight", aggfunc="sum")
        ends = (weights[f"{name}_high"].max() for name in (across, up))
        first, second = (
            np.append(axis.to_numpy(), end) for axis, end in zip((masses.index, masses.columns), ends, strict=True)
        )
        return first, second, masses.to_numpy()
    rows = {name: weights[weights["parameter"] == name] for name in (across, up)}
    first, second = (np.append(np.unique(mine["low"]), mine["high"].max()) for mine in rows.values())
    classes = weights.groupby("class")["share"].first()
    total = np.zeros((len(first) - 1, len(second) - 1))
    for number, share in classes.items():
        along = [mine.loc[mine["class"] == number, "weight"].to_numpy() for mine in rows.values()]
        total += share * np.outer(*along)
    return first, second, total


def resampled(
    estimator: Estimator, features: NDArray[np.float32], rng: np.random.Generator, count: int = RESAMPLES
) -> Values:
    """How far the marginals of a refined density move when other references of the same kind are taken.

    Parameters
    ----------
    estimator : Estimator
        From the bank.
    features : ndarray of shape (n, c), float32
        Of the references.
    rng : numpy.random.Generator
        Of the draws with replacement.
    count : int
        Draws.

    Returns
    -------
    ndarray of shape (2, parameters, cells), float64
        5th and 95th hundredth of every cell's probability (percentile bootstrap; Efron and Tibshirani 1993). What the
        posterior itself gets wrong is not in it.
    """
    found = []
    for _ in range(count):
        density, _verdict = estimator.refined(features[rng.integers(len(features), size=len(features))], rng)
        found.append(np.tensordot(density.shares, density.cells, axes=1))
    return np.quantile(np.stack(found), ENDS, axis=0)


def _of_bins(weights: pd.DataFrame, name: str) -> Marginal:
    """Marginal of bins; errors of bins add as if they were independent, which is rather too wide for neighbours."""
    groups = weights.groupby(f"{name}_low")
    mass = groups["weight"].sum()
    edges = np.append(mass.index.to_numpy(), weights[f"{name}_high"].max())
    shares = mass.to_numpy()
    if "error" not in weights.columns:
        return Marginal(name, edges, shares)
    error = np.sqrt(np.square(weights["error"]).groupby(weights[f"{name}_low"]).sum().to_numpy())
    return Marginal(name, edges, shares, np.maximum(shares - error, 0), np.minimum(shares + error, 1))
