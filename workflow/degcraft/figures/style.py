"""How every figure looks: sizes, fonts, colours, and the parts that figures share."""

import textwrap
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from typing import Any
from zlib import crc32

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.legend import Legend
from matplotlib.lines import Line2D
from matplotlib.text import Text
from numpy.typing import ArrayLike

from degcraft.figures.names import ALPHA as ALPHA
from degcraft.figures.names import CRAFTED
from degcraft.figures.names import printed as printed

SEQUENTIAL = "cividis"  # colour map of weights and other amounts
SMALLEST = 6.0  # points; no text is smaller
_POINTS = 72  # per inch
_TICKS = {"major.width": 0.5, "minor.width": 0.4, "major.size": 2.0, "minor.size": 1.2, "major.pad": 2.0}
_BOX = {"legend.frameon": False, "axes.spines.top": False, "axes.spines.right": False}
_EM = 0.58  # width of a letter of DejaVu Sans on average, in font sizes


@dataclass(frozen=True)
class Look:
    """Colour, marker and line of one kind of row, the same in every figure."""

    colour: str
    marker: str
    line: str = "-"


# Hues of Okabe and Ito, which colour-blind readers can tell apart; networks of one
# family share a hue and differ in lightness, and yellow is too light for a line.
BLACK, GREY, LIGHT = "#000000", "#666666", "#BEBEBE"
BLUE, SKY, ORANGE, GREEN = "#0072B2", "#56B4E9", "#E69F00", "#009E73"
SHADE = "#F4EDB4"  # range of the test, or another that matters
DEEP_GREEN, PURPLE, VERMILION, BROWN = "#00432F", "#CC79A7", "#D55E00", "#6B3E12"
VIOLET, LAVENDER, PLUM = "#8000FF", "#9A6BFF", "#3C0B4C"

LOOKS = {
    "LR": Look(LIGHT, "", ":"),
    "bicubic": Look(LIGHT, "<", "-."),
    "uniform": Look(GREY, "s"),
    "crafted": Look(BLUE, "o"),
    "oracle": Look(BLACK, "D"),
    "truth": Look(BLACK, "", ":"),
    "alexnet-imagenet": Look(BLUE, "o"),
    "alexnet-minc": Look(SKY, "p"),
    "alexnet-dtd": Look(SKY, "h", "--"),
    "alexnet-random": Look(ORANGE, "^"),
    "vgg22": Look(GREEN, "v"),
    "vgg54": Look(DEEP_GREEN, "d"),
    "dasr": Look(PURPLE, "P"),
    "dct": Look(VERMILION, "X"),
    "traces": Look(PLUM, "8"),
    # Weightings beyond the paper's, whichever extractor they have.
    "mixture": Look(LAVENDER, "H", "--"),
    "refined": Look(VIOLET, "*"),
    "second-order fit": Look(BROWN, "1"),
    "realesrgan": Look(BROWN, ">", ":"),
    "BSRNet": Look(BROWN, "2", "--"),
    "Real-ESRNet": Look(BROWN, "3", "-."),
}
# How a training range lies to the test range: what Figures 1 and 2 compare.
LOOKS |= {"matched": LOOKS["oracle"], "wide": LOOKS["uniform"], "narrow": Look(VERMILION, "X")}
LOOKS["shifted"] = Look(PURPLE, "P")
_SPARE = [Look(colour, marker) for colour in (SKY, PURPLE, GREEN, BROWN) for marker in ("H", "8", ">", "*")]


def look(name: str) -> Look:
    """Look of a row, extractor or draw; of ``<extractor>.<weighting>`` the weighting's, of the paper's the extractor's.

    A name that extends a known one after a hyphen looks like it (a seed of a
    family); any other name has a look of its own, the same in every figure.

    Examples
    --------
    >>> look("dct.frechet-a25") == look("dct"), look("alexnet-random-3") == look("alexnet-random")
    (True, True)
    >>> look("dct.refined-f0.2") == look("traces.refined") == look("refined")
    True
    """
    draw = name.partition("@")[0]
    crafted = CRAFTED.fullmatch(draw)
    if crafted and crafted["kind"]:
        return LOOKS.get(f"{crafted['kind']} fit") or LOOKS[crafted["kind"]]
    part = draw.partition(".")[0]
    while part not in LOOKS and "-" in part:
        part = part.rpartition("-")[0]
    return LOOKS.get(part) or _SPARE[crc32(name.encode()) % len(_SPARE)]


@dataclass(frozen=True)
class Style:
    """Sizes of all figures: the config section ``figures``.

    Attributes
    ----------
    width : float
        Width of one column, inches.
    font : float
        Size of ordinary text, points, at least 6.
    dpi : int
        Dots per inch of the PNG.
    """

    width: float
    font: float
    dpi: int

    @classmethod
    def from_config(cls, section: dict[str, Any]) -> "Style":
        """Style of the config section ``figures``."""
        return cls(float(section["width"]), float(section["font"]), int(section["dpi"]))

    @property
    def small(self) -> float:
        """Size of ticks, legends and notes, points."""
        return max(SMALLEST, self.font - 1)

    @property
    def rc(self) -> dict[str, Any]:
        """Settings of matplotlib; what is not named keeps matplotlib's own default."""
        return {
            **_BOX,
            "font.family": "DejaVu Sans",  # comes with matplotlib, so all machines draw the same letters
            "font.size": self.font,
            "axes.titlesize": self.font,
            "axes.labelsize": self.font,
            "xtick.labelsize": self.small,
            "ytick.labelsize": self.small,
            "legend.fontsize": self.small,
            "axes.linewidth": 0.5,
            "lines.linewidth": 1.0,
            "lines.markersize": 3.2,
            "errorbar.capsize": 1.5,
            **{f"{axis}tick.{part}": size for axis in "xy" for part, size in _TICKS.items()},
            "legend.handlelength": 1.8,
            "legend.handletextpad": 0.5,
            "legend.columnspacing": 1.2,
            "legend.labelspacing": 0.3,
            "figure.constrained_layout.h_pad": 0.03,
            "figure.constrained_layout.w_pad": 0.03,
            "pdf.fonttype": 42,
            "figure.dpi": self.dpi,
        }

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Draw in this style, whatever the user's own settings of matplotlib are; they come back afterwards."""
        rc: Any = self.rc
        with matplotlib.rc_context():
            matplotlib.rcdefaults()
            matplotlib.rcParams.update(rc)
            yield

    def figure(self, height: float, *, wide: bool = False) -> Figure:
        """Empty figure of `height` inches, one column wide or two; it lays out what is added to it."""
        return Figure(figsize=(self.width * (2.05 if wide else 1), height), layout="constrained")

    def render(self, figure: Figure, kind: str) -> bytes:
        """Content of a file of `kind` pdf or png: same bytes for the same drawing, no time or program inside."""
        nameless = {"pdf": ("Creator", "Producer", "CreationDate"), "png": ("Software",)}[kind]
        buffer = BytesIO()
        with self.applied():
            figure.savefig(buffer, format=kind, metadata=dict.fromkeys(nameless))
        return buffer.getvalue()


def letters(axes: Sequence[Axes]) -> None:
    """Name panels a, b, c, ... above their left corner."""
    for letter, axis in zip("abcdefgh", axes, strict=False):
        axis.set_title(letter, loc="left", fontweight="bold")


def curve(axis: Axes, x: ArrayLike, mean: ArrayLike, spread: ArrayLike, name: str | Look, **line: Any) -> Line2D:
    """Line of a row in its look, with a band of `spread` to either side where there is any.

    Parameters
    ----------
    axis : Axes
    x, mean, spread : array_like of shape (points,)
        Places, values, and standard deviations; a spread of one value (NaN) leaves no band.
    name : str or Look
        Row, see `look`; or its look.
    **line
        Properties of the line besides the look's, such as its label.
    """
    row = look(name) if isinstance(name, str) else name
    centre = np.asarray(mean, dtype=np.float64)
    around = np.nan_to_num(np.asarray(spread, dtype=np.float64))
    if around.any():
        axis.fill_between(x, centre - around, centre + around, color=row.colour, alpha=0.2, linewidth=0)
    (drawn,) = axis.plot(x, centre, **{**_properties(row), **line})
    return drawn


def steps(axis: Axes, step: float) -> None:
    """Ticks at all multiples of `step` within the limits of the vertical axis, which stay."""
    low, high = axis.get_ylim()
    axis.set_yticks(step * np.arange(np.ceil(low / step), np.floor(high / step) + 1))
    axis.set_ylim(low, high)


def handle(name: str, label: str | None = None) -> Line2D:
    """Sample of a row's look for a legend; its label is the printed name unless given."""
    return Line2D([], [], label=printed(name) if label is None else label, **_properties(look(name)))


def words(label: str) -> Line2D:
    """Entry of a legend that is text alone."""
    return Line2D([], [], linestyle="", label=label)


def seeds_words(table: pd.DataFrame) -> list[Line2D]:
    """Entry that explains bands and bars as the spread over the seeds of a table; none for one seed."""
    seeds = table["seed"].nunique()
    return [words(f"bands: sd of {seeds} seeds")] if seeds > 1 else []


def _properties(row: Look) -> dict[str, Any]:
    return {"color": row.colour, "marker": row.marker, "linestyle": row.line, "markeredgewidth": 0.4}


def legend(figure: Figure, handles: Sequence[Line2D]) -> Legend:
    """Legend above a figure: one line where it fits its width, else as many columns as do."""
    room = figure.get_figwidth() * _POINTS / matplotlib.rcParams["legend.fontsize"]
    sizes = [len(str(entry.get_label())) * _EM + 3.5 for entry in handles]
    columns = len(handles) if sum(sizes) <= room else max(1, int(room / max(sizes)))
    return figure.legend(handles=handles, loc="outside upper center", ncols=columns)


def note(figure: Figure, table: pd.DataFrame, name: str | None = None) -> Text | None:
    """Write "not shown: NAME (reason)" below a figure for the lines of its table that have a note.

    To be called last: the figure grows by the height of the text. The names
    stand in the column `name`, else in ``row``, else in the first. Nothing is
    written, and None returned, where nothing is missing.
    """
    text = not_shown(table, name)
    if not text:
        return None
    size = max(SMALLEST, matplotlib.rcParams["font.size"] - 1)
    lines = textwrap.wrap(text, int(figure.get_figwidth() * _POINTS / size / _EM))
    _grow_below(figure, (len(lines) * 1.25 + 0.6) * size / _POINTS)
    return figure.text(0.01, 0.3 * size / _POINTS / figure.get_figheight(), "\n".join(lines), size=size, va="bottom")


def not_shown(table: pd.DataFrame, name: str | None = None) -> str:
    """Text of `note`; names with the same reason share it, and "" means that nothing is missing.

    Examples
    --------
    >>> not_shown(pd.DataFrame({"row": ["dasr", "vgg54", "dct"], "note": ["no weights", "no weights", None]}))
    'not shown: DASR, VGG 5,4 (no weights)'
    """
    if "note" not in table or table["note"].isna().all():
        return ""
    column = name or ("row" if "row" in table else str(table.columns[0]))
    missing = table[table["note"].notna()].drop_duplicates([column, "note"])
    parts = [
        f"{', '.join(printed(str(row)) for row in rows[column])} ({reason})"
        for reason, rows in missing.groupby("note", sort=False)
    ]
    return f"not shown: {'; '.join(parts)}"


def _grow_below(figure: Figure, inches: float) -> None:
    """Make a figure taller by an empty strip at its foot."""
    height = figure.get_figheight()
    figure.set_figheight(height + inches)
    share = inches / (height + inches)
    engine = figure.get_layout_engine()
    if isinstance(engine, ConstrainedLayoutEngine):
        engine.set(rect=(0, share, 1, 1 - share))
    else:
        for axis in figure.axes:
            place = axis.get_position()
            axis.set_position((place.x0, share + place.y0 * (1 - share), place.width, place.height * (1 - share)))
