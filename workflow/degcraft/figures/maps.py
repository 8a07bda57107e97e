"""Weights of all bins as maps, the true bins outlined (paper, Fig. 4)."""

import itertools
import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.collections import LineCollection
from matplotlib.colors import Normalize, PowerNorm
from matplotlib.figure import Figure
from numpy.typing import NDArray

from degcraft.bins import PARAMETERS
from degcraft.evidence.maps import CONTENTS, MeanMap, common_weighting, mean_maps, studied_extractor
from degcraft.figures.comparison import Images, place
from degcraft.figures.style import ALPHA, SEQUENTIAL, VERMILION, Style, note, printed

TALLEST = 9.0  # inches; a page holds it with its notes
_SHORT = {"true_mass": ("true", ".2f"), "total_variation": ("TV", ".2f"), "effective_bins": ("eff", ".1f")}
_LEGEND = (
    "below each map\ntrue: weight on the true bins (outlined)\nTV: total variation distance to the truth\n"
    "eff: effective number of bins"
)
_SPREAD = "\n\N{PLUS-MINUS SIGN}: standard deviation over seeds"  # where maps have several
_TICKS = (0.0, 0.01, 0.05, 0.1, 0.2, 0.4, 0.7, 1.0)  # of a colour bar
_HEADER, _KEY, _AXIS = 1.75, 3.0, 0.36  # inches: height of the top part, width of its map and of that map's axis
_MARGIN, _GAP, _SPACE = 0.08, 0.14, 0.09  # inches: at the left, between columns, between rows
_LABEL = 0.17  # inches, room of one number at an axis
_WIDEST = 2.4  # inches, a map

_ALIGNED: tuple[Literal["left"], Literal["center"], Literal["right"]] = ("left", "center", "right")

Values = NDArray[np.float64]


@dataclass(frozen=True)
class Grid:
    """Places of the bins in a map: blur downwards, noise to the right, one block per quality.

    Attributes
    ----------
    edges : dict from str to ndarray, float64
        Limits of the bins of each parameter, ascending.
    row, column : ndarray of shape (bins,), int64
        Place of each bin; an empty column stands between two blocks.
    """

    edges: dict[str, Values]
    row: NDArray[np.int64]
    column: NDArray[np.int64]

    @classmethod
    def of(cls, bins: pd.DataFrame) -> "Grid":
        """Grid of a table with the limits of one bin per line."""
        ends = {
            name: [bins[f"{name}_{end}"].to_numpy(dtype=np.float64) for end in ("low", "high")] for name in PARAMETERS
        }
        low = {name: np.unique(lows) for name, (lows, _) in ends.items()}
        index = {name: np.searchsorted(low[name], lows) for name, (lows, _) in ends.items()}
        column = index["quality"] * (len(low["noise"]) + 1) + index["noise"]
        return cls(
            {name: np.append(low[name], highs.max()) for name, (_, highs) in ends.items()}, index["blur"], column
        )

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of a map."""
        return int(self.row.max()) + 1, int(self.column.max()) + 1

    def arranged(self, values: Values) -> Values:
        """Values by bin as a map; NaN between blocks."""
        cells = np.full(self.shape, np.nan)
        cells[self.row, self.column] = values
        return cells

    def outline(self, inside: NDArray[np.bool_]) -> list[tuple[tuple[float, float], tuple[float, float]]]:
        """Sides, as pairs of corners (x, y), between the bins that are inside and all else."""
        cells = set(zip(self.row[inside].tolist(), self.column[inside].tolist(), strict=True))
        sides = []
        for row, column in sorted(cells):
            for down, across in ((-1, 0), (1, 0), (0, -1), (0, 1)):
                if (row + down, column + across) not in cells:
                    middle, half = (column + across / 2, row + down / 2), (abs(down) / 2, abs(across) / 2)
                    ends = [(middle[0] + sign * half[0], middle[1] + sign * half[1]) for sign in (-1, 1)]
                    sides.append((ends[0], ends[1]))
        return sides


@dataclass(frozen=True)
class Group:
    """Maps below one heading, which share a colour scale: by the name of their row, then by contents."""

    heading: str
    rows: dict[str, dict[str, MeanMap]]
    norm: Normalize


@dataclass(frozen=True)
class Layout:
    """Width and height of a map, height of a line of text, and the top of each row of maps; inches."""

    width: float
    height: float
    line: float
    tops: list[float]
    bottom: float


def draw(table: pd.DataFrame, style: Style, images: Images) -> Figure:
    """The truth first, then the extractors at one alpha, and one extractor at every alpha beside them.

    Contents are columns. A family of several seeds is shown as the mean of its maps, its numbers as
    mean and standard deviation over seeds. Colours are on a root scale, one for each side; the truth
    shares the extractors'.

    Parameters
    ----------
    table : DataFrame
        From `degcraft.evidence.maps.map_table`.
    style : Style
        Sizes.
    images : mapping
        None are needed.
    """
    shown = table[table["note"].isna()]
    if shown.empty:
        figure = style.figure(0.2, wide=True)
        note(figure, table, "extractor")
        return figure
    bins = shown.drop_duplicates("bin").sort_values("bin")
    grid, truth = Grid.of(bins), bins["truth"].to_numpy(dtype=np.float64)
    contents, groups = [name for name in CONTENTS if name in set(shown["contents"])], _groups(shown, truth)
    layout = _layout(grid, groups, len(contents), style)
    figure = style.figure(layout.bottom, wide=True)
    figure.set_layout_engine("none")
    title = f"truth, {printed(str(shown['setting'].iloc[0]))}"
    several = any(one.seeds > 1 for group in groups for row in group.rows.values() for one in row.values())
    _key(figure, grid, truth, groups[0].norm, title, _LEGEND + several * _SPREAD, style)
    for number, group in enumerate(groups):
        _bar(figure, group, number, style)
        for column, kind in enumerate(contents):
            left = _MARGIN + (number * len(contents) + column) * (layout.width + _GAP)
            heading = place(figure, left, _HEADER, layout.width, 2 * layout.line, f"heading: {group.heading}, {kind}")
            _heading(heading, "" if column else group.heading, kind, style)
            for (name, maps), top in zip(group.rows.items(), layout.tops, strict=False):
                label = f"{group.heading}: {name}, {kind}"
                axis = place(figure, left, top, layout.width, layout.height, label)
                _entry(axis, grid, truth, name, maps.get(kind), group.norm, style)
    note(figure, table, "extractor")
    return figure


def _groups(shown: pd.DataFrame, truth: Values) -> list[Group]:
    """Families at the weighting that most have; then, if one extractor has several, that extractor at all of them."""
    families = mean_maps(shown[shown["weighting"] == common_weighting(shown)], "family")
    found = [_group(f"extractors, {_alpha(families[0])}", families, [printed(one.name) for one in families], truth)]
    studied = studied_extractor(shown)
    if studied:
        ascending = shown[shown["extractor"] == studied].sort_values(["alpha", "bin"], kind="stable")
        maps = mean_maps(ascending, "extractor")
        found.append(_group(f"{printed(studied)}, by {ALPHA}", maps, [_alpha(one) for one in maps]))
    return found


def _group(heading: str, maps: list[MeanMap], names: list[str], *others: Values) -> Group:
    """Group of maps by name; its root scale ends at the greatest weight of them and of `others`."""
    rows: dict[str, dict[str, MeanMap]] = {}
    for one, name in zip(maps, names, strict=True):
        rows.setdefault(name, {})[one.contents] = one
    # A root scale: a few times the uniform weight is visible beside a sharp peak.
    greatest = max(float(weights.max()) for weights in (*(one.weights for one in maps), *others))
    return Group(heading, rows, PowerNorm(0.5, vmin=0, vmax=greatest))


def _alpha(one: MeanMap) -> str:
    return one.weighting if np.isnan(one.alpha) else f"{ALPHA} = {one.alpha:g}"


def _layout(grid: Grid, groups: list[Group], contents: int, style: Style) -> Layout:
    """The largest maps that fit two columns and one page, their cells square if possible."""
    columns = len(groups) * contents
    room = float(style.figure(1, wide=True).get_figwidth()) - 2 * _MARGIN
    width = min((room - (columns - 1) * _GAP) / columns, _WIDEST)
    line = style.small * 1.3 / 72
    together = itertools.zip_longest(*(group.rows.values() for group in groups), fillvalue={})
    # Below a map stand its numbers and, for several seeds, a second line with their spread; above it its name.
    texts = [2 + any(one.seeds > 1 for row in rows for one in row.values()) for rows in together]
    spare = TALLEST - _HEADER - line * (2.4 + sum(texts)) - _SPACE * len(texts)
    down, across = grid.shape
    height = min(width * min(down / across, 1), spare / len(texts))
    starts = _HEADER + 2.4 * line + np.cumsum([0, *(height + line * count + _SPACE for count in texts)])
    return Layout(width, height, line, [float(start) + line for start in starts[:-1]], float(starts[-1]))


def _map(axis: Axes, grid: Grid, weights: Values, truth: Values, norm: Normalize) -> None:
    axis.imshow(grid.arranged(weights), cmap=SEQUENTIAL, norm=norm, aspect="auto", interpolation="nearest")
    axis.set(xticks=[], yticks=[])
    axis.spines[:].set_visible(False)
    axis.add_collection(LineCollection(grid.outline(truth > 0), colors=VERMILION, linewidths=1.0, clip_on=False))


def _key(figure: Figure, grid: Grid, truth: Values, norm: Normalize, title: str, legend: str, style: Style) -> None:
    """The truth, large enough for the names of its axes, and at its right what the numbers mean."""
    line, (down, across) = style.small * 1.3 / 72, grid.shape
    axis = place(figure, _MARGIN + _AXIS, 2.6 * line, _KEY, min(_KEY * down / across, _HEADER - 5.5 * line), "truth")
    _map(axis, grid, truth, truth, norm)
    edges, noise, blocks = grid.edges, len(grid.edges["noise"]) - 1, len(grid.edges["quality"]) - 1
    every = math.ceil(_LABEL * across / _KEY)  # of the bins' limits, as many as have room
    named = range(blocks if blocks <= 3 else 1)
    ticks = [
        (block * (noise + 1) + at - 0.5, edges["noise"][at]) for block in named for at in range(0, noise + 1, every)
    ]
    axis.set_xticks([at for at, _ in ticks], [f"{value:g}" for _, value in ticks])
    axis.set_yticks(np.arange(down + 1)[::every] - 0.5, [f"{value:g}" for value in edges["blur"][::every]])
    axis.tick_params(length=0, pad=1)
    axis.tick_params(axis="y", pad=4)  # the last one stays clear of the first one below
    axis.set_xlabel("noise, grey levels", size=style.small, labelpad=1)
    axis.set_ylabel("blur, HR pixels", size=style.small, labelpad=1)
    for block, low in enumerate(edges["quality"][:-1]):
        text = f"{'quality ' if blocks <= 3 else ''}{low:g}\N{EN DASH}{edges['quality'][block + 1]:g}"
        middle = (block * (noise + 1) + (noise - 1) / 2, -0.5)
        axis.annotate(text, middle, (0, 2), textcoords="offset points", size=style.small, ha="center")
    axis.set_title(title if blocks <= 3 else f"{title}, by quality", loc="left", pad=style.small + 5)
    axis.annotate(legend, (1, 1), (10, style.small + 12), "axes fraction", "offset points", size=style.small, va="top")


def _bar(figure: Figure, group: Group, number: int, style: Style) -> None:
    """Colour bar of a group, at the right of the truth."""
    line = style.small * 1.3 / 72
    top = (7.5 + 3.7 * number) * line
    axis = place(figure, _MARGIN + _AXIS + _KEY + 0.14, top, 2.2, 0.08, f"weights: {group.heading}")
    bar = figure.colorbar(ScalarMappable(group.norm, SEQUENTIAL), cax=axis, orientation="horizontal")
    marks = [mark for mark in _TICKS if mark <= float(group.norm.vmax or 1)]
    bar.set_ticks(marks, labels=[f"{mark:g}" for mark in marks])
    bar.outline.set_visible(False)
    axis.set_title(f"weight of a bin: {group.heading}", loc="left", size=style.small, pad=1.5)


def _heading(axis: Axes, heading: str, contents: str, style: Style) -> None:
    axis.set_axis_off()
    axis.text(0, 1, heading, va="top", weight="bold")
    axis.text(0, 0, f"{contents} contents", va="bottom", size=style.small, style="italic")


def _entry(
    axis: Axes, grid: Grid, truth: Values, name: str, one: MeanMap | None, norm: Normalize, style: Style
) -> None:
    """A map, its name above and its three numbers below, with their spread where there are several seeds."""
    seeds = f", {one.seeds} seeds" if one and one.seeds > 1 else ""
    axis.set_title(name + seeds, loc="left", size=style.small, pad=1.5)
    if one is None:
        axis.set_axis_off()
        axis.text(0.5, 0.5, "not computed", size=style.small, ha="center", va="center", transform=axis.transAxes)
        return
    _map(axis, grid, one.weights, truth, norm)
    for (number, (short, form)), align, at in zip(_SHORT.items(), _ALIGNED, (0, 0.5, 1), strict=True):
        mean, spread = one.numbers[number]
        text = f"{short} {mean:{form}}" + (f"\n\N{PLUS-MINUS SIGN} {spread:{form}}" if one.seeds > 1 else "")
        written = axis.annotate(text, (at, 0), (0, -2), "axes fraction", "offset points", ha=align, va="top")
        written.set(size=style.small)
