"""A smooth background in every row, and the gradient along one line through it (paper, Fig. 8)."""

import math
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from degcraft.evidence.crops import TRUTH
from degcraft.evidence.sharpness import HORIZONTAL
from degcraft.figures.comparison import Images, below, picture, place, wrapped
from degcraft.figures.style import VERMILION, Style, curve, note, printed

_MARGIN = 0.42  # left of the profile, for its axis, inches
_GAP = 0.06
_PROFILE = 1.5  # height of the profile, inches
_LEGEND = 1.75  # width of the legend, inches
_COLUMNS = 8  # crops side by side at most
_LARGEST = 1.2  # side of a crop at most, inches


def draw(table: pd.DataFrame, style: Style, images: Images) -> Figure:
    """Crops with the line of the profile drawn into them; below, the gradient of every row along that line.

    The legend gives the mean of each row's gradient over the line: above that of the truth means
    sharpened, below it blurred.

    Parameters
    ----------
    table : DataFrame
        From `degcraft.evidence.sharpness.sharpness_table`.
    style : Style
        Sizes.
    images : mapping from str to ndarray of shape (height, width, 3), uint8, RGB
        By the table's column ``file``.
    """
    profiles = {str(row): lines for row, lines in table[table["note"].isna()].groupby("row", sort=False)}
    if not profiles:
        figure = style.figure(0.2, wide=True)
        note(figure, table, "row")
        return figure
    width = float(style.figure(1, wide=True).get_figwidth())
    columns = min(len(profiles), _COLUMNS)
    side = min((width - _GAP) / columns - _GAP, _LARGEST)
    high = max(wrapped(printed(row), side, style.small).count("\n") + 1 for row in profiles)
    above, under = high * style.small / 54 + 0.02, style.small / 54 + 0.08
    crops = math.ceil(len(profiles) / columns) * (above + side + under)
    figure = style.figure(crops + _PROFILE + 0.45, wide=True)
    figure.set_layout_engine("none")
    for number, (row, lines) in enumerate(profiles.items()):
        down, across = divmod(number, columns)
        left = (width - columns * (side + _GAP) + _GAP) / 2 + across * (side + _GAP)
        axis = place(figure, left, down * (above + side + under) + above, side, side, row)
        _crop(axis, row, lines, style, images, side)
    _profile(place(figure, _MARGIN, crops + 0.05, width - _MARGIN - _LEGEND, _PROFILE, "profile"), profiles, style)
    note(figure, table, "row")
    return figure


def _crop(axis: Axes, row: str, lines: pd.DataFrame, style: Style, images: Images, side: float) -> None:
    first: dict[Any, Any] = lines.iloc[0].to_dict()
    pixels = images[first["file"]]
    picture(axis, pixels)
    across = first["direction"] == HORIZONTAL
    (axis.axhline if across else axis.axvline)(first["line"], color=VERMILION, linewidth=0.8)
    axis.set(xlim=(-0.5, pixels.shape[1] - 0.5), ylim=(pixels.shape[0] - 0.5, -0.5))
    axis.set_title(wrapped(printed(row), side, style.small), size=style.small, pad=1.5)
    if pd.notna(first["psnr_y"]):
        below(axis, f"{first['psnr_y']:.2f} dB", style.small)


def _profile(axis: Axes, profiles: dict[str, pd.DataFrame], style: Style) -> None:
    for row, lines in profiles.items():
        position, gradient = (lines[name].to_numpy(dtype=np.float64) for name in ("position", "gradient"))
        label = f"{printed(row)}: {gradient.mean():.2f}"
        width = {"linewidth": 1.4, "zorder": 3} if row == TRUTH else {}
        curve(axis, position, gradient, np.zeros_like(gradient), row, label=label, markevery=16, **width)
    axis.set(xlabel="position along the line, HR pixels", ylabel="gradient, grey levels / pixel")
    axis.set(xlim=(0, max(len(lines) for lines in profiles.values()) - 1), ylim=(0, None))
    place_ = (1.0, 1.05)
    axis.legend(
        loc="upper left",
        bbox_to_anchor=place_,
        alignment="left",
        title="mean over the line",
        title_fontsize=style.small,
    )
