"""Figure 17: what weightings find of targets whose ranges are known."""

from collections.abc import Mapping
from itertools import cycle
from typing import Literal

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import NullLocator
from numpy.typing import NDArray

from degcraft.evidence.estimation import BASELINES, group, summary
from degcraft.figures.style import LOOKS, Look, Style, curve, handle, legend, letters, look, note, printed, steps, words

# Measure: axis label, and distance of its ticks.
MEASURES = {"true_mass": ("weight on the true bins", 0.2), "log_density": ("nats above uniform", 1.0)}
_FILLS: tuple[Literal["full", "none", "left", "right", "top", "bottom"], ...] = (
    "full",
    "none",
    "left",
    "right",
    "top",
    "bottom",
)  # of markers, by extractor
_WIDTH = 0.8  # of a group on the axis of targets


def draw(table: pd.DataFrame, style: Style, images: Mapping[str, NDArray[np.uint8]]) -> Figure:
    """Panels a and c: weight on the true bins and log-density by target; b and d: by number of references.

    Parameters
    ----------
    table : DataFrame
        From `degcraft.evidence.estimation.estimation_figure`.
    style : Style
        Sizes.
    images : mapping
        Not used.
    """
    drawn = table[table["note"].isna()] if "note" in table else table
    found = drawn[~drawn["weighting"].isin(BASELINES)]
    references = int(drawn.loc[drawn["weighting"].isin(BASELINES), "references"].iloc[0])
    figure = style.figure(4.4, wide=True)
    axes = figure.subplots(2, 2, sharex="col", width_ratios=[2, 1])
    for (left, right), (measure, (label, step)) in zip(axes, MEASURES.items(), strict=True):
        _groups(left, summary(drawn[drawn["references"] == references], measure))
        _counts(right, found, measure)
        right.set_ylim(bottom=min(0, right.get_ylim()[0]))
        for axis in (left, right):
            axis.set_ylabel(label)
            steps(axis, step)
    axes[0, 0].set_title(f"{references} references", loc="right")
    first = str(found["extractor"].iloc[0])
    axes[0, 1].set_title(f"{printed(first)}, mean of the settings", loc="right")
    axes[1, 1].set_xlabel("references")
    letters(axes.ravel())
    legend(figure, _handles(found))
    note(figure, table, "extractor")
    return figure


def _series(extractors: list[str], weightings: list[str]) -> list[tuple[str, str, float]]:
    """Extractor, weighting, and how far beside the middle of a group they stand."""
    pairs = [(extractor, weighting) for weighting in weightings for extractor in extractors]
    places = (np.arange(len(pairs)) + 0.5) / len(pairs) - 0.5
    return [(*pair, float(_WIDTH * place)) for pair, place in zip(pairs, places, strict=True)]


def _groups(axis: Axes, means: pd.DataFrame) -> None:
    """Means by target; uniform and oracle are lines across the group."""
    lines = means.reset_index()
    groups = list(dict.fromkeys(lines["group"]))
    known = lines["weighting"].isin(BASELINES)
    for line in lines[known].to_dict("records"):
        place, row = groups.index(line["group"]), look(str(line["weighting"]))
        axis.hlines(line["mean"], place - _WIDTH / 2, place + _WIDTH / 2, color=row.colour, linewidth=0.8, zorder=0)
    found = lines[~known]
    extractors, weightings = (list(dict.fromkeys(found[name])) for name in ("extractor", "weighting"))
    for extractor, weighting, aside in _series(extractors, weightings):
        own = found[(found["extractor"] == extractor) & (found["weighting"] == weighting)]
        row, fill = _look(weighting), _FILLS[extractors.index(extractor) % len(_FILLS)]
        places = [groups.index(name) + aside for name in own["group"]]
        bars = np.nan_to_num(own["std"].to_numpy(dtype=np.float64))
        axis.errorbar(
            places, own["mean"], yerr=bars, fmt=row.marker, color=row.colour, fillstyle=fill, elinewidth=0.6, capsize=0
        )  # fmt: skip
    axis.set_xticks(range(len(groups)), [printed(name) for name in groups])
    axis.tick_params(axis="x", length=0)


def _counts(axis: Axes, found: pd.DataFrame, measure: str) -> None:
    """Means over the settings by number of references, of the first extractor."""
    own = found[
        (found["extractor"] == found["extractor"].iloc[0]) & ~found["target"].map(group).isin(["boxes", "pairs"])
    ]
    means = summary(own.assign(target="settings"), measure).reset_index()
    for weighting, lines in means.groupby("weighting", sort=False):
        lines = lines.sort_values("references")
        x = lines["references"].to_numpy(dtype=np.float64)
        curve(axis, x, lines["mean"], lines["std"], _look(str(weighting)))
    counts = sorted(means["references"].astype(int).unique())
    axis.set_xscale("log")
    axis.set_xticks(counts, [str(count) for count in counts])
    axis.xaxis.set_minor_locator(NullLocator())


def _look(weighting: str) -> Look:
    return LOOKS["crafted"] if weighting.startswith("frechet-a") and weighting[9:10].isdigit() else look(weighting)


def _handles(found: pd.DataFrame) -> list[Line2D]:
    """Weightings by colour, extractors by how their markers are filled, and the two lines."""
    entries = []
    for weighting in dict.fromkeys(found["weighting"]):
        row, label = _look(weighting), printed(f"any.{weighting}").partition(", ")[2]
        entries.append(Line2D([], [], color=row.colour, marker=row.marker, linestyle="", label=label))
    extractors = list(dict.fromkeys(found["extractor"]))
    for extractor, fill in zip(extractors, cycle(_FILLS), strict=False):
        entries.append(
            Line2D([], [], color="black", marker="o", fillstyle=fill, linestyle="", label=printed(extractor))
        )
    for name in BASELINES:
        line = handle(name)
        line.set(marker="", linestyle="-")
        entries.append(line)
    seeds = found["seed"].nunique()
    return [*entries, *([words(f"bars: sd of {seeds} repeats")] if seeds > 1 else [])]
