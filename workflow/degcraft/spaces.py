"""The parameters of a degradation model as a unit cube, and densities on it to draw from."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from degcraft.bins import PARAMETERS


@dataclass(frozen=True)
class Space:
    """Named parameters, each with a range that is [0, 1] in the cube.

    Attributes
    ----------
    names : tuple of str
        One per axis.
    lows, highs : ndarray of shape (d,), float64
        Ends of the ranges, in the parameters' units.

    Examples
    --------
    >>> space = Space.of_bins({name: {"range": [0, high], "count": 1} for name, high in zip(PARAMETERS, (5, 50, 90))})
    >>> space.to_cube(np.array([2.5, 50.0, 0.0])).tolist()
    [0.5, 1.0, 0.0]
    """

    names: tuple[str, ...]
    lows: NDArray[np.float64]
    highs: NDArray[np.float64]

    @classmethod
    def of_bins(cls, bins: dict[str, Any]) -> "Space":
        """Space of the config section ``bins``.

        Examples
        --------
        >>> Space.of_bins({name: {"range": [0, 5], "count": 5} for name in PARAMETERS}).highs.tolist()
        [5.0, 5.0, 5.0]
        """
        lows, highs = np.array([bins[name]["range"] for name in PARAMETERS], dtype=np.float64).T
        return cls(PARAMETERS, lows, highs)

    @classmethod
    def cube(cls, names: tuple[str, ...]) -> "Space":
        """Space whose parameters are the cube's own coordinates."""
        return cls(names, np.zeros(len(names)), np.ones(len(names)))

    def to_cube(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Points of the cube from values (..., d) in units."""
        return np.asarray((values - self.lows) / (self.highs - self.lows))

    def to_units(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Values in units from points (..., d) of the cube."""
        return np.asarray(self.lows + (self.highs - self.lows) * points)


@dataclass(frozen=True)
class Cells:
    """A distribution of degradations: a class by its share, then each parameter by itself: a cell, uniform inside.

    Attributes
    ----------
    shares : ndarray of shape (classes,), float64
        Sum to 1.
    weights : ndarray of shape (classes, d, cells), float64
        Probability of each cell of each parameter; sums to 1 over cells.
    edges : ndarray of shape (d, cells + 1), float64
        Ends of the cells, in the parameters' units.
    """

    shares: NDArray[np.float64]
    weights: NDArray[np.float64]
    edges: NDArray[np.float64]

    @classmethod
    def cube(cls, d: int) -> "Cells":
        """The whole cube of d parameters alike."""
        return cls(np.ones(1), np.ones((1, d, 1)), np.tile([0.0, 1.0], (d, 1)))

    def draw(self, rng: np.random.Generator) -> tuple[float, ...]:
        """One value per parameter."""
        chosen = min(int(np.searchsorted(np.cumsum(self.shares), rng.random(), side="right")), len(self.shares) - 1)
        cumulative = np.cumsum(self.weights[chosen], axis=1)
        drawn = rng.random((2, len(self.edges)))
        cell = (cumulative <= drawn[0, :, None] * cumulative[:, -1:]).sum(axis=1)
        axes = np.arange(len(self.edges))
        low, high = self.edges[axes, cell], self.edges[axes, cell + 1]
        return tuple((low + (high - low) * drawn[1]).tolist())
