"""Targets of known ranges, on which estimates are measured: settings, random boxes, and pairs of boxes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from degcraft.bins import PARAMETERS, Region, interval_shares, joint_masses
from degcraft.spaces import Space

WIDTHS = (0.1, 0.4)  # of a random box along an axis, as shares of the parameter's range
RESTRICTED = 3  # axes of a random box in a space of many parameters


@dataclass(frozen=True)
class Boxes:
    """A distribution on the unit cube: a box by its share, then uniform inside.

    Attributes
    ----------
    shares : ndarray of shape (k,), float64
        Sum to 1.
    lows, highs : ndarray of shape (k, d), float64
        Ends of the boxes, 0 <= low < high <= 1.
    """

    shares: NDArray[np.float64]
    lows: NDArray[np.float64]
    highs: NDArray[np.float64]

    def draw(self, rng: np.random.Generator, n: int) -> NDArray[np.float64]:
        """Points of the cube, shape (n, d)."""
        chosen = rng.choice(len(self.shares), size=n, p=self.shares)
        lows, highs = self.lows[chosen], self.highs[chosen]
        return np.asarray(lows + (highs - lows) * rng.random(lows.shape))

    def density(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Density at points (n, d), relative to uniform, shape (n,)."""
        inside = ((points[:, None] >= self.lows) & (points[:, None] <= self.highs)).all(axis=2)
        return np.asarray(inside @ (self.shares / np.prod(self.highs - self.lows, axis=1)))

    def masses(self, edges: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
        """Probability of every bin between `edges` along each axis, in the order of `degcraft.bins.grid`."""
        per_axis = [
            interval_shares(self.lows[:, axis], self.highs[:, axis], bounds) for axis, bounds in enumerate(edges)
        ]
        return np.asarray(self.shares @ joint_masses(per_axis))

    def restricted(self) -> NDArray[np.int64]:
        """Axes along which some box is narrower than the cube."""
        return np.flatnonzero((self.highs - self.lows < 1).any(axis=0))


@dataclass(frozen=True)
class Trial:
    """A target of known ranges.

    Attributes
    ----------
    name : str
        Of a setting; or box0, box1, ...; pair0, pair1, ...
    truth : Boxes
        Its degradations.
    references : int
        How many reference images are made of it.
    """

    name: str
    truth: Boxes
    references: int


def setting_boxes(settings: Mapping[str, Any], bins: dict[str, Any]) -> dict[str, Boxes]:
    """Settings as boxes; those that reach outside the bins, or have no volume, have no density there and are left out.

    Parameters
    ----------
    settings, bins : dict
        Config sections, or parts of them.
    """
    space, found = Space.of_bins(bins), {}
    for name, setting in settings.items():
        region = Region.from_config(setting)
        low, high = space.to_cube(np.array([getattr(region, parameter) for parameter in PARAMETERS]).T)
        if (low >= -1e-12).all() and (high <= 1 + 1e-12).all() and (high > low).all():
            found[name] = Boxes(np.ones(1), np.clip(low, 0, 1)[None], np.clip(high, 0, 1)[None])
    return found


def random_box(rng: np.random.Generator, d: int, among: Sequence[int] | None = None) -> Boxes:
    """A box of random place and width.

    Parameters
    ----------
    rng : numpy.random.Generator
        Draws it.
    d : int
        Axes of the cube.
    among : sequence of int, optional
        Axes of which `RESTRICTED` are chosen and the others left whole; by default every axis is restricted.
    """
    axes = np.arange(d) if among is None else np.sort(rng.choice(among, min(RESTRICTED, len(among)), replace=False))
    lows, highs = np.zeros((1, d)), np.ones((1, d))
    widths = rng.uniform(*WIDTHS, size=len(axes))
    lows[0, axes] = rng.uniform(0, 1 - widths)
    highs[0, axes] = lows[0, axes] + widths
    return Boxes(np.ones(1), lows, highs)


def random_pair(rng: np.random.Generator, d: int) -> Boxes:
    """Two random boxes, half of the degradations in each."""
    one, other = random_box(rng, d), random_box(rng, d)
    return Boxes(np.full(2, 0.5), np.concatenate([one.lows, other.lows]), np.concatenate([one.highs, other.highs]))


def arrays(trials: Sequence[Trial]) -> dict[str, NDArray[Any]]:
    """Everything that `restored` takes back, as named arrays for a file."""
    numbers = [len(trial.truth.shares) for trial in trials]
    return {
        "names": np.array([trial.name for trial in trials]),
        "owners": np.repeat(np.arange(len(trials)), numbers),
        **{
            part: np.concatenate([getattr(trial.truth, part) for trial in trials])
            for part in ("shares", "lows", "highs")
        },
        "references": np.array([trial.references for trial in trials]),
    }


ARRAYS = ("names", "owners", "shares", "lows", "highs", "references")


def restored(found: Sequence[NDArray[Any]]) -> list[Trial]:
    """Trials from the arrays of `arrays`, in the order of `ARRAYS`."""
    names, owners, shares, lows, highs, references = found
    mine = [owners == number for number in range(len(names))]
    return [
        Trial(str(name), Boxes(shares[own], lows[own], highs[own]), int(count))
        for name, own, count in zip(names, mine, references, strict=True)
    ]
