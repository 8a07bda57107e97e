"""Figure 2: blur alone; the mean over the test range, and the PSNR per blur width."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from degcraft.figures.idea import Training, by_training, width
from degcraft.figures.style import SHADE, Style, curve, handle, legend, letters, look, seeds_words

ORDER = ("matched", "wide", "narrow", "shifted")  # the paper's, best first


def draw(table: pd.DataFrame, style: Style, images: Mapping[str, NDArray[np.uint8]]) -> Figure:
    """Panel a: mean PSNR on the test range, every seed a dot; panel b: PSNR per blur width.

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
    figure = style.figure(2.2)
    left, right = figure.subplots(1, 2, width_ratios=(1, 1.25))
    _averages(left, trainings)
    _widths(right, trainings)
    left.set_title(f"test: {width(trainings[0].test)}", loc="right", size=style.small)
    right.set_title("shaded: test of a", loc="right", size=style.small)
    letters([left, right])
    samples = [handle(one.fit, f"{one.fit} ({width(one.range)})") for one in trainings]
    legend(figure, [*samples, *seeds_words(table)])
    return figure


def _averages(axis: Axes, trainings: Sequence[Training]) -> None:
    for place, training in enumerate(trainings):
        row, seeds = look(training.fit), training.inside
        sd = seeds.std(ddof=1) if len(seeds) > 1 else None
        axis.errorbar(place, seeds.mean(), yerr=sd, fmt=row.marker, color=row.colour)
        if len(seeds) > 1:
            axis.plot(np.full(len(seeds), place + 0.25), seeds, ".", color=row.colour, markersize=2.5)
    labels = [f"{training.fit}\n{training.inside.mean():.2f}" for training in trainings]
    axis.set_xticks(range(len(trainings)), labels)
    axis.set_xlim(-0.5, len(trainings) - 0.5)
    axis.set_ylabel("mean PSNR of luma (dB)")
    axis.set_xlabel("training")


def _widths(axis: Axes, trainings: Sequence[Training]) -> None:
    axis.axvspan(*trainings[0].test, color=SHADE, linewidth=0)
    for training in trainings:
        curve(axis, training.widths.index, training.widths["mean"], training.widths["std"], training.fit)
    axis.set_xlabel("blur of the test (HR pixels)")
    axis.set_ylabel("PSNR of luma (dB)")
