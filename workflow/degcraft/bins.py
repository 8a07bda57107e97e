"""The degradation space, its bins, and drawing from both."""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

PARAMETERS = ("blur", "noise", "quality")

Range = tuple[float, float]


@dataclass(frozen=True)
class Region:
    """A box of degradations: one closed range per parameter.

    Attributes
    ----------
    blur : (low, high)
        Standard deviation of the Gaussian blur, HR pixels.
    noise : (low, high)
        Standard deviation of the noise, grey levels of 255.
    quality : (low, high)
        JPEG quality, 1 to 100; infinite where nothing is compressed.

    Examples
    --------
    >>> from degcraft.streams import stream
    >>> film = Region(blur=(1, 2), noise=(10, 20), quality=(60, 60))
    >>> blur, noise, quality = film.draw(stream(0, "example"))
    >>> 1 <= blur <= 2, 10 <= noise <= 20, quality
    (True, True, 60)
    """

    blur: Range
    noise: Range
    quality: Range

    @classmethod
    def from_config(cls, setting: dict[str, Any]) -> "Region":
        """Region of one entry of ``settings`` in the config; ``quality: none`` is infinite quality."""
        ranges = [(math.inf, math.inf) if setting[name] == "none" else setting[name] for name in PARAMETERS]
        return cls(*((float(low), float(high)) for low, high in ranges))

    def draw(self, rng: np.random.Generator) -> tuple[float, float, float]:
        """Blur, noise and quality, each uniform in its range and independent (paper, section 4.1)."""
        # paper: 4.1 quality is drawn as a real number and rounded by the JPEG step.
        ranges = (self.blur, self.noise, self.quality)
        drawn = rng.random(len(ranges)).tolist()
        blur, noise, quality = (
            low + (high - low) * share if high > low else low for (low, high), share in zip(ranges, drawn, strict=True)
        )
        return blur, noise, quality

    def overlap(self, other: "Region") -> float:
        """Share of this region's volume that lies in `other`, in [0, 1]; flat axes count as points."""
        share = 1.0
        for name in PARAMETERS:
            low, high = getattr(self, name)
            other_low, other_high = getattr(other, name)
            if high == low:
                share *= float(other_low <= low <= other_high)
            else:
                share *= max(0.0, min(high, other_high) - max(low, other_low)) / (high - low)
        return share


def grid(bins: dict[str, Any]) -> list[Region]:
    """All bins of the degradation space, quality fastest, then noise, then blur (paper, section 3.2).

    Parameters
    ----------
    bins : dict
        The config section ``bins``: per parameter a ``range`` and a ``count``.

    Returns
    -------
    list of Region
        ``count`` product many; the paper's 5 x 5 x 3 gives 75.

    Examples
    --------
    >>> space = {"blur": {"range": [0, 5], "count": 5}, "noise": {"range": [0, 50], "count": 5},
    ...          "quality": {"range": [30, 90], "count": 3}}
    >>> len(grid(space)), grid(space)[1].quality
    (75, (50.0, 70.0))
    """
    axes = []
    for name in PARAMETERS:
        low, high = bins[name]["range"]
        edges = np.linspace(low, high, bins[name]["count"] + 1)
        axes.append([(float(a), float(b)) for a, b in itertools.pairwise(edges)])
    return [Region(*ranges) for ranges in itertools.product(*axes)]


def unit_edges(bins: dict[str, Any]) -> list[NDArray[np.float64]]:
    """Edges of the bins along each parameter, as shares of its range.

    Parameters
    ----------
    bins : dict
        The config section ``bins``, as for `grid`.

    Examples
    --------
    >>> [edges.tolist() for edges in unit_edges({name: {"range": [0, 50], "count": 2} for name in PARAMETERS})]
    [[0.0, 0.5, 1.0], [0.0, 0.5, 1.0], [0.0, 0.5, 1.0]]
    """
    return [np.linspace(0, 1, bins[name]["count"] + 1) for name in PARAMETERS]


def edges(regions: Sequence[Region]) -> pd.DataFrame:
    """Columns ``bin`` and, per parameter, its ``low`` and ``high``."""
    columns = {
        f"{name}_{side}": [getattr(region, name)[end] for region in regions]
        for name in PARAMETERS
        for end, side in enumerate(("low", "high"))
    }
    return pd.DataFrame({"bin": range(len(regions)), **columns})


def true_weights(regions: list[Region], target: Region) -> NDArray[np.float64]:
    """Share of the target's degradations that falls in each bin, shape (bins,), summing to 1 inside the grid.

    Examples
    --------
    >>> bins = grid({name: {"range": [0, 4], "count": count} for name, count in zip(PARAMETERS, (2, 1, 1))})
    >>> true_weights(bins, Region(blur=(1, 3), noise=(0, 4), quality=(4, 4))).tolist()
    [0.5, 0.5]
    """
    return np.array([target.overlap(region) for region in regions])


def interval_shares(
    lows: NDArray[np.float64], highs: NDArray[np.float64], bounds: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Share of each interval that lies in each bin of one axis, shape (intervals, bins).

    Examples
    --------
    >>> interval_shares(np.array([0.25]), np.array([0.75]), np.array([0.0, 0.5, 1.0])).tolist()
    [[0.5, 0.5]]
    """
    common = np.minimum(highs[:, None], bounds[1:]) - np.maximum(lows[:, None], bounds[:-1])
    return np.asarray(np.maximum(common, 0) / (highs - lows)[:, None])


def joint_masses(per_axis: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
    """Probability of every bin from that of each axis, (k, bins of the axis): shape (k, bins), ordered as `grid`."""
    joint = np.ones((len(per_axis[0]), 1))
    for masses in per_axis:
        joint = (joint[:, :, None] * masses[:, None]).reshape(len(joint), -1)
    return joint


@dataclass(frozen=True)
class Mixture:
    """A distribution of degradations: a region by its weight, then uniform inside (paper, section 3.2).

    Attributes
    ----------
    regions : list of Region
        The bins, or the one region of an oracle.
    weights : ndarray of shape (regions,), float64
        Weights >= 0 that sum to 1.

    Raises
    ------
    ValueError
        As many weights as regions, none below 0, sum 1: one of these is not so.

    Examples
    --------
    >>> from degcraft.streams import stream
    >>> sharp, soft = (Region((blur, blur), (0, 0), (90, 90)) for blur in (0, 3))
    >>> Mixture([sharp, soft], np.array([0.0, 1.0])).draw(stream(0, "example"))
    (3, 0, 90)
    """

    regions: list[Region]
    weights: NDArray[np.float64]

    def __post_init__(self) -> None:
        valid = len(self.weights) == len(self.regions) and bool(np.all(self.weights >= 0))
        if not valid or not np.isclose(self.weights.sum(), 1, atol=1e-9):
            raise ValueError(f"{len(self.regions)} regions need as many weights >= 0 that sum to 1")

    @classmethod
    def uniform(cls, regions: list[Region]) -> "Mixture":
        """Every region equally likely."""
        return cls(regions, np.full(len(regions), 1 / len(regions)))

    def draw(self, rng: np.random.Generator) -> tuple[float, float, float]:
        """Blur, noise and quality of one training image."""
        chosen = int(np.searchsorted(np.cumsum(self.weights), rng.random(), side="right"))
        return self.regions[min(chosen, len(self.regions) - 1)].draw(rng)
