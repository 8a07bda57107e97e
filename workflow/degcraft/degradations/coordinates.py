"""What coordinates of the unit cube mean: kinds are intervals as long as their probabilities, numbers lie in ranges."""

from collections.abc import Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

Value = TypeVar("Value")


def named(point: NDArray[np.float64], names: Sequence[str]) -> dict[str, float]:
    """Coordinates by name; ValueError where a point is not in the cube of as many dimensions."""
    if np.shape(point) != (len(names),) or not np.all((np.asarray(point) >= 0) & (np.asarray(point) <= 1)):
        raise ValueError(f"a point needs {len(names)} coordinates in [0, 1], got {point!r}")
    return dict(zip(names, np.asarray(point).tolist(), strict=True))


def choice(share: float, shares: dict[str, float]) -> str:
    """The name whose interval the share falls in; intervals in proportion to the shares, in their order.

    Examples
    --------
    >>> choice(0.3, {"grey": 1, "colour": 3})
    'colour'
    """
    names = [name for name in shares if shares[name] > 0]
    ends = np.cumsum([shares[name] for name in names])
    return names[int(np.searchsorted(ends[:-1] / ends[-1], share, side="right"))]


def between(limits: Sequence[float], share: float) -> float:
    """The number that is so far on the way from the lower to the upper limit."""
    return limits[0] + (limits[1] - limits[0]) * share


def member(share: float, values: Sequence[Value]) -> Value:
    """One of the values, each equally likely."""
    return values[min(int(share * len(values)), len(values) - 1)]
