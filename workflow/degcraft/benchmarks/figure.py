"""The plot of the benchmarks: bars of how far each bar is passed, and a panel for each group of curves."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullLocator

from degcraft.benchmarks.files import number
from degcraft.benchmarks.measurement import Curve, Line
from degcraft.figures.style import BLUE, GREEN, GREY, ORANGE, PURPLE, SKY, SMALLEST, VERMILION, Style

STYLE = Style(width=3.6, font=7, dpi=200)
COLOURS = (BLUE, ORANGE, GREEN, PURPLE, SKY, VERMILION)
_BAR, _AXIS, _PANEL = 0.17, 0.5, 1.7  # heights in inches
_ACROSS = 3  # panels beside one another
_ROOM = 4.0  # free space right of the longest bar for its label, as a factor
_TICKS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100)


def draw(lines: Sequence[Line], curves: Sequence[Curve]) -> Figure:
    """Bars of all lines that were measured and have a bar, right of 1 where it holds; panels of curves below.

    Parameters
    ----------
    lines, curves : sequence of Line and of Curve
        What was measured.
    """
    judged = [line for line in lines if line.holds is not None]
    panels = list(dict.fromkeys(curve.panel for curve in curves))
    rows = -(-len(panels) // _ACROSS)
    heights = [_AXIS + _BAR * max(len(judged), 1), *([_PANEL] * rows)]
    with STYLE.applied():
        figure = STYLE.figure(sum(heights), wide=True)
        parts = figure.subfigures(1 + rows, 1, squeeze=False, height_ratios=heights)[:, 0]
        _bars(parts[0].subplots(), judged)
        for row, part in enumerate(parts[1:]):
            axes = part.subplots(1, _ACROSS)
            for axis, panel in zip(axes, panels[row * _ACROSS :], strict=False):
                _panel(axis, [curve for curve in curves if curve.panel == panel])
            for axis in axes[len(panels) - row * _ACROSS :]:
                axis.set_axis_off()
    return figure


def _bars(axis: Axes, lines: Sequence[Line]) -> None:
    margins = np.array([line.margin for line in lines])
    places = np.arange(len(lines))[::-1]
    colours = [BLUE if line.holds else VERMILION for line in lines]
    axis.set_xscale("log")
    axis.barh(places, margins - 1, left=1, color=colours, height=0.7)
    for place, line in zip(places, lines, strict=True):
        measured = number(line.ratio, "x") if line.bar.endswith(" x") else number(line.ours, line.unit)
        end = (max(1.0, line.margin), float(place))
        axis.annotate(
            f"{measured} ({line.bar})", end, (2, 0), textcoords="offset points", va="center", size=STYLE.small
        )
    axis.axvline(1, color=GREY, linewidth=0.8)
    axis.set_yticks(places, [line.name for line in lines])
    axis.set_xlim(min([0.5, *margins]) / 1.1, max([1.0, *margins]) * _ROOM)
    low, high = axis.get_xlim()
    axis.set_xticks([tick for tick in _TICKS if low <= tick <= high])
    axis.xaxis.set_minor_locator(NullLocator())
    axis.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_xlabel("how far the bar in brackets is passed, as a factor: it holds where 1 is reached")


def _panel(axis: Axes, curves: Sequence[Curve]) -> None:
    owners = list(dict.fromkeys(curve.of or curve.name for curve in curves))
    for curve in curves:
        colour = COLOURS[owners.index(curve.of or curve.name) % len(COLOURS)]
        look = {"linestyle": "--", "linewidth": 0.7} if curve.of else {"linestyle": "-", "marker": "o"}
        axis.plot(curve.x, curve.y, color=colour, label=curve.name, **look)
    axis.set_title(curves[0].panel)
    axis.set_xlabel(curves[0].x_label)
    axis.set_ylabel(curves[0].y_label)
    axis.set_xlim(0, None)
    columns = 2 if len(curves) > 3 else 1
    room = 1.1 + 0.12 * -(-len(curves) // columns)  # the legend stands above the curves
    axis.set_ylim(0, room * max(max(curve.y) for curve in curves))
    axis.legend(borderpad=0.1, loc="upper left", fontsize=SMALLEST, ncols=columns)
