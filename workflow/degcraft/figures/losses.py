"""Loss of every training against its steps, a panel for each backbone or compared method."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator
from numpy.typing import NDArray

from degcraft.figures.style import Style, handle, legend, look

ACROSS = 3  # panels beside one another
_PANEL = 1.5  # height of a row of panels, inches
_PHASES = ("-", "--", ":", "-.")


def draw(table: pd.DataFrame, style: Style, images: Mapping[str, NDArray[np.uint8]]) -> Figure:
    """Loss curves, in the looks of their draws; later phases of a compared method are dashed, then dotted.

    Parameters
    ----------
    table : DataFrame
        backbone, target, draw, seed, phase, step, loss.
    style : Style
        Sizes.
    images : mapping
        Not used.
    """
    panels = {str(name): lines for name, lines in table.groupby("backbone", sort=False)}
    columns = max(1, min(ACROSS, len(panels)))
    rows = max(1, -(-len(panels) // columns))
    figure = style.figure(_PANEL * rows + 0.5, wide=True)
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    for axis, (name, lines) in zip(axes, panels.items(), strict=False):
        _panel(axis, name, lines)
    for axis in axes[len(panels) :]:
        axis.set_axis_off()
    legend(figure, [handle(str(name)) for name in dict.fromkeys(table["draw"])])
    return figure


def _panel(axis: Axes, name: str, table: pd.DataFrame) -> None:
    phases = list(dict.fromkeys(table["phase"].fillna("")))
    for (_, row, _, phase), lines in table.assign(phase=table["phase"].fillna("")).groupby(
        ["target", "draw", "seed", "phase"], sort=False
    ):
        dashes: Any = _PHASES[phases.index(phase) % len(_PHASES)]
        # One point is a dot, since a line of it would not be seen.
        marker = "." if len(lines) == 1 else ""
        axis.plot(lines["step"], lines["loss"], dashes, color=look(str(row)).colour, marker=marker, linewidth=0.7)
    axis.set_xscale("log")
    axis.set_yscale("log")
    for side in (axis.xaxis, axis.yaxis):
        side.set_major_locator(LogLocator(subs=(1, 2, 5), numticks=8))
        side.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        side.set_minor_locator(NullLocator())
    axis.set_title(name if phases == [""] else f"{name}: {', '.join(phases)}")
    axis.set_xlabel("step")
    axis.set_ylabel("loss")
