"""Figure 5: accuracy against alpha inside the target, and its price outside."""

from collections.abc import Mapping
from itertools import cycle

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from degcraft.figures.style import ALPHA, Style, curve, handle, letters, look, note, printed, seeds_words, words

# Metric: its column of the paper's numbers, axis label, decimals.
METRICS = {"psnr_y": ("paper_psnr", "PSNR of luma (dB)", 2), "ssim_y": ("paper_ssim", "SSIM of luma", 4)}
_LINES = ("-", "--", ":", "-.")  # of the settings in panel c: the target, then the others


def draw(table: pd.DataFrame, style: Style, images: Mapping[str, NDArray[np.uint8]]) -> Figure:
    """Panels a and b: PSNR and SSIM on the target; panel c: gain over uniform there and on other settings.

    Parameters
    ----------
    table : DataFrame
        From `degcraft.evidence.alpha.alpha_table`.
    style : Style
        Sizes.
    images : mapping
        Not used.
    """
    crafted = str(table["extractor"].dropna().iloc[0])
    target = str(table.loc[table["inside"], "test"].iloc[0])
    alphas = sorted(float(alpha) for alpha in table["alpha"].dropna().unique())
    figure = style.figure(2.8, wide=True)
    axes = list(figure.subplots(1, 3))
    for axis, metric in zip(axes, METRICS, strict=False):
        handles = _inside(axis, table[table["inside"]], metric, crafted, alphas)
        axis.set_ylabel(f"{METRICS[metric][1]} on {printed(target)}")
        _legend_above(axis, [*handles, *(seeds_words(table) if metric == "psnr_y" else [])])
    _legend_above(axes[2], _price(axes[2], table, target, crafted, alphas))
    for axis in axes:
        axis.set_xlabel(f"concentration {ALPHA}")
    figure.align_xlabels(axes)
    letters(axes)
    note(figure, _named(table), "name")
    return figure


def gains(table: pd.DataFrame, row: str) -> pd.DataFrame:
    """PSNR of a row less that of uniform with the same seed on the same test.

    Parameters
    ----------
    table : DataFrame
        From `degcraft.evidence.alpha.alpha_table`.
    row : str
        alpha, oracle or a method.

    Returns
    -------
    DataFrame
        Index: test and alpha (NaN where the row has none); mean and std over seeds, dB.
    """
    measured = table[table["note"].isna()]
    base = measured[measured["row"] == "uniform"].set_index(["test", "seed"])["psnr_y"]
    lines = measured[measured["row"] == row].join(base.rename("uniform"), on=["test", "seed"], how="inner")
    gain = (lines["psnr_y"] - lines["uniform"]).rename("gain")
    return gain.groupby([lines["test"], lines["alpha"]], sort=False, dropna=False).agg(["mean", "std"])


def _inside(axis: Axes, table: pd.DataFrame, metric: str, crafted: str, alphas: list[float]) -> list[Line2D]:
    """Draw one metric on the target; return the legend's entries."""
    _alpha_axis(axis, alphas)
    handles = _crafted(axis, table[table["row"] == "alpha"], metric, crafted, alphas)
    for row, lines in table[table["row"] != "alpha"].groupby("row", sort=False):
        handles.append(_level(axis, lines, metric, str(row), len(alphas)))
    return handles


def _crafted(axis: Axes, lines: pd.DataFrame, metric: str, name: str, alphas: list[float]) -> list[Line2D]:
    """Curve over alpha; the paper's number is an entry of its own."""
    theirs, _, decimals = METRICS[metric]
    means = lines.dropna(subset=[metric]).groupby("alpha")[metric].agg(["mean", "std"])
    curve(axis, [alphas.index(alpha) for alpha in means.index], means["mean"], means["std"], name)
    paper = lines.dropna(subset=[theirs]).drop_duplicates("alpha")[["alpha", theirs]].to_numpy().tolist()
    return [handle(name), *(words(f"paper, {ALPHA} = {alpha:g}: {value:.{decimals}f}") for alpha, value in paper)]


def _level(axis: Axes, lines: pd.DataFrame, metric: str, name: str, columns: int) -> Line2D:
    """Horizontal line at the mean of a row without alpha; nothing but words where it was not measured."""
    theirs, _, decimals = METRICS[metric]
    values, paper = lines[metric].dropna(), lines[theirs].dropna()
    told = f" (paper {paper.iloc[0]:.{decimals}f})" if len(paper) else ""
    if values.empty:
        return words(name + told)
    mean, spread = float(values.mean()), float(values.std())
    curve(axis, [-0.4, columns - 0.6], [mean] * 2, [spread] * 2, name, marker="")
    sample = handle(name, f"{name} {mean:.{decimals}f}{told}")
    sample.set(marker="")
    return sample


def _price(axis: Axes, table: pd.DataFrame, target: str, crafted: str, alphas: list[float]) -> list[Line2D]:
    """Draw the gain over uniform on every setting, oracle beside it; return the legend's entries."""
    crafted_gains, oracle_gains = gains(table, "alpha"), gains(table, "oracle")
    handles = []
    axis.axhline(0, color=look("uniform").colour, linewidth=0.8)
    for line, test in zip(cycle(_LINES), table["test"].unique(), strict=False):
        sample = handle(crafted, f"{printed(test)}{' (target)' if test == target else ''}")
        sample.set(linestyle=line)
        handles.append(sample)
        if test in crafted_gains.index:
            lines = crafted_gains.loc[test]
            places = [alphas.index(alpha) for alpha in lines.index]
            curve(axis, places, lines["mean"], lines["std"], crafted, linestyle=line)
        if test in oracle_gains.index:
            mean, spread = oracle_gains.loc[test].iloc[0].tolist()
            _beside(axis, len(alphas), mean, spread, line)
    axis.set_ylabel("gain over uniform (dB)")
    _alpha_axis(axis, alphas)
    axis.set_xlim(right=len(alphas) + 0.6)
    oracle = handle("oracle")
    oracle.set(linestyle="")
    return [*handles, oracle]


def _beside(axis: Axes, place: int, mean: float, spread: float, line: str) -> None:
    """Oracle's gain right of the alphas, with a piece of the setting's line to know it by."""
    row = look("oracle")
    axis.errorbar(place, mean, yerr=np.nan_to_num(spread), fmt=row.marker, color=row.colour)
    axis.plot([place - 0.45, place + 0.45], [mean, mean], linestyle=line, color=row.colour, linewidth=0.8)


def _legend_above(axis: Axes, handles: list[Line2D]) -> None:
    """Legend on top of a panel, right of its letter."""
    axis.legend(handles=handles, loc="lower left", bbox_to_anchor=(0.05, 1.0), borderpad=0.1)


def _alpha_axis(axis: Axes, alphas: list[float]) -> None:
    # paper: Fig. 5 the axis is our choice: equal distances, since the alphas start at 0 and then grow like powers.
    axis.set_xticks(range(len(alphas)), [f"{alpha:g}" for alpha in alphas])
    axis.set_xlim(-0.5, len(alphas) - 0.4)


def _named(table: pd.DataFrame) -> pd.DataFrame:
    """Lines with a name for the note below: alpha by its value, and the test where another one was measured."""
    names = []
    for line in table.to_dict("records"):
        same = table[(table["row"] == line["row"]) & ((table["alpha"] == line["alpha"]) | table["alpha"].isna())]
        name = f"{ALPHA} = {line['alpha']:g}" if line["row"] == "alpha" else str(line["row"])
        names.append(name if same["note"].notna().all() else f"{name} on {printed(str(line['test']))}")
    return table.assign(name=names)
