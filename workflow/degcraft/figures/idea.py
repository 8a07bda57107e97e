"""Figure 1: training too narrow, too wide and matched, and what each costs."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from numpy.typing import NDArray

from degcraft.bins import Range
from degcraft.evidence.blur import fit
from degcraft.figures.style import GREY, SHADE, Style, curve, letters, look, seeds_words

ORDER = ("narrow", "wide", "matched", "shifted")
_TITLES = {"narrow": "too narrow", "wide": "too wide"}


def draw(table: pd.DataFrame, style: Style, images: Mapping[str, NDArray[np.uint8]]) -> Figure:
    """One column per training: its distribution above, the measured PSNR per blur width below.

    Parameters
    ----------
    table : DataFrame
        From `degcraft.evidence.blur.blur_table`.
    style : Style
        Sizes.
    images : mapping
        Not used.
    """
    trainings = sorted(by_training(table), key=lambda training: ORDER.index(training.fit))
    figure = style.figure(2.9, wide=True)
    axes = figure.subplots(2, len(trainings), sharex=True, sharey="row", squeeze=False, height_ratios=(1, 1.7))
    top = 1.25 * max(1 / (high - low) for _, low, high in _ranges(trainings) if high > low)
    for training, above, below in zip(trainings, *axes, strict=True):
        _densities(above, training, top)
        _accuracies(below, training, style)
        above.set_title(f"{_TITLES.get(training.fit, training.fit)} (blur {width(training.range)})")
        below.set_xlabel("blur width of the test (HR pixels)")
    letters(list(axes[:, 0]))
    axes[0, 0].set_ylabel("density (per pixel)")
    axes[1, 0].set_ylabel("PSNR of luma (dB)")
    samples = [*_samples(), *seeds_words(table)]
    figure.legend(handles=samples, loc="outside upper center", ncols=len(samples))
    return figure


class Training:
    """Lines of one training of the table.

    Attributes
    ----------
    name, fit : str
        Of the training, and how it lies to the test range.
    range, test : (low, high)
        Blur widths, HR pixels.
    inside : ndarray of shape (seeds,), float64
        Mean PSNR on the test range, dB.
    widths : DataFrame
        Index: blur width; columns mean and std of the PSNR over seeds.
    """

    def __init__(self, name: str, lines: pd.DataFrame) -> None:
        single = lines["test_low"] == lines["test_high"]
        test = lines[~single]
        self.name = name
        self.range: Range = (float(lines["training_low"].iloc[0]), float(lines["training_high"].iloc[0]))
        self.test: Range = (float(test["test_low"].iloc[0]), float(test["test_high"].iloc[0]))
        self.fit = fit(self.range, self.test)
        self.inside: NDArray[np.float64] = test["psnr_y"].to_numpy(dtype=np.float64)
        self.widths = lines[single].groupby("test_low")["psnr_y"].agg(["mean", "std"])


def by_training(table: pd.DataFrame) -> list[Training]:
    """The trainings of a table, in its order."""
    return [Training(str(name), lines) for name, lines in table.groupby("training", sort=False)]


def width(ends: Range) -> str:
    """A range of blur widths in words.

    Examples
    --------
    >>> width((2.0, 2.0)), width((1.5, 2.5))
    ('2', '1.5 to 2.5')
    """
    low, high = ends
    return f"{low:g}" if low == high else f"{low:g} to {high:g}"


def spread(values: NDArray[np.float64]) -> str:
    """Standard deviation over seeds as text, empty for one seed.

    Examples
    --------
    >>> spread(np.array([1.0, 3.0])), spread(np.array([1.0]))
    (' ± 1.41', '')
    """
    return f" \N{PLUS-MINUS SIGN} {values.std(ddof=1):.2f}" if len(values) > 1 else ""


def _ranges(trainings: Sequence[Training]) -> list[tuple[str, float, float]]:
    return [("training", *one.range) for one in trainings] + [("test", *one.test) for one in trainings]


def _densities(axis: Axes, training: Training, top: float) -> None:
    (low, high), (test_low, test_high), row = training.range, training.test, look(training.fit)
    axis.fill_between([test_low, test_high], 1 / (test_high - test_low), color=SHADE, linewidth=0)
    if high > low:
        height = 1 / (high - low)
        axis.plot([low, low, high, high], [0, height, height, 0], color=row.colour)
    else:
        arrow: dict[str, Any] = {"arrowstyle": "->", "color": row.colour, "shrinkA": 0, "shrinkB": 0}
        axis.annotate("", (low, top), xytext=(low, 0), arrowprops=arrow, annotation_clip=False)
    axis.set_ylim(0, top)


def _accuracies(axis: Axes, training: Training, style: Style) -> None:
    axis.axvspan(*training.test, color=SHADE, linewidth=0)
    curve(axis, training.widths.index, training.widths["mean"], training.widths["std"], training.fit)
    mean = f"{training.inside.mean():.2f}{spread(training.inside)} dB"
    axis.set_title(f"test range: {mean}", size=style.small)


def _samples() -> list[Patch | Line2D]:
    return [
        Patch(color=SHADE, label="test"),
        Line2D([], [], color=GREY, label="training"),
        Line2D([], [], color=GREY, marker="o", label="measured"),
    ]
