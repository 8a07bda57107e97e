"""Figure 16: real references, and below them contents degraded as was found for them, and under uniform."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from degcraft.evidence.lookalikes import CRAFTED, RANGES
from degcraft.figures.comparison import Images, picture, place, wrapped
from degcraft.figures.style import Style, note, printed

_CROP = 0.48  # inches, of 48 LR pixels: at 200 dots per inch, each is 2 x 2 dots
_GAP, _MARGIN, _SPACE = 0.04, 0.06, 0.12  # inches: between crops, at the left, between blocks
_LINE = 1.3 / 72  # a line of text, inches per point
_FORMS = {"blur": ".1f", "noise": ".0f", "quality": ".0f"}


@dataclass(frozen=True)
class Layout:
    """Where the blocks go; inches, in hundredths, so that crops lie on whole dots.

    Attributes
    ----------
    columns : int
        How many blocks lie side by side.
    width : float
        From a block to the next one.
    line : float
        A line of text.
    side : float
        Side of a crop.
    rows : int
        Rows of crops in a block.
    """

    columns: int
    width: float
    line: float
    side: float
    rows: int

    @property
    def title(self) -> float:
        """Height of two lines of text."""
        return 2 * self.line + 0.02

    @property
    def height(self) -> float:
        """Height of a block, with the space below it."""
        return self.title + self.rows * (self.side + _GAP) + _SPACE


def draw(table: pd.DataFrame, style: Style, images: Images) -> Figure:
    """A block for each target, titled with what was found; the rows are real, crafted and uniform.

    Parameters
    ----------
    table : DataFrame
        From `degcraft.evidence.lookalikes.lookalike_table`.
    style : Style
        Sizes.
    images : mapping from str to ndarray of shape (height, width, 3), uint8, RGB
        By the table's column ``file``.
    """
    shown = table[table["note"].isna()]
    blocks = [lines for _, lines in shown.groupby("target", sort=False)]
    wide = len(blocks) > 1
    width = float(style.figure(1, wide=wide).get_figwidth())
    head = wrapped(_head(shown), 1.1 * (width - 2 * _MARGIN), style.small)  # letters are narrow in so long a text
    layout = _layout(blocks, style, width)
    top = (head.count("\n") + 1) * layout.line + 0.06
    figure = style.figure(top + math.ceil(len(blocks) / layout.columns) * layout.height, wide=wide)
    figure.set_layout_engine("none")
    figure.text(_MARGIN / width, 1 - 0.03 / figure.get_figheight(), head, va="top", size=style.small)
    for number, lines in enumerate(blocks):
        down, across = divmod(number, layout.columns)
        _block(figure, lines, layout, across * layout.width + _MARGIN, top + down * layout.height, style, images)
    note(figure, table, "row")
    return figure


def title(line: Mapping[Any, Any]) -> list[str]:
    """What was found for a target, in up to two lines: the verdict, and the ranges of nine tenths.

    Examples
    --------
    >>> title({"target": "film", "verdict": "explained", "explained": 0.97, "blur_low": float("nan")})
    ['film: explained (97 % of references)']
    """
    name = printed(str(line["target"]))
    if pd.isna(line["verdict"]):
        return [name]
    texts = [f"{name}: {line['verdict']} ({100 * line['explained']:.0f} % of references)"]
    if all(pd.notna(line.get(column)) for column in RANGES):
        ranges = [
            f"{parameter} {line[f'{parameter}_low']:{form}}\N{EN DASH}{line[f'{parameter}_high']:{form}}"
            for parameter, form in _FORMS.items()
        ]
        texts.append(", ".join(ranges))
    return texts


def _head(shown: pd.DataFrame) -> str:
    crafted = shown.loc[shown["row"] == CRAFTED, "draw"]
    if crafted.empty:
        return "Above each block: the target."
    ranges = ", and nine tenths of blur (HR pixels), noise (grey levels) and quality"
    found = "the verdict on the references" + (ranges if shown["blur_low"].notna().any() else "")
    return f"crafted: {printed(str(crafted.iloc[0]))}. Above each block: {found}"


def _layout(blocks: list[pd.DataFrame], style: Style, width: float) -> Layout:
    columns = min(max(len(blocks), 1), 2)
    each = math.floor(100 * (width - _MARGIN) / columns) / 100
    line = math.ceil(100 * style.small * _LINE) / 100
    crops = max((int(lines["place"].max()) + 1 for lines in blocks), default=1)
    side = min(_CROP, math.floor(100 * (each - line - _MARGIN) / crops) / 100 - _GAP)
    return Layout(columns, each, line, side, max((lines["row"].nunique() for lines in blocks), default=0))


def _block(
    figure: Figure, lines: pd.DataFrame, layout: Layout, left: float, top: float, style: Style, images: Images
) -> None:
    across, down = figure.get_size_inches()
    first = lines.iloc[0].to_dict()
    texts = title(first)
    figure.text(left / across, 1 - top / down, "\n".join(texts), va="top", size=style.small, linespacing=1.2)
    for start, crops in _rows(lines, layout, top):
        name = str(crops["row"].iloc[0])
        middle = 1 - (start + layout.side / 2) / down
        figure.text(left / across, middle, name, rotation=90, va="center", size=style.small)
        for line in crops.to_dict("records"):
            where = left + layout.line + 0.02 + int(line["place"]) * (layout.side + _GAP)
            axis = place(figure, where, start, layout.side, layout.side, f"{first['target']}: {name} {line['place']}")
            picture(axis, images[line["file"]])


def _rows(lines: pd.DataFrame, layout: Layout, top: float) -> Iterator[tuple[float, pd.DataFrame]]:
    """Upper side of each row, and its crops."""
    for number, (_, crops) in enumerate(lines.groupby("row", sort=False)):
        yield top + layout.title + number * (layout.side + _GAP), crops
