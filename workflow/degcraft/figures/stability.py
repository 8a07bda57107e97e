"""Figure 3 c: how far the distance scatters with the number of images."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter, NullLocator, PercentFormatter
from numpy.typing import NDArray

from degcraft.figures.style import SHADE, Style, curve, handle, legend, letters, look, note, printed

ENOUGH = (100, 150)  # images, as the paper recommends


def draw(table: pd.DataFrame, style: Style, images: Mapping[str, NDArray[np.uint8]]) -> Figure:
    """Panel a: distances over their mean at the most images; panel b: their relative spread.

    Parameters
    ----------
    table : DataFrame
        From `degcraft.evidence.stability.stability_table`. A family of several
        extractors is one row: the mean of its members, and in panel b their
        standard deviation as a band.
    style : Style
        Sizes.
    images : mapping
        Not used.
    """
    families = spreads(table)
    figure = style.figure(3.6 if families else 0.2)
    if families:
        above, below = figure.subplots(2, 1, sharex=True)
        for place, (family, lines) in enumerate(families.items()):
            _distances(above, family, lines, _aside(place, len(families)))
            curve(below, lines.index, lines["relative"], lines["relative_sd"], family)
        drawn = table[table["note"].isna()]
        _describe(above, below, drawn, style)
        members = drawn.groupby("family")["extractor"].nunique()
        legend(figure, [handle(family, _label(family, int(members[family]))) for family in families])
    note(figure, table, "family")
    return figure


def spreads(table: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """What the figure shows of each family.

    Parameters
    ----------
    table : DataFrame
        extractor, family, images, repeat, distance, note.

    Returns
    -------
    dict from family to DataFrame
        Index: number of images. level: mean distance over its mean at the most
        images; level_sd: standard deviation of one draw, in the same unit; relative:
        standard deviation over mean; relative_sd: its standard deviation over the
        members, NaN for one. All but the last are means over the members.
    """
    drawn = table[table["note"].isna()].astype({"images": int, "distance": float}).sort_values("images", kind="stable")
    each = drawn.groupby(["family", "extractor", "images"], sort=False)["distance"].agg(["mean", "std"])
    final = each.groupby(["family", "extractor"], sort=False)["mean"].transform("last")
    each = each.assign(level=each["mean"] / final, level_sd=each["std"] / final, relative=each["std"] / each["mean"])
    by_family = each.groupby(["family", "images"], sort=False)
    shown = by_family[["level", "level_sd", "relative"]].mean().assign(relative_sd=by_family["relative"].std())
    return {str(family): lines.droplevel("family") for family, lines in shown.groupby("family", sort=False)}


def _aside(place: int, families: int) -> float:
    """Factor that moves the points of a family sideways, so that error bars do not hide one another."""
    return float(1.035 ** (place - (families - 1) / 2))


def _distances(axis: Axes, family: str, lines: pd.DataFrame, aside: float) -> None:
    row = look(family)
    x = lines.index.to_numpy(dtype=np.float64) * aside
    axis.errorbar(x, lines["level"], yerr=lines["level_sd"], fmt=row.marker, color=row.colour, elinewidth=0.7)


def _describe(above: Axes, below: Axes, drawn: pd.DataFrame, style: Style) -> None:
    """Axes, their labels, and what bars, band and shade mean."""
    counts = sorted(drawn["images"].astype(int).unique())
    for axis in (above, below):
        axis.axvspan(*ENOUGH, color=SHADE, linewidth=0, zorder=0)
    above.set_yscale("log")
    above.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    above.yaxis.set_major_formatter("{x:g}")
    above.yaxis.set_minor_formatter(NullFormatter())
    above.set_ylabel(f"distance / mean at {counts[-1]}")
    above.set_title(f"bars: sd of {drawn['repeat'].nunique()} draws", loc="right", size=style.small)
    below.set_ylim(bottom=0)
    below.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    below.set_ylabel("sd / mean of distance")
    if drawn["extractor"].nunique() > drawn["family"].nunique():
        below.set_title("band: sd of the seeds", loc="right", size=style.small)
    below.set_xscale("log")
    below.set_xticks(counts, [str(count) for count in counts])
    below.xaxis.set_minor_locator(NullLocator())
    below.set_xlabel(f"images (shaded: the paper's {ENOUGH[0]} to {ENOUGH[1]})")
    letters([above, below])


def _label(family: str, members: int) -> str:
    return printed(family) + (f" ({members} seeds)" if members > 1 else "")
