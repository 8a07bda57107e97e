"""What the page of one application is made from: arrays and tables, no files."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]

BICUBIC, TRUTH = "bicubic", "truth"  # rows that no model makes


def titled(place: Mapping[Any, Any]) -> str:
    """What the user calls an image, from a line that says where it is from: source and frame."""
    frame = place["frame"]
    return str(place["source"]) if frame != frame else f"{place['source']}, frame {int(frame)}"


@dataclass(frozen=True)
class Window:
    """A part of one image, enlarged in several ways.

    Attributes
    ----------
    name : str
        Of its file.
    title : str
        What the user calls the image: its file's name, and the number of the frame or page if there are several.
    lr : ndarray of shape (height, width, 3), uint8, RGB
        As it is.
    rows : mapping from str to ndarray of shape (4 height, 4 width, 3), uint8, RGB
        By draw, or `BICUBIC` or `TRUTH`, in the order in which the page offers them.
    """

    name: str
    title: str
    lr: Pixels
    rows: Mapping[str, Pixels]


@dataclass(frozen=True)
class Estimate:
    """What was found for the application's degradation.

    Attributes
    ----------
    weights : DataFrame
        Table of the stage weights.
    fit : mapping
        Line of `degcraft.fits.fits` on it; empty for a weighting without a verdict.
    words : sequence of str
        The same in plain sentences.
    ranges : ndarray of shape (2, parameters, cells) or None
        5th and 95th hundredth of each marginal cell among resampled references, where the table has no errors.
    explained : ndarray of shape (n,), bool, or None
        Which reference crops the degradation model explains; None where nothing judges them.
    lookalikes : DataFrame
        Table of `degcraft.evidence.lookalikes.lookalike_table`.
    pictures : mapping from str to ndarray
        Its images, by the table's column ``file``.
    """

    weights: pd.DataFrame
    fit: Mapping[Any, Any]
    words: Sequence[str]
    ranges: NDArray[np.float64] | None
    explained: NDArray[np.bool_] | None
    lookalikes: pd.DataFrame
    pictures: Mapping[str, Pixels]


@dataclass(frozen=True)
class Places:
    """Paths that the page names, relative to the working directory of the workflow.

    Attributes
    ----------
    model, onnx : str
        The model file, and the one for other programs.
    restored : str
        Folder of the restored files.
    files : sequence of str
        What is in it, sorted.
    """

    model: str
    onnx: str
    restored: str
    files: Sequence[str]


@dataclass(frozen=True)
class Contents:
    """Everything on the page of one application.

    Attributes
    ----------
    application : str
        Its name.
    draw : str
        Of the model that restored it; `beside`: of those it is compared with.
    beside : sequence of str
    windows : sequence of Window
    references : ndarray of shape (n, side, side, 3), uint8, RGB
        Crops that the degradation was estimated from.
    crops : DataFrame
        crop, source, frame, top, left: where each is from, in the same order.
    material : mapping
        kind, images, pixels, references, duplicates, notes: what the stage applications found.
    estimate : Estimate
    mixed : sequence of str
        Sentences on the kinds of the material; none where it is of one.
    quality : DataFrame or None
        row and metrics, means over images with truth; None where there is none.
    pairs : int
        Number of those images.
    checks : DataFrame
        row, image, consistency_rmse, expected_rmse, sharpness, unconfirmed.
    losses : mapping from str to DataFrame
        step and loss, by draw.
    timings : DataFrame
        job and seconds; without rows where no measurement is there.
    places : Places
    settings : mapping
        What was run: the options behind the page.
    versions : mapping from str to str
        Of the packages that computed it.
    """

    application: str
    draw: str
    beside: Sequence[str]
    windows: Sequence[Window]
    references: Pixels
    crops: pd.DataFrame
    material: Mapping[str, Any]
    estimate: Estimate
    mixed: Sequence[str]
    quality: pd.DataFrame | None
    pairs: int
    checks: pd.DataFrame
    losses: Mapping[str, pd.DataFrame]
    timings: pd.DataFrame
    places: Places
    settings: Mapping[str, Any] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
