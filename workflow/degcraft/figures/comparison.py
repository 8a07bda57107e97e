"""Crops of one place of every image, side by side, with their PSNR (paper, Figs. 6, 7 and 10 to 13)."""

import itertools
import math
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from degcraft.evidence.crops import LR, WHOLE
from degcraft.figures.style import VERMILION, Style, note, printed

TALLEST = 9.0  # inches; a page holds it with its caption
_GAP = 0.05  # between neighbours, inches
_LINE = 1.3 / 72  # a line of text, inches per point
_WHOLE = 1.35  # least room for the width of the whole image, inches
_LEAST = 0.4  # side of a crop, inches, even if the figure does not fit a page then
_READABLE = 0.7  # side of a crop, inches, above which fewer lines matter more than larger crops
_LETTER = 0.6 / 72  # width of a letter, inches per point

Align = Literal["center", "left", "right"]
# Column, side of the middle that it stands on, and form of both PSNR below a crop.
_PSNR: tuple[tuple[str, Align, str], ...] = (("psnr_y", "right", "{:.2f}"), ("psnr_crop", "left", "({:.2f})"))

Images = Mapping[str, NDArray[np.uint8]]


@dataclass(frozen=True)
class Layout:
    """Where the crops of one image go; inches.

    Attributes
    ----------
    columns, lines : int
        How many crops lie side by side, and how many such lines one image takes.
    side : float
        Side of a crop.
    whole : float
        Room for the width of the whole image.
    above, below : float
        Room for the name above and the PSNR below a crop.
    """

    columns: int
    lines: int
    side: float
    whole: float
    above: float
    below: float

    @property
    def height(self) -> float:
        """Height of all crops of one image."""
        return self.lines * (self.above + self.side + self.below + _GAP)


def place(figure: Figure, left: float, top: float, width: float, height: float, label: str) -> Axes:
    """New axes with the name `label`, `left` and `top` inches from the figure's upper left corner."""
    across, down = figure.get_size_inches()
    return figure.add_axes((left / across, 1 - (top + height) / down, width / across, height / down), label=label)


def picture(axis: Axes, pixels: NDArray[np.uint8]) -> None:
    """Show an image without ticks, in a thin frame."""
    axis.imshow(pixels)
    axis.set(xticks=[], yticks=[])
    axis.spines[:].set_visible(True)
    axis.spines[:].set_linewidth(0.3)


def below(axis: Axes, text: str, size: float, *, align: Align = "center", bold: bool = False) -> None:
    """Write below axes: around their middle, or from it to the left (align right) or to the right (left)."""
    start = {"center": 0.5, "right": 0.45, "left": 0.48}[align]
    weight = "bold" if bold else "normal"
    written = axis.annotate(text, (start, 0), (0, -0.3 * size), "axes fraction", "offset points", ha=align, va="top")
    written.set(size=size, weight=weight)


def wrapped(text: str, width: float, size: float) -> str:
    """The text in lines that fit `width` inches at a size in points."""
    return "\n".join(textwrap.wrap(text, max(6, int(width / size / _LETTER)), break_long_words=False))


def draw(table: pd.DataFrame, style: Style, images: Images) -> Figure:
    """Grid of crops: an image per row with its whole LR image at the left, a method per column.

    Below each crop stand its PSNR over the whole image and, in brackets, over the crop (luma, dB);
    the best of each is bold, and what prints like it.

    Parameters
    ----------
    table : DataFrame
        From `degcraft.evidence.crops.comparison_table`.
    style : Style
        Sizes.
    images : mapping from str to ndarray of shape (height, width, 3), uint8, RGB
        By the table's column ``file``.
    """
    shown = table[table["note"].isna()]
    scenes = [lines for _, lines in shown.groupby("image", sort=False)]
    if not scenes:
        figure = style.figure(0.2, wide=True)
        note(figure, table, "row")
        return figure
    width = float(style.figure(1, wide=True).get_figwidth())
    layout = _layout(scenes, style, width)
    figure = style.figure(len(scenes) * (layout.height + _GAP) + _GAP, wide=True)
    figure.set_layout_engine("none")
    for number, lines in enumerate(scenes):
        _scene(figure, lines, layout, number * (layout.height + _GAP) + _GAP, style, images)
    note(figure, table, "row")
    return figure


def _layout(scenes: list[pd.DataFrame], style: Style, width: float) -> Layout:
    """Layout on two columns and one page: the fewest lines with readable crops, or the largest crops there can be."""
    names = dict.fromkeys(printed(row) for lines in scenes for row in lines["row"] if row != WHOLE)
    rows, measured = max(len(lines) for lines in scenes) - 1, any(lines["psnr_crop"].notna().any() for lines in scenes)
    under = style.small * _LINE + 0.04 if measured else 0.0
    layouts = []
    for lines, high in itertools.product(range(1, rows + 1), range(1, 5)):
        columns = math.ceil(rows / lines)
        across = (width - _WHOLE - 2 * _GAP) / columns - _GAP
        above = high * style.small * _LINE + 0.02
        down = max((TALLEST / len(scenes) - _GAP) / lines - above - under - _GAP, _LEAST)
        side = min(across, down, _WHOLE)
        if all(wrapped(name, side, style.small).count("\n") < high for name in names):
            layouts.append(Layout(columns, lines, side, width - columns * (side + _GAP) - 2 * _GAP, above, under))
    return max(layouts, key=lambda layout: min(layout.side, _READABLE))


def _scene(figure: Figure, lines: pd.DataFrame, layout: Layout, top: float, style: Style, images: Images) -> None:
    """One image: the whole of it, then its crops line by line."""
    name = str(lines["image"].iloc[0])
    crops = lines[lines["row"] != WHOLE]
    best = {column: crops[column].max() for column, _, _ in _PSNR}
    step, row_height = layout.side + _GAP, layout.height / layout.lines
    start = _GAP + layout.whole + _GAP
    for whole in lines[lines["row"] == WHOLE].to_dict("records"):
        _whole(figure, whole, layout, top, style, images)
    for number, line in enumerate(crops.to_dict("records")):
        down, across = divmod(number, layout.columns)
        left, upper = start + across * step, top + down * row_height + layout.above
        axis = place(figure, left, upper, layout.side, layout.side, f"{name}: {line['row']}")
        picture(axis, images[line["file"]])
        axis.set_title(wrapped(printed(line["row"]), layout.side, style.small), size=style.small, pad=1.5)
        for column, align, form in _PSNR:
            if pd.notna(line[column]):
                text = form.format(line[column])
                below(axis, text, style.small, align=align, bold=text == form.format(best[column]))


def _whole(figure: Figure, line: dict[Any, Any], layout: Layout, top: float, style: Style, images: Images) -> None:
    """The whole LR image with the crop marked, in the middle of its room."""
    pixels = images[line["file"]]
    height, width = pixels.shape[:2]
    room = layout.height - layout.above - layout.below - _GAP
    scale = min(layout.whole / width, room / height)
    left = _GAP + (layout.whole - scale * width) / 2
    axis = place(figure, left, top + layout.above, scale * width, scale * height, f"{line['image']}: {WHOLE}")
    picture(axis, pixels)
    axis.set_title(f"{line['image']} ({LR})", size=style.small, pad=1.5)
    corner, side = (line["left"] - 0.5, line["top"] - 0.5), line["side"]
    axis.add_patch(Rectangle(corner, side, side, fill=False, edgecolor=VERMILION, linewidth=1.0))
    if layout.below:
        below(axis, "PSNR, dB: image (crop)", style.small)
