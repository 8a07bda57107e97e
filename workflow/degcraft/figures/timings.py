"""Where the time went: minutes and peak memory of the jobs of each rule."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from degcraft.figures.style import BLUE, ORANGE, Style

_BAR = 0.15  # height of a rule, inches
_ROOM = 1.45  # free space right of the longest bar for its number, as a factor


def draw(table: pd.DataFrame, style: Style, images: Mapping[str, NDArray[np.uint8]]) -> Figure:
    """Bars of the minutes of all jobs of a rule, and of the greatest memory of one of them.

    Parameters
    ----------
    table : DataFrame
        rule, jobs, seconds, longest, cpu_seconds, memory_mib; the longest rule first.
    style : Style
        Sizes.
    images : mapping
        Not used.
    """
    figure = style.figure(_BAR * len(table) + 0.6, wide=True)
    time, memory = figure.subplots(1, 2, sharey=True, width_ratios=[3, 2])
    minutes = table["seconds"] / 60
    told = [
        f"{_short(each)} min in {jobs} job{'s' if jobs > 1 else ''}"
        for each, jobs in zip(minutes, table["jobs"], strict=True)
    ]
    _bars(time, minutes, told, BLUE, style)
    time.set_yticks(np.arange(len(table)), table["rule"])
    time.set_ylim(len(table) - 0.4, -0.6)
    time.set_xlabel("minutes, all jobs together")
    gibibytes = table["memory_mib"] / 1024
    _bars(memory, gibibytes, ["" if np.isnan(each) else f"{each:.2f} GiB" for each in gibibytes], ORANGE, style)
    memory.tick_params(axis="y", length=0)
    memory.set_xlabel("peak memory of one job, GiB")
    return figure


def _bars(axis: Axes, values: "pd.Series[float]", told: list[str], colour: str, style: Style) -> None:
    lengths = np.nan_to_num(values.to_numpy(dtype=float))
    axis.barh(np.arange(len(lengths)), lengths, color=colour, height=0.7)
    for place, (length, text) in enumerate(zip(lengths, told, strict=True)):
        axis.annotate(text, (length, place), (2, 0), textcoords="offset points", va="center", size=style.small)
    axis.set_xlim(0, _ROOM * max(lengths.max(initial=0), 1e-3))


def _short(minutes: float) -> str:
    return f"{minutes:.0f}" if minutes >= 100 else f"{minutes:.1f}" if minutes >= 1 else f"{minutes:.2f}"
