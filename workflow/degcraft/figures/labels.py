"""Labels beside points, where they cover the least of what is drawn."""

import itertools
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]

MARKER = 4.0  # side of the square that a point covers, typographic points
_LETTER = 0.62  # width of a digit, in font sizes
_NEAR = (5.0, 9.0, 14.0)  # typographic points from a point to the nearer end of its label
_AROUND = ((0.7, 0.7), (-0.7, 0.7), (0.7, -0.7), (-0.7, -0.7), (0, 1), (0, -1), (1, 0), (-1, 0))
_LINE = 0.5  # what it costs to cover a line, against covering a point or another label
_STEPS = 15  # places along a line that labels keep off


def offsets(points: Values, labels: Sequence[str], lines: Values, window: Values, size: float) -> list[Values]:
    """Where the middle of each label goes, from its point; all lengths in typographic points.

    One label after the other takes the place near its point at which it covers least: of points and of the labels
    before it, of lines, and of what lies outside the window.

    Parameters
    ----------
    points : ndarray of shape (n, 2)
        Places of the points, to the right and upwards.
    labels : sequence of str
        One per point; "" for none.
    lines : ndarray of shape (m, 2)
        Places along lines; see `along`.
    window : ndarray of shape (4,)
        Left, lower, right and upper side of the axes.
    size : float
        Height of the type.

    Returns
    -------
    list of n ndarray of shape (2,)
    """
    crossed = _boxes(lines, 1.0, 1.0)
    taken = [*_boxes(points, MARKER, MARKER)]
    steps = []
    for point, label in zip(points, labels, strict=True):
        width = len(label) * _LETTER * size
        ways = np.array(_AROUND)
        # Sideways by half of what the label is longer than high, so that long ones stand clear of their point.
        aside = np.stack([np.sign(ways[:, 0]) * max(width - size, 0) / 2, np.zeros(len(ways))], axis=1)
        tried = np.concatenate([far * ways + aside for far in _NEAR])
        boxes = _boxes(point + tried, width, size)
        covered = width * size - _overlaps(boxes, window[None]) + _overlaps(boxes, np.array(taken))
        cost = covered + _LINE * _overlaps(boxes, crossed) + np.hypot(*tried.T)
        best = int(np.argmin(cost.round(6)))
        steps.append(tried[best])
        if label:
            taken.append(_boxes(point + tried[best], width + 2, size))
    return steps


def along(ends: Sequence[Values]) -> Values:
    """Places along lines, each given by its corners (n, 2); shape (m, 2)."""
    share = np.linspace(0, 1, _STEPS)[:, None]
    pieces = [one + (other - one) * share for line in ends for one, other in itertools.pairwise(line)]
    return np.concatenate([np.zeros((0, 2)), *pieces])


def _boxes(middle: Values, width: float, height: float) -> Values:
    """Left, lower, right and upper side, (..., 4)."""
    half = np.array([width, height]) / 2
    return np.concatenate([middle - half, middle + half], axis=-1)


def _overlaps(boxes: Values, others: Values) -> Values:
    """Area that each box shares with all others, (n,)."""
    one, other = boxes[:, None], others[None]
    sides = np.minimum(one[..., 2:], other[..., 2:]) - np.maximum(one[..., :2], other[..., :2])
    return np.asarray(np.maximum(sides, 0).prod(axis=-1).sum(axis=1))
