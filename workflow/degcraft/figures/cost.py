"""Figure 15: what estimates cost against the number of parameters, and what they find among thirty."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator
from numpy.typing import NDArray

from degcraft.evidence.cost import DIVISIONS
from degcraft.figures.style import GREY, Style, curve, letters, look, note, steps

MEASURES = {"log_density_restricted": "refined", "log_density": "mixture"}  # columns, and the looks of their curves


def draw(table: pd.DataFrame, style: Style, images: Mapping[str, NDArray[np.uint8]]) -> Figure:
    """Panel a: synthesised images of grids and of our banks; panel b: nats gained on targets of the second-order model.

    Parameters
    ----------
    table : DataFrame
        From `degcraft.evidence.cost.cost_table`.
    style : Style
        Sizes.
    images : mapping
        Not used.
    """
    second = table[(table["row"] == "second-order") & table["note"].isna()]
    figure = style.figure(2.4, wide=True)
    axes = list(figure.subplots(1, 2 if len(second) else 1, squeeze=False)[0])
    _costs(axes[0], table[table["note"].isna()], style)
    if len(second):
        _gains(axes[1], second)
        letters(axes)
    note(figure, table)
    return figure


def gains(second: pd.DataFrame, measure: str) -> pd.DataFrame:
    """Mean and standard deviation over targets, per number of images."""
    return second.astype({"images": float}).groupby("images")[measure].agg(["mean", "std"])


def _costs(axis: Axes, table: pd.DataFrame, style: Style) -> None:
    """Images against parameters, on a logarithmic scale."""
    rows = {row: lines.drop_duplicates(["parameters", "images"]) for row, lines in table.groupby("row", sort=False)}
    grid, first = rows["grid"], rows["first-order"]
    axis.plot(
        grid["parameters"],
        grid["images"],
        color=GREY,
        linestyle="--",
        label=f"grid, {DIVISIONS} bins each (calculated)",
    )
    bank = look("crafted")
    axis.plot(first["parameters"], first["images"], bank.marker, color=bank.colour, label=_told("bins", first))
    if "second-order" in rows:
        ours, row = rows["second-order"], look("refined")
        axis.plot(ours["parameters"], ours["images"], row.marker, color=row.colour, label=_told("refined", ours))
    axis.set_yscale("log")
    powers = range(2, 25, 2)
    axis.set_yticks(
        [10.0**power for power in powers], [f"$10^{{{power}}}$" if power % 4 == 0 else "" for power in powers]
    )
    axis.yaxis.set_minor_locator(NullLocator())
    axis.set_ylim(10.0 ** powers[0], 10.0 ** powers[-1])
    axis.set_xlim(0, None)
    axis.set_xlabel("parameters of the degradation model")
    axis.set_ylabel("synthesised LR images")
    axis.legend(loc="upper left", borderpad=0.1)


def _told(name: str, lines: pd.DataFrame) -> str:
    """Name, parameters and images of a bank, for a legend."""
    counts = sorted(lines["images"].astype(int))
    span = f"{counts[0]:,}" + (f" to {counts[-1]:,}" if len(counts) > 1 else "")
    return f"{name}: {int(lines['parameters'].iloc[0])} parameters, {span} images"


def _gains(axis: Axes, second: pd.DataFrame) -> None:
    """Log-density of true degradations against images of the bank, with the targets' own as the limit."""
    labels = {"log_density_restricted": "restricted parameters", "log_density": "all parameters"}
    for measure, name in MEASURES.items():
        lines = gains(second, measure)
        curve(axis, lines.index, lines["mean"], lines["std"], name, label=labels[measure])
    limit = look("oracle")
    axis.axhline(second["bound"].mean(), color=limit.colour, linestyle=":", label="ranges known")
    axis.axhline(0, color=look("uniform").colour, linewidth=0.8)
    counts = sorted(second["images"].astype(int).unique())
    axis.set_xscale("log")
    axis.set_xticks(counts, [f"{count:,}" for count in counts])
    axis.xaxis.set_minor_locator(NullLocator())
    axis.set_ylim(top=1.5 * second["bound"].mean())
    steps(axis, 1)
    axis.set_xlabel(f"images of the bank ({int(second['parameters'].iloc[0])} parameters)")
    axis.set_ylabel("nats above uniform")
    axis.set_title(f"bands: sd of {second['target'].nunique()} targets", loc="right")
    axis.legend(loc="upper left", ncols=2, borderpad=0.1)
