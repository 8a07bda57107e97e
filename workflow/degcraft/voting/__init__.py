"""The page on which people rank restored images without knowing which is which (paper, Fig. 9).

One HTML file with everything inside: it asks no server for anything, and saves the votes as a file.
"""

import hashlib
import json
from base64 import b64encode
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import jinja2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from degcraft.errors import DegcraftError
from degcraft.streams import stream

LIMIT = 64  # MiB of a page, which phones still open
MOST = 9  # rows, one per digit key
QUESTION = "Which picture shows the scene best? Put the pictures in order, the best one first."
# What spreadsheet programs take for the begin of a formula; the last four are the wide forms of the first.
FORMULAS = "=+-@\uff1d\uff0b\uff0d\uff20"
_WEBP_SIDE = 16383  # pixels, the greatest side that WebP can hold

Pixels = NDArray[np.uint8]


@dataclass(frozen=True)
class Shown:
    """One image as every row shows it.

    Attributes
    ----------
    name : str
        Name of the image, as it will stand in the votes.
    rows : mapping from str to ndarray of shape (height, width, 3), uint8, RGB
        What is ranked, by the name that it will have in the votes; all of one size.
    lr : ndarray of shape (any height, any width, 3), uint8, RGB, or None
        What the rows were restored from, shown beside them.
    """

    name: str
    rows: Mapping[str, Pixels]
    lr: Pixels | None = None


def page(images: Iterable[Shown], seed: int = 0, question: str = QUESTION) -> str:
    """The voting page as HTML.

    Every image has its rows in an order of its own, and the browser shuffles them again for every voter. Names
    of rows stand nowhere in the text: which picture is of which row is kept under a one-time pad, which hides
    it from whoever looks at the page or its source, though not from whoever takes the script apart.

    Parameters
    ----------
    images : iterable of Shown
        At least one; all with the same rows, 2 to `MOST` of them.
    seed : int
        Decides the orders; the same images and seed give the same page.
    question : str
        What voters are asked.

    Returns
    -------
    str
        HTML with images (lossless), style and script inside.

    Raises
    ------
    DegcraftError
        No image, too few or too many rows, rows of different sizes, a name that a spreadsheet program would
        run or that cannot be printed, or a page above `LIMIT`.
    """
    shown: list[dict[str, Any]] = []
    methods: list[str] = []
    orders: list[list[int]] = []
    for image in images:
        methods = methods or list(image.rows)
        _check(image, methods)
        orders.append(stream(seed, "vote", image.name).permutation(len(methods)).tolist())
        shown.append(_drawn(image, [methods[row] for row in orders[-1]]))
        _check_size(shown)
    if not shown:
        raise DegcraftError("voting page: no images; at least one that all rows have is needed; check the folders")
    data = {"seed": seed, "images": shown, "sealed": _sealed({"methods": methods, "rows": orders}, seed)}
    identity = hashlib.sha256(json.dumps(data, sort_keys=True).encode()).hexdigest()[:16]
    loader = jinja2.PackageLoader("degcraft.voting", "")
    environment = jinja2.Environment(loader=loader, autoescape=True, undefined=jinja2.StrictUndefined)
    return environment.get_template("page.html").render(data={**data, "id": identity}, question=question) + "\n"


def _drawn(image: Shown, methods: Sequence[str]) -> dict[str, Any]:
    """What the script of the page needs of an image, its rows in this order."""
    height, width = image.rows[methods[0]].shape[:2]
    lr = "" if image.lr is None else _embedded(image.lr)
    rows = [_embedded(image.rows[method]) for method in methods]
    return {"name": image.name, "width": width, "height": height, "lr": lr, "rows": rows}


def _check_size(shown: Sequence[dict[str, Any]]) -> None:
    size = sum(len(uri) for image in shown for uri in [image["lr"], *image["rows"]])
    if size > LIMIT * 2**20:
        raise DegcraftError(
            f"voting page: image {len(shown)} makes it larger than {LIMIT} MiB, which phones no longer open; show "
            f"fewer with --images {max(len(shown) - 1, 1)}, or only a part of each with --crop 64"
        )


def _check(image: Shown, methods: Sequence[str]) -> None:
    """Refuse an image that cannot be ranked, or that has not the rows of the first."""
    rows = list(image.rows)
    if not 2 <= len(rows) <= MOST:
        raise DegcraftError(f"voting page: {len(rows)} rows; 2 to {MOST} can be ranked; name so many NAME=FOLDER")
    if rows != list(methods):
        raise DegcraftError(f"image {image.name}: rows {', '.join(rows)}; all images need {', '.join(methods)}")
    for noun, name in [("image", image.name), *(("row", row) for row in rows)]:
        if problem := _name_problem(name):
            raise DegcraftError(f"{noun} {name!r}: {problem}; rename it")
    sizes = {row: f"{pixels.shape[1]} x {pixels.shape[0]}" for row, pixels in image.rows.items()}
    if len(set(sizes.values())) > 1:
        found = ", ".join(f"{row} is {size}" for row, size in sizes.items())
        raise DegcraftError(f"image {image.name}: {found} pixels; one size is needed; restore it again")


def _name_problem(name: str) -> str:
    """Why a name cannot stand in a CSV of votes; "" if it can."""
    if name != name.strip() or not name:
        return "empty, or spaces around it, which a CSV does not keep"
    if name[0] in FORMULAS:
        return f"begins with {name[0]}, so a spreadsheet program would run it as a formula"
    return "" if name.isprintable() else "holds characters that cannot be printed"


def _embedded(pixels: Pixels) -> str:
    """An image as a data URI, lossless and without metadata."""
    buffer = BytesIO()
    if max(pixels.shape) > _WEBP_SIDE:
        Image.fromarray(pixels).save(buffer, "PNG")
        return f"data:image/png;base64,{b64encode(buffer.getvalue()).decode()}"
    Image.fromarray(pixels).save(buffer, "WEBP", lossless=True, method=4)
    return f"data:image/webp;base64,{b64encode(buffer.getvalue()).decode()}"


def _sealed(content: dict[str, Any], seed: int) -> str:
    """A one-time pad followed by JSON under it, base64: readable by the script, not by the eye."""
    text = np.frombuffer(json.dumps(content).encode(), dtype=np.uint8)
    pad = stream(seed, "vote", "pad").integers(0, 256, text.size, dtype=np.uint8)
    return b64encode(pad.tobytes() + (pad ^ text).tobytes()).decode()
