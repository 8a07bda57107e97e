"""Whether references are of one kind: groups of them whose degradations lie apart."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import binom

from degcraft.bins import PARAMETERS
from degcraft.checks import digits
from degcraft.fits import quantiles
from degcraft.spaces import Space
from degcraft.weighting.density import MINIMUM
from degcraft.weighting.references import Estimator
from degcraft.weighting.residuals import centre

DOUBT = 0.001  # probability of a gap by chance, below which it is one
APART = 0.15  # share of a parameter's range by which groups differ at least
LEAST = 0.1  # share of references below which a side of a gap is no group
SHOWN = 5  # names that a sentence lists
_UNITS = {"blur": "blur of about {} HR pixels", "noise": "noise of about {}", "quality": "JPEG quality about {}"}


@dataclass(frozen=True)
class Group:
    """References of one kind.

    Attributes
    ----------
    share : float
        Of all references.
    crops : tuple of int
        Their numbers, from 0, in rising order.
    typical : dict of str to float
        Mean of each parameter that leaves traces, in its unit.
    """

    share: float
    crops: tuple[int, ...]
    typical: dict[str, float]


def mixed(features: NDArray[np.float32], estimator: Estimator, space: Space) -> list[Group]:
    """Groups of references whose degradations lie apart; one group, or none at all, means that they are of one kind.

    The references' estimated degradations are looked at along each parameter that leaves traces, and along the axis
    of their greatest variance, for a gap that one kind of material would not leave, see `gap`. What lies on both sides
    of the clearest gap is split, and each side is examined again.

    Parameters
    ----------
    features : ndarray of shape (n, c), float32
        Of the references.
    estimator : Estimator
        From the bank.
    space : Space
        Names and ranges of all its parameters.

    Returns
    -------
    list of Group
        Largest first; together they hold every reference once. None at all where references are too few, or no
        parameter leaves traces.
    """
    n, axes = len(features), estimator.informative
    if n < MINIMUM or not len(axes):
        return []
    places = centre(estimator.posterior(features))
    found = []
    for crops in parted(places[:, axes], np.arange(n)):
        values = space.to_units(places[crops].mean(axis=0))
        typical = {space.names[axis]: float(values[axis]) for axis in axes}
        found.append(Group(len(crops) / n, tuple(crops.tolist()), typical))
    return sorted(found, key=lambda group: -group.share)


def parted(places: NDArray[np.float64], chosen: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """The chosen of the points (n, d), split as long as gaps are found, each part in rising order."""
    mine = places[chosen]
    if len(mine) < MINIMUM:
        return [chosen]
    # Axes and the direction of greatest variance; that of two clusters is from one to the other.
    directions = [*np.eye(mine.shape[1]), np.linalg.svd(mine - mine.mean(axis=0), full_matrices=False)[2][0]]
    doubts, cuts = zip(*(gap(mine @ direction) for direction in directions), strict=True)
    best = int(np.argmin(doubts))
    above = mine @ directions[best] > cuts[best]
    if doubts[best] > DOUBT or min(above.mean(), 1 - above.mean()) < LEAST:
        return [chosen]
    if np.abs(mine[above].mean(axis=0) - mine[~above].mean(axis=0)).max() < APART:
        return [chosen]
    return [*parted(places, chosen[~above]), *parted(places, chosen[above])]


def gap(values: NDArray[np.float64]) -> tuple[float, float]:
    """How well a single-peaked density explains values with a gap, and where the gap is.

    Two windows lie about the means of the best two clusters, a third of equal width in the middle between them. Of
    a single-peaked density the middle one holds at least as much as the emptier of the others, for its convolution
    with a window has a single peak, too (Ibragimov, 1956).

    Parameters
    ----------
    values : ndarray of shape (n,), float64

    Returns
    -------
    doubt : float
        Probability of so few values in the middle window if it were as full as the emptier one of the others.
    cut : float
        Middle between the clusters.
    """
    ordered = np.sort(values)
    counts = np.arange(1, len(ordered))
    sums = np.cumsum(ordered)[:-1]
    between = np.square(sums * len(ordered) - counts * ordered.sum()) / (counts * (len(ordered) - counts))
    first = int(between.argmax()) + 1  # values of the lower cluster
    low, high = ordered[:first].mean(), ordered[first:].mean()
    half, cut = (high - low) / 6, float((low + high) / 2)
    lower, middle, upper = (int((np.abs(values - at) <= half).sum()) for at in (low, cut, high))
    emptier = min(lower, upper)
    return float(binom.cdf(middle, middle + emptier, 0.5)) if emptier else 1.0, cut


def space_of(weights: pd.DataFrame) -> Space:
    """The space behind a table of the stage weights, of mixture, refined or second-order."""
    names = tuple(weights["parameter"].unique()) if "class" in weights.columns else PARAMETERS
    ends = np.array([quantiles(weights, name, [0.0, 1.0]) for name in names])
    return Space(names, ends[:, 0], ends[:, 1])


def notes(groups: Sequence[Group], sources: Sequence[Sequence[str]], count: int) -> list[str]:
    """What to tell the user, in sentences.

    Parameters
    ----------
    groups : sequence of Group
    sources : sequence of sequence of str
        Images of each group.
    count : int
        Number of references.
    """
    if count < MINIMUM:
        return [f"{count} references are too few to tell one kind of material from two; {MINIMUM} are needed."]
    if len(groups) < 2:
        return []
    kinds = [
        f"{group.share:.0%} of the references ({_listed(names)}){_told(group)}"
        for group, names in zip(groups, sources, strict=True)
    ]
    advice = "Splitting these images into applications of their own gives each a network that fits it."
    if not any(sources):
        advice = "Both are in the same images, so they cannot be split by image."
    return [f"The material looks like {len(groups)} kinds: {'; '.join(kinds)}.", advice]


def by_source(groups: Sequence[Group], crops: pd.DataFrame) -> list[list[str]]:
    """Sources that belong to each group: those with more than four fifths of their crops in it, sorted.

    Parameters
    ----------
    groups : sequence of Group
    crops : DataFrame
        Columns crop (number, from 0), source, and frame (NA for images), a line per reference.
    """
    table = crops.set_index("crop")
    labels = table["source"] + table["frame"].map(lambda frame: "" if pd.isna(frame) else f", frame {int(frame)}")
    found = []
    for group in groups:
        inside = pd.Series(table.index.isin(group.crops), index=labels.to_numpy())
        shares = inside.groupby(level=0).mean()
        found.append(sorted(shares.index[shares > 0.8].tolist()))
    return found


def _listed(names: Sequence[str]) -> str:
    if not names:
        return "of images that hold several kinds"
    rest = len(names) - SHOWN
    return ", ".join(names[:SHOWN]) + (f" and {rest} more" if rest > 0 else "")


def _told(group: Group) -> str:
    known = [_UNITS[name].format(digits(value)) for name, value in group.typical.items() if name in _UNITS]
    return f" with {', '.join(known)}" if known else ""
