"""Drawings of the paper's figures from their tables. One module per kind of figure, found by its name.

Each module offers ``draw(table, style, images)``, which returns a figure of matplotlib.
"""

from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from degcraft.errors import DegcraftError, unknown

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from degcraft.figures.style import Style

MODULES = {
    "figure1": "idea",
    "figure2": "motivation",
    "figure3": "stability",
    "figure4": "maps",
    "figure5": "concentration",
    "figure6": "comparison",
    "figure7": "comparison",
    "figure8": "sharpness",
    "figure9": "votes",
    "figure10": "comparison",
    "figure11": "comparison",
    "figure12": "comparison",
    "figure13": "comparison",
    "figure14": "front",
    "figure15": "cost",
    "figure16": "lookalikes",
    "figure17": "estimation",
    "losses": "losses",
    "timings": "timings",
}


def draw(figure: str, table: pd.DataFrame, style: "Style", images: Mapping[str, NDArray[np.uint8]]) -> "Figure":
    """Figure of the paper, drawn from its table in the common style.

    Parameters
    ----------
    figure : str
        figure1 to figure17, losses or timings.
    table : DataFrame
        What ``results/<figure>.csv`` holds.
    style : Style
        Sizes; `Style.render` turns the figure into the bytes of a file.
    images : mapping from file name to ndarray of shape (height, width, 3), uint8
        RGB crops that the table names; empty for figures without pictures.

    Raises
    ------
    DegcraftError
        No figure has this name.
    """
    if figure not in MODULES:
        raise DegcraftError(unknown("figure", figure, MODULES))
    with style.applied():
        drawn: Figure = import_module(f"degcraft.figures.{MODULES[figure]}").draw(table, style, images)
        drawn.draw_without_rendering()
        drawn.set_layout_engine("none")  # laid out once, so that PDF and PNG are the same picture
    return drawn
