"""Whether a blurred background stays blurred: gradients along one line through every row (paper, Fig. 8)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from degcraft.degradations import SCALE
from degcraft.evidence.crops import (
    BICUBIC,
    TRUTH,
    Crop,
    Pixels,
    Scene,
    Window,
    file_name,
    fitting_side,
    fixed_window,
    greatest,
    window_sums,
)
from degcraft.interpolation import bicubic
from degcraft.metrics import gradient_magnitude, luma, psnr_y

HORIZONTAL, VERTICAL = "horizontal", "vertical"
COLUMNS = (
    *("row", "draw", "position", "luma", "gradient", "psnr_y", "image", "top", "left", "side"),
    *("direction", "line", "file", "note"),
)
_EMPTY, _SMOOTH = 0.25, 0.1  # shares of the windows that count as empty, and of the rest as smooth
_COUNTS = ("position", "top", "left", "side", "line")

Plane = NDArray[np.float64]


@dataclass(frozen=True)
class Line:
    """A line through a window: horizontal or vertical, and its row or column in the window, HR pixels."""

    direction: str
    line: int

    def along(self, plane: Plane) -> Plane:
        """Values of a window's plane on the line, left to right or top to bottom."""
        return plane[self.line] if self.direction == HORIZONTAL else plane[:, self.line]


def disputed_background(scene: Scene, side: int) -> Window:
    """The smooth but not empty window in which the rows' gradients differ most.

    Both are measured on the luma of the truth (of bicubic where there is none). Not empty: its variance in
    the window is not among the lowest quarter of all windows. Smooth: its mean squared gradient is among
    the lowest tenth of those; squares make a single edge count. Among these the variance of the gradient
    magnitude between the rows decides; a single row is compared with bicubic.

    Parameters
    ----------
    scene : Scene
        The image and its rows.
    side : int
        Side of the window, LR pixels, at least 1 and at most the image's smaller side.
    """
    # paper: Fig. 8 how the crop was chosen is not said; a blurred background changes its luma, but nowhere steeply.
    reference = luma(_reference(scene))
    steepness = window_sums(np.square(gradient_magnitude(reference)), side)
    pixels = (SCALE * side) ** 2
    variance = window_sums(np.square(reference), side) / pixels - np.square(window_sums(reference, side) / pixels)
    filled = variance >= np.quantile(variance, _EMPTY)
    chosen = filled & (steepness <= np.quantile(steepness[filled], _SMOOTH))
    rows = list(scene.restored.values()) if len(scene.restored) > 1 else [*scene.restored.values(), bicubic(scene.lr)]
    dispute = np.var([gradient_magnitude(luma(image)) for image in rows], axis=0)
    return greatest(np.where(chosen, window_sums(dispute, side), -1.0), side)


def steepest_line(plane: Plane) -> Line:
    """The row or column in the middle half of a window along which its values change most.

    The first of equals, rows before columns. Lines near the border belong to what surrounds the window.
    """
    vertical, horizontal = (np.abs(one) for one in np.gradient(plane))
    first = len(plane) // 4
    across, down = (means[first : len(plane) - first] for means in (horizontal.mean(axis=1), vertical.mean(axis=0)))
    if across.max() >= down.max():
        return Line(HORIZONTAL, first + int(across.argmax()))
    return Line(VERTICAL, first + int(down.argmax()))


def sharpness_table(
    scene: Scene, draws: Mapping[str, str], absent: Mapping[str, str], crop: Crop, side: int, border: int, option: str
) -> tuple[pd.DataFrame, dict[str, Pixels]]:
    """Luma and gradient of every row along one line through a smooth background (paper, Fig. 8).

    Parameters
    ----------
    scene : Scene
        The image and its rows.
    draws : mapping from str to str
        Draw of each row.
    absent : mapping from str to str
        Why a row is not there.
    crop : "auto" or (left, top)
        Place of the crop, LR pixels; auto: see `disputed_background`.
    side : int
        Side of the crop, LR pixels, >= 1; at most the image's own.
    border : int
        Pixels cut from each side before the PSNR of bicubic, as the metrics of the rows do.
    option : str
        Section of the config that asks for this, for messages.

    Returns
    -------
    table : DataFrame
        Columns `COLUMNS`: bicubic, each row and the truth, one line per position along the profile
        (HR pixels from the window's border); luma (16 to 235) and length of its gradient (grey levels
        per HR pixel); top, left and side in LR pixels; direction, and line: its row or column in the
        crop, HR pixels. The line is that along which the truth (bicubic without it) changes most.
    images : dict from str to ndarray of shape (4 side, 4 side, 3), uint8, RGB
        By the table's column ``file``.

    Raises
    ------
    DegcraftError
        A fixed crop lies outside the image.
    """
    fitting = fitting_side(scene, side)
    window = (
        disputed_background(scene, fitting) if isinstance(crop, str) else fixed_window(scene, crop, fitting, option)
    )
    line = steepest_line(window.cut(luma(_reference(scene))))
    place: dict[str, Any] = {"image": scene.name, "top": window.top, "left": window.left, "side": window.side}
    parts, images = [], {}
    for row, image in _rows(scene).items():
        file = file_name(scene.name, row)
        images[file] = np.ascontiguousarray(window.cut(image))
        names = {"row": row, "draw": draws.get(row), "psnr_y": _measured(scene, row, border), "file": file}
        parts.append(_profile(image, window, line).assign(**names, **place))
    parts.append(pd.DataFrame([{"row": row, "draw": draws.get(row), "note": note} for row, note in absent.items()]))
    joined = pd.concat([part for part in parts if len(part)], ignore_index=True)
    return joined.reindex(columns=list(COLUMNS)).astype(dict.fromkeys(_COUNTS, "Int64")), images


def _reference(scene: Scene) -> Pixels:
    return bicubic(scene.lr) if scene.truth is None else scene.truth


def _rows(scene: Scene) -> dict[str, Pixels]:
    truth = {} if scene.truth is None else {TRUTH: scene.truth}
    return {BICUBIC: bicubic(scene.lr), **scene.restored, **truth}


def _measured(scene: Scene, row: str, border: int) -> float:
    if scene.truth is None or row == TRUTH:
        return float("nan")
    return psnr_y(bicubic(scene.lr), scene.truth, border) if row == BICUBIC else scene.psnr_y.get(row, float("nan"))


def _profile(image: Pixels, window: Window, line: Line) -> pd.DataFrame:
    plane = luma(image)
    profile: dict[str, Any] = {
        "luma": line.along(window.cut(plane)),
        "gradient": line.along(window.cut(gradient_magnitude(plane))),
        "direction": line.direction,
        "line": line.line,
    }
    return pd.DataFrame(profile).rename_axis("position").reset_index()
