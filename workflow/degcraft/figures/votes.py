"""How often people gave each method each rank (paper, Fig. 9)."""

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from degcraft.figures.comparison import Images
from degcraft.figures.style import SEQUENTIAL, Style, note, printed

_BAR = 0.26  # height of a method, inches
_NARROW = 0.07  # share of a bar that is too short for its number


def draw(table: pd.DataFrame, style: Style, images: Images) -> Figure:
    """One bar per method, best mean rank first, divided into the shares of its ranks.

    Numbers in the bars are votes; the mean rank stands at the right.

    Parameters
    ----------
    table : DataFrame
        From `degcraft.evidence.votes.vote_table` or `no_votes`.
    style : Style
        Sizes.
    images : mapping
        None are needed.
    """
    shown = table[table["note"].isna()]
    methods = list(dict.fromkeys(shown["method"]))
    figure = style.figure(0.75 + _BAR * max(len(methods), 2))
    axis = figure.add_subplot(label="votes")
    axis.set(xlim=(0, 100), ylim=(max(len(methods), 1) - 0.5, -0.5), xlabel="share of the votes, %", yticks=[])
    if methods:
        _bars(axis, shown, methods, style)
        handles, labels = axis.get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside upper center", ncols=min(len(labels), 6), handlelength=1.0)
    else:
        axis.text(50, 0, "no votes", ha="center", va="center")
    note(figure, table, "method")
    return figure


def _bars(axis: Axes, shown: pd.DataFrame, methods: list[str], style: Style) -> None:
    ranks = sorted(shown["rank"].unique())
    counts = shown.pivot(index="method", columns="rank", values="votes").loc[methods, ranks].to_numpy(dtype=np.float64)
    shares = shown.pivot(index="method", columns="rank", values="share").loc[methods, ranks].to_numpy(dtype=np.float64)
    starts = np.cumsum(shares, axis=1) - shares
    colours = matplotlib.colormaps[SEQUENTIAL](np.linspace(0, 1, len(ranks)))
    for column, rank in enumerate(ranks):
        label = f"rank {rank:g}" + (" (best)" if rank == 1 else "")
        left, width = 100 * starts[:, column], 100 * shares[:, column]
        axis.barh(range(len(methods)), width, 0.8, left, color=colours[column], label=label)
        for place, share in enumerate(shares[:, column]):
            if share >= _NARROW:
                ink = "white" if column < len(ranks) / 2 else "black"
                middle = left[place] + width[place] / 2
                axis.text(
                    middle, place, f"{counts[place, column]:.0f}", size=style.small, color=ink, ha="center", va="center"
                )
    means = shown.drop_duplicates("method").set_index("method")["mean_rank"]
    for place, method in enumerate(methods):
        axis.annotate(
            f"{means[method]:.2f}", (1.0, place), (4, 0), ("axes fraction", "data"), "offset points", va="center"
        )
    people = int(shown["voters"].iloc[0])
    axis.set_yticks(range(len(methods)), [printed(method) for method in methods])
    axis.annotate(
        "mean rank", (1.0, 1.0), (4, 1), "axes fraction", "offset points", size=style.small, va="bottom", ha="center"
    )
    axis.set_title(f"{people} {'voter' if people == 1 else 'voters'}", loc="left", size=style.small)
