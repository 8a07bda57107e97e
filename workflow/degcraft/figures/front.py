"""Figure 14: accuracy gained inside the target against accuracy gained or lost outside it."""

import math
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from degcraft.figures.labels import along, offsets
from degcraft.figures.style import ALPHA, Style, handle, legend, letters, look, note, printed, words

HEIGHT = 2.2  # inches, a row of panels
_FILLS = ("full", "none", "left", "right")  # of markers of lines that look the same but for their extractor
_WAYS = ["outside", "inside"]  # to the right and upwards


def draw(table: pd.DataFrame, style: Style, images: Mapping[str, NDArray[np.uint8]]) -> Figure:
    """Panel a: mean over the settings outside; a panel for each of these, if there are several.

    A point is the mean over seeds, its bars the standard deviation; lines join one weighting at several alphas or
    floors, which stand beside the points.

    Parameters
    ----------
    table : DataFrame
        From `degcraft.evidence.front.front_table`.
    style : Style
        Sizes.
    images : mapping
        Not used.
    """
    shown = table[table["note"].isna()]
    if shown.empty:
        figure = style.figure(0.2)
        note(figure, table, "line")
        return figure
    outside = [str(test) for test in shown.loc[~shown["inside"].astype(bool), "test"].unique()]
    panels = [outside, *([test] for test in outside if len(outside) > 1)]
    rows, columns = math.ceil(len(panels) / 3), min(len(panels), 3)
    figure = style.figure(HEIGHT * rows, wide=columns > 1)
    axes = [figure.add_subplot(rows, columns, place + 1) for place in range(len(panels))]
    for axis, tests in zip(axes, panels, strict=True):
        _panel(axis, points(shown, tests))
        named = printed(tests[0]) if len(tests) == 1 else f"mean of {len(tests)} settings"
        axis.set_title(f"outside: {named}", loc="right", size=style.small)
        axis.set_xlabel("gain over uniform outside (dB)")
    for axis in axes[::columns]:
        axis.set_ylabel(
            f"gain over uniform on {printed(str(shown.loc[shown['inside'].astype(bool), 'test'].iloc[0]))} (dB)"
        )
    if len(axes) > 1:
        letters(axes)
    legend(figure, [*_entries(points(shown, outside)), *_bars(shown)])
    figure.draw_without_rendering()
    figure.set_figheight(HEIGHT * rows + figure.legends[0].get_window_extent().height / figure.dpi)
    note(figure, table, "line")
    figure.draw_without_rendering()  # labels find their place on axes that have theirs
    for axis, tests in zip(axes, panels, strict=True):
        _label(axis, points(shown, tests), style.small, 72 / figure.dpi)
    return figure


def points(shown: pd.DataFrame, tests: Sequence[str]) -> pd.DataFrame:
    """Gains of every draw: outside, as a mean over `tests`, and inside.

    Parameters
    ----------
    shown : DataFrame
        From `degcraft.evidence.front.front_table`, without notes.
    tests : sequence of str
        Settings outside the target.

    Returns
    -------
    DataFrame
        One line per draw, in order: line, label (alpha or floor as text, "" where there is none), and mean and
        standard deviation over seeds: outside, outside_sd, inside, inside_sd; dB.
    """
    keys = ["draw", "seed"]
    gains = pd.DataFrame(
        {
            "outside": shown[shown["test"].isin(tests)].groupby(keys, sort=False)["gain"].mean(),
            "inside": shown[shown["inside"].astype(bool)].groupby(keys, sort=False)["gain"].mean(),
        }
    )
    means, sds = (getattr(gains.groupby("draw", sort=False), name)() for name in ("mean", "std"))
    first = shown.drop_duplicates("draw").set_index("draw")
    number = first["alpha"].astype(float).fillna(first["floor"].astype(float))
    label = number.map(lambda value: "" if pd.isna(value) else f"{value:g}")
    named = pd.DataFrame({"line": first["line"], "label": label, "alpha": first["alpha"]})
    return named.join(means).join(sds.add_suffix("_sd"))


def _panel(axis: Axes, found: pd.DataFrame) -> None:
    for way in (axis.axhline, axis.axvline):
        way(0, color=look("uniform").colour, linewidth=0.5, zorder=0)
    for line, fill, lines in _lines(found):
        row = look(line)
        spread = [np.nan_to_num(lines[f"{name}_sd"].to_numpy(dtype=float)) for name in ("outside", "inside")]
        bars = axis.errorbar(
            lines["outside"], lines["inside"], xerr=spread[0], yerr=spread[1], color=row.colour, marker=row.marker,
            linestyle=row.line if len(lines) > 1 else "", fillstyle=fill, elinewidth=0.4, capsize=0,
        )  # fmt: skip
        for bar in bars.lines[2]:
            bar.set_alpha(0.45)


def _lines(found: pd.DataFrame) -> Iterator[tuple[str, str, pd.DataFrame]]:
    """Name, filling of the markers, and points of each line."""
    seen: list[object] = []
    for line, lines in found.groupby("line", sort=False):
        row = look(str(line))
        yield str(line), _FILLS[seen.count(row) % len(_FILLS)], lines
        seen.append(row)


def _entries(found: pd.DataFrame) -> list[Line2D]:
    """Entries of the legend; a line says what its labels are."""
    entries = []
    for line, fill, lines in _lines(found):
        along = ALPHA if lines["alpha"].notna().any() else "floor"
        entry = handle(line, f"{printed(line)}, by {along}" if len(lines) > 1 else None)
        entry.set(linestyle=entry.get_linestyle() if len(lines) > 1 else "", fillstyle=fill)
        entries.append(entry)
    return entries


def _bars(shown: pd.DataFrame) -> list[Line2D]:
    seeds = shown["seed"].nunique()
    return [words(f"bars: sd of {seeds} seeds")] if seeds > 1 else []


def _label(axis: Axes, found: pd.DataFrame, size: float, scale: float) -> None:
    """Write alpha or floor beside each point of a line of several; `scale`: typographic points per pixel."""
    several = found.groupby("line")["label"].transform("size") > 1
    texts = found["label"].where(several, "").tolist()
    middle = found[_WAYS].to_numpy(dtype=float)
    reach = np.nan_to_num(found[[f"{name}_sd" for name in _WAYS]].to_numpy(dtype=float))
    bars = [np.stack([middle - reach * way, middle + reach * way], axis=1) for way in np.eye(2)]
    lines = [lines[_WAYS].to_numpy(dtype=float) for _, lines in found.groupby("line", sort=False)]
    covered = [axis.transData.transform(line) * scale for line in (*lines, *np.concatenate(bars))]
    window = np.array(axis.get_window_extent().extents) * scale
    steps = offsets(axis.transData.transform(middle) * scale, texts, along(covered), window, size)
    for (x, y), (dx, dy), text, line in zip(middle, steps, texts, found["line"], strict=True):
        if text:
            written = axis.annotate(text, (x, y), (dx, dy), textcoords="offset points", ha="center", va="center")
            written.set(size=size, color=look(str(line)).colour, in_layout=False)
