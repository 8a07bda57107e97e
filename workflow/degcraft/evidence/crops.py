"""Crops of one place from every row, where the rows disagree most (paper, Figs. 6, 7 and 10 to 13)."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from degcraft.degradations import SCALE
from degcraft.errors import DegcraftError
from degcraft.interpolation import bicubic
from degcraft.metrics import luma, psnr, psnr_y

WHOLE, LR, BICUBIC, TRUTH = "whole LR", "LR", "bicubic", "truth"
COLUMNS = ("image", "row", "draw", "psnr_y", "psnr_crop", "top", "left", "side", "file", "note")

Pixels = NDArray[np.uint8]
Crop = str | Sequence[int]  # "auto" or (left, top)


@dataclass(frozen=True)
class Scene:
    """One image as every row shows it.

    Attributes
    ----------
    name : str
        Name of the image, safe as a file name.
    lr : ndarray of shape (height, width, 3), uint8, RGB
        What the rows were restored from.
    restored : mapping from str to ndarray of shape (4 height, 4 width, 3), uint8, RGB
        SR image of each row, in the order of the figure.
    truth : ndarray of shape (4 height, 4 width, 3), uint8, RGB, or None
        The original, where there is one.
    psnr_y : mapping from str to float
        PSNR on luma of each row over the whole image, dB; empty without truth.
    """

    name: str
    lr: Pixels
    restored: Mapping[str, Pixels]
    truth: Pixels | None = None
    psnr_y: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        shape = (SCALE * self.lr.shape[0], SCALE * self.lr.shape[1], 3)
        others = {**self.restored, **({} if self.truth is None else {TRUTH: self.truth})}
        wrong = [
            f"{row} is {image.shape[1]} x {image.shape[0]}" for row, image in others.items() if image.shape != shape
        ]
        if wrong:
            raise DegcraftError(
                f"image {self.name}: {', '.join(wrong)} pixels; {shape[1]} x {shape[0]}, {SCALE} times the LR image, "
                "are needed; restore the image again, or give an original of that size"
            )


@dataclass(frozen=True)
class Window:
    """A square of an LR image: first row, first column and side, LR pixels."""

    top: int
    left: int
    side: int

    def cut(self, image: NDArray[Any]) -> NDArray[Any]:
        """Its content in an image or plane of SR size, 4 side x 4 side pixels."""
        top, left, side = (SCALE * value for value in (self.top, self.left, self.side))
        return image[top : top + side, left : left + side]


def nearest(lr: Pixels) -> Pixels:
    """An image with each pixel repeated 4 x 4 times, shape (4 height, 4 width, 3)."""
    return lr.repeat(SCALE, axis=0).repeat(SCALE, axis=1)


def window_sums(values: NDArray[Any], side: int) -> NDArray[Any]:
    """Sum of a plane over every window, by summed areas; exact for integers.

    Parameters
    ----------
    values : ndarray of shape (4 height, 4 width)
        One number per SR pixel.
    side : int
        Side of the windows, LR pixels, 1 to the smaller of height and width.

    Returns
    -------
    ndarray of shape (height - side + 1, width - side + 1)
        By first row and first column of the window, LR pixels.
    """
    height, width = values.shape[0] // SCALE, values.shape[1] // SCALE
    blocks = values.reshape(height, SCALE, width, SCALE).sum(axis=(1, 3))
    areas = np.zeros((height + 1, width + 1), blocks.dtype)
    areas[1:, 1:] = blocks.cumsum(axis=0).cumsum(axis=1)
    return areas[side:, side:] - areas[:-side, side:] - areas[side:, :-side] + areas[:-side, :-side]


def disagreement(images: Sequence[Pixels]) -> NDArray[np.int64]:
    """Variance between n SR images in each pixel, summed over channels, times n squared: whole numbers.

    Parameters
    ----------
    images : sequence of n ndarray of shape (height, width, 3), uint8

    Returns
    -------
    ndarray of shape (height, width), int64
        0 where all images are equal.
    """
    stack = np.stack(images).astype(np.int64)
    squared: NDArray[np.int64] = len(stack) * np.square(stack).sum(axis=0) - np.square(stack.sum(axis=0))
    return squared.sum(axis=-1)


def disputed_window(scene: Scene, side: int) -> Window:
    """The window over which the variance between the rows is greatest, the first of equals.

    `side` is in LR pixels and at most the image's smaller side. A single row is compared with bicubic.
    """
    # paper: Fig. 6 how crops were chosen is not said; the place where the rows differ most needs no taste.
    images = list(scene.restored.values())
    if len(images) < 2:
        images.append(bicubic(scene.lr))
    return greatest(window_sums(disagreement(images), side), side)


def greatest(scores: NDArray[Any], side: int) -> Window:
    """Window with the greatest score, from scores by first row and first column."""
    top, left = np.unravel_index(int(scores.argmax()), scores.shape)
    return Window(int(top), int(left), side)


def fitting_side(scene: Scene, side: int) -> int:
    """The wanted side of a window, or the image's smaller side if that is less; LR pixels."""
    return min(side, *scene.lr.shape[:2])


def fixed_window(scene: Scene, crop: Sequence[int], side: int, option: str) -> Window:
    """The window that the config names by (left, top), LR pixels.

    Raises
    ------
    DegcraftError
        It does not lie in the image; `option` is where the config names it.
    """
    left, top = crop
    height, width = scene.lr.shape[:2]
    if not (0 <= left <= width - side and 0 <= top <= height - side):
        raise DegcraftError(
            f"{option}.crop: [{left}, {top}] with side {side} leaves image {scene.name} of {width} x {height} LR "
            f"pixels; left from 0 to {width - side} and top from 0 to {height - side} are needed; write crop: auto"
        )
    return Window(top, left, side)


def file_name(image: str, row: str) -> str:
    """Name of a crop's file; what is not safe in a file name becomes a hyphen.

    Examples
    --------
    >>> file_name("china", "crafted (dct)")
    'china-crafted-dct.png'
    """
    return f"{image}-{re.sub(r'[^A-Za-z0-9._]+', '-', row).strip('-')}.png"


def comparison_table(
    scenes: Sequence[Scene],
    draws: Mapping[str, str],
    absent: Mapping[str, str],
    crop: Crop,
    side: int,
    border: int,
    option: str,
) -> tuple[pd.DataFrame, dict[str, Pixels]]:
    """Crops of every image and row, and what they measure (paper, Figs. 6, 7 and 10 to 13).

    Parameters
    ----------
    scenes : sequence of Scene
        The images, in the order of the figure.
    draws : mapping from str to str
        Draw of each row.
    absent : mapping from str to str
        Why a row is not there.
    crop : "auto" or (left, top)
        Place of the crop, LR pixels; auto: where the variance between rows is greatest.
    side : int
        Side of the crop, LR pixels, >= 1; at most the image's own.
    border : int
        Pixels cut from each side before the PSNR of bicubic, as the metrics of the rows do.
    option : str
        Section of the config that asks for this, for messages.

    Returns
    -------
    table : DataFrame
        Columns `COLUMNS`: per image a line for the whole LR image, then the crops of LR,
        bicubic, each row and the truth. ``psnr_y`` is over the whole image, ``psnr_crop``
        over the crop, both on luma in dB and missing without truth; top, left and side
        are in LR pixels. An absent row is one line without numbers and with a note.
    images : dict from str to ndarray, uint8, RGB
        By the table's column ``file``: the LR image as it is; crops of 4 side x 4 side pixels.

    Raises
    ------
    DegcraftError
        A fixed crop lies outside an image, or two crops would have one file name.
    """
    lines: list[dict[str, Any]] = []
    images: dict[str, Pixels] = {}
    for scene in scenes:
        fitting = fitting_side(scene, side)
        window = (
            disputed_window(scene, fitting) if isinstance(crop, str) else fixed_window(scene, crop, fitting, option)
        )
        for row, pixels, numbers in _cuts(scene, window, border):
            file = file_name(scene.name, row)
            if file in images:
                raise DegcraftError(f"{option}: two crops are named {file}; rename row {row}, image {scene.name}")
            images[file] = np.ascontiguousarray(pixels)
            line = {"image": scene.name, "row": row, "draw": draws.get(row), **numbers, "file": file}
            lines.append({**line, "top": window.top, "left": window.left, "side": window.side})
    lines += [{"row": row, "draw": draws.get(row), "note": note} for row, note in absent.items()]
    return pd.DataFrame(lines, columns=list(COLUMNS)).astype(dict.fromkeys(("top", "left", "side"), "Int64")), images


def _cuts(scene: Scene, window: Window, border: int) -> list[tuple[str, Pixels, dict[str, float]]]:
    """Row, pixels and PSNR of all that the figure shows of one image."""
    enlarged = bicubic(scene.lr)
    cuts: list[tuple[str, Pixels, dict[str, float]]] = [(WHOLE, scene.lr, {}), (LR, window.cut(nearest(scene.lr)), {})]
    for row, image in {BICUBIC: enlarged, **scene.restored}.items():
        numbers = {}
        if scene.truth is not None:
            measured = psnr_y(enlarged, scene.truth, border) if row == BICUBIC else scene.psnr_y.get(row, np.nan)
            numbers = {"psnr_y": measured, "psnr_crop": psnr(luma(window.cut(image)), luma(window.cut(scene.truth)))}
        cuts.append((row, window.cut(image), numbers))
    if scene.truth is not None:
        cuts.append((TRUTH, window.cut(scene.truth), {}))
    return cuts
