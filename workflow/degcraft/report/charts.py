"""The drawings of the page."""

from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np
import pandas as pd
from markupsafe import Markup

from degcraft.report.distribution import Marginal, Values
from degcraft.report.svg import HEIGHT, LEFT, RIGHT, WIDTH, Scale, across, axes, drawing, element, number, upwards

SERIES = 5  # colours of lines and points
LABELS = {
    "blur": ("Blur", "standard deviation, pixels of the enlarged image"),
    "noise": ("Noise", "standard deviation, grey levels of 255"),
    "quality": ("JPEG quality", "of 100"),
}
_FEW = 12  # cells up to which errors are bars, not a band
_HEAT = 20  # cells along an axis of the heat map, at most
_LEGEND = 18  # height of a line of the legend


def label(parameter: str) -> tuple[str, str]:
    """Name of a parameter and its unit, as drawings print them."""
    return LABELS.get(parameter, (parameter, "share of its range"))


def marginal_chart(marginal: Marginal) -> Markup:
    """Probability of each cell of one parameter, with the range that the data leave open."""
    name, unit = label(marginal.parameter)
    tops = marginal.shares if marginal.high is None else np.maximum(marginal.shares, marginal.high)
    x, y = across(marginal.edges[0], marginal.edges[-1]), upwards(0, 1.05 * float(tops.max()))
    parts = [axes(x, y, f"{name} ({unit})", "share of the images", percent=True), _steps(marginal, x, y)]
    if marginal.low is not None and marginal.high is not None:
        parts.append(_errors(marginal, marginal.low, marginal.high, x, y))
    return drawing(f"marginal-{marginal.parameter}", f"Estimated {_inside(name)}", told(marginal), *parts)


def told(marginal: Marginal) -> str:
    """Mean and most likely cell of one parameter, in a sentence."""
    peak = int(marginal.shares.argmax())
    low, high = (number(round(float(end), 3)) for end in marginal.edges[peak : peak + 2])
    share = 100 * marginal.shares[peak]
    return f"Mean {number(round(marginal.mean, 2))}; most frequent {low} to {high} ({share:.0f} % of the images)."


def _inside(name: str) -> str:
    """A name within a sentence."""
    return name if name[:2].isupper() else name[0].lower() + name[1:]


def _steps(marginal: Marginal, x: Scale, y: Scale) -> Markup:
    outline = [f"M{x(marginal.edges[0])} {y(0)}"]
    for share, end in zip(marginal.shares, marginal.edges[1:], strict=True):
        outline.append(f"V{y(share)}H{x(end)}")
    return element("path", d=f"{''.join(outline)}V{y(0)}Z", class_="area")


def _errors(marginal: Marginal, low: Values, high: Values, x: Scale, y: Scale) -> Markup:
    middles = (marginal.edges[1:] + marginal.edges[:-1]) / 2
    if len(middles) <= _FEW:
        bars = (
            f"M{x(at)} {y(below)}V{y(above)}m-4 0h8M{x(at) - 4} {y(below)}h8"
            for at, below, above in zip(middles, low, high, strict=True)
        )
        return element("path", d="".join(bars), class_="whisker")
    there = [f"V{y(above)}H{x(end)}" for above, end in zip(high, marginal.edges[1:], strict=True)]
    back = [f"V{y(below)}H{x(start)}" for below, start in zip(low[::-1], marginal.edges[-2::-1], strict=True)]
    return element("path", d=f"M{x(marginal.edges[0])} {y(low[0])}{''.join([*there, *back])}Z", class_="band")


def heat_map(first: Values, second: Values, masses: Values, names: tuple[str, str]) -> Markup:
    """Probability of pairs of values, a fuller colour where it is greater."""
    first, second, masses = _merged(first, second, masses)
    columns, lines = list(pairwise(first.tolist())), list(pairwise(second.tolist()))
    x, y = across(columns[0][0], columns[-1][1]), upwards(lines[0][0], lines[-1][1])
    heads = [label(name)[0] for name in names]

    def place(i: int, j: int) -> str:
        ranges = (" to ".join(map(number, ends)) for ends in (columns[i], lines[j]))
        return ", ".join(f"{head} {ends}" for head, ends in zip(heads, ranges, strict=True))

    cells = []
    for (i, j), mass in np.ndenumerate(masses):
        left, right, low, high = map(float, (*map(x, columns[i]), *map(y, lines[j])))
        size = {"x": left, "y": high, "width": round(right - left, 2), "height": round(low - high, 2)}
        opacity = round(float(mass / masses.max()), 3)
        hint = element("title", f"{place(i, j)}: {100 * mass:.1f} %")
        cells.append(element("rect", hint, **size, fill_opacity=opacity, class_="cell"))
    peak = divmod(int(masses.argmax()), masses.shape[1])
    greatest = f"{100 * masses.max():.1f} % of the images"
    frame = axes(x, y, f"{heads[0]} (pixels)", f"{heads[1]} (grey levels)")
    key, height = _colours(greatest)
    title = f"{heads[0]} and {_inside(heads[1])} together"
    return drawing("heat", title, f"Fullest at {place(*peak)}: {greatest}.", frame, *cells, key, height=height)


def _colours(greatest: str) -> tuple[Markup, float]:
    """Which colour means how much, below a heat map; and the height of the drawing with it."""
    top, shades = HEIGHT + 2, 10
    patches = [
        element("rect", x=LEFT + 20 + 12 * i, y=top, width=12, height=9, fill_opacity=i / shades, class_="cell")
        for i in range(shades + 1)
    ]
    ends = [
        element("text", "0", x=LEFT + 15, y=top + 9, text_anchor="end"),
        element("text", greatest, x=LEFT + 26 + 12 * (shades + 1), y=top + 9),
    ]
    return element("g", *patches, *ends), HEIGHT + _LEGEND


def _merged(first: Values, second: Values, masses: Values) -> tuple[Values, Values, Values]:
    """The same with neighbouring cells joined, where there are more than the drawing can show."""
    for axis, edges in ((0, first), (1, second)):
        joined = -(-(len(edges) - 1) // _HEAT)
        starts = np.arange(0, len(edges) - 1, joined)
        masses = np.add.reduceat(masses, starts, axis=axis)
        kept = np.append(edges[starts], edges[-1])
        first, second = (kept, second) if axis == 0 else (first, kept)
    return first, second, masses


def curves(losses: Mapping[str, pd.DataFrame], names: Mapping[str, str]) -> Markup:
    """Training loss of several networks against their steps."""
    top = max(float(table["loss"].max()) for table in losses.values())
    x = across(0, max(float(table["step"].max()) for table in losses.values()))
    y = upwards(0, 1.05 * top)
    lines, ends = [], []
    for place, (draw, table) in enumerate(losses.items()):
        points = [f"{x(step)} {y(loss)}" for step, loss in zip(table["step"], table["loss"], strict=True)]
        lines.append(element("path", d=f"M{'L'.join(points)}", class_=f"line series-{place % SERIES}"))
        ends.append(f"{names[draw]} ends at {table['loss'].iloc[-1]:.4f}")
    parts = [axes(x, y, "steps of training", "loss (mean absolute error, 1 is white)"), *lines]
    key, height = legend([names[draw] for draw in losses], points=False)
    return drawing("curves", "Training curves", f"{'; '.join(ends)}.", *parts, key, height=height)


def scatter(means: pd.DataFrame, checks: pd.DataFrame, names: Mapping[str, str]) -> Markup:
    """Sharpness against consistency: a small point per image, a large one per row."""
    means = means[np.isfinite(means["consistency_rmse"]) & np.isfinite(means["sharpness"])]
    ratio = checks["consistency_rmse"] / checks["expected_rmse"]
    centre = means["consistency_rmse"] / means["expected_rmse"]
    x = across(0, 1.05 * float(max(checks["sharpness"].max(), means["sharpness"].max())))
    y = upwards(0, 1.05 * float(max(ratio.max(), centre.max(), 1)))
    marks, said = [element("path", d=f"M{x.start} {y(1)}H{x.end}", class_="goal")], []
    for place, row in enumerate(means["row"]):
        series = f"series-{place % SERIES}"
        mine = checks["row"] == row
        for sharp, error in zip(checks.loc[mine, "sharpness"], ratio[mine], strict=True):
            marks.append(element("circle", cx=x(sharp), cy=y(error), r=2.2, class_=f"dot small {series}"))
        at = means.index[place]
        sharp, error = float(means.loc[at, "sharpness"]), float(centre[at])
        told = element("title", f"{names.get(row, row)}: sharpness {number(sharp)}, error {number(error)} x expected")
        marks.append(element("circle", told, cx=x(sharp), cy=y(error), r=6, class_=f"dot {series}"))
        said.append(f"{names.get(row, row)}: sharpness {number(sharp)}, error {error:.2f} times the expected one")
    key, height = legend([names.get(row, row) for row in means["row"]], points=True)
    frame = axes(x, y, "sharpness", "error, times the expected one")
    return drawing("scatter", "Sharpness and consistency", f"{'; '.join(said)}.", frame, *marks, key, height=height)


def legend(names: Sequence[str], *, points: bool) -> tuple[Markup, float]:
    """Which colour is which, below a drawing; and the height of the drawing with it."""
    lines = []
    for place, name in enumerate(names):
        column, row = place % 2, place // 2
        left, top = 24 + column * (WIDTH - 24 - RIGHT) / 2, HEIGHT + 4 + row * _LEGEND
        series = f"series-{place % SERIES}"
        mark = (
            element("circle", cx=left + 9, cy=top, r=5, class_=f"dot {series}")
            if points
            else element("path", d=f"M{left} {top}h18", class_=f"line {series}")
        )
        lines += [mark, element("text", name, x=left + 26, y=top + 4)]
    return element("g", *lines), HEIGHT + 4 + -(-len(names) // 2) * _LEGEND
