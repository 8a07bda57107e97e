"""Images inside a page, as data URIs."""

import base64
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from io import BytesIO

from PIL import Image

from degcraft.degradations import SCALE
from degcraft.report.contents import Pixels, Window

QUALITY = 90  # of WebP where a picture is not kept exactly
SHOWN = 160  # LR pixels, the longest side of a window on the page
BUDGET = 5_500_000  # characters of all windows together; the page stays below about 8 MB
_EFFORT = 4  # of WebP's encoder, 0 to 6


@dataclass(frozen=True)
class Shown:
    """A window on the page.

    Attributes
    ----------
    title : str
        What the user calls the image.
    height, width : int
        LR pixels that are shown.
    lr : str
        Data URI, exact.
    rows : dict from str to str
        Data URIs of the enlarged images, by row.
    """

    title: str
    height: int
    width: int
    lr: str
    rows: dict[str, str]


def data_uri(pixels: Pixels, *, exact: bool = False) -> str:
    """An image as WebP in a data URI.

    Parameters
    ----------
    pixels : ndarray of shape (height, width, 3), uint8, RGB
    exact : bool
        Keep every value; else quality 90.
    """
    buffer = BytesIO()
    Image.fromarray(pixels).save(buffer, "WEBP", lossless=exact, quality=QUALITY, method=_EFFORT, exact=exact)
    return f"data:image/webp;base64,{base64.b64encode(buffer.getvalue()).decode('ascii')}"


def shown(windows: Sequence[Window], budget: int = BUDGET) -> list[Shown]:
    """The windows that fit into a page, the first one in any case; of large ones, the middle."""
    chosen: list[Shown] = []
    for window in _encoded(windows):
        budget -= len(window.lr) + sum(map(len, window.rows.values()))
        if budget < 0 and chosen:
            break
        chosen.append(window)
    return chosen


def _encoded(windows: Sequence[Window]) -> Iterator[Shown]:
    for window in windows:
        lr = _middle(window.lr, SHOWN)
        rows = {name: data_uri(_middle(row, SCALE * SHOWN)) for name, row in window.rows.items()}
        yield Shown(window.title, lr.shape[0], lr.shape[1], data_uri(lr, exact=True), rows)


def _middle(image: Pixels, side: int) -> Pixels:
    """The middle of an image, `side` pixels or its whole height and width; LR and SR cuts are of the same place."""
    height, width = (min(length, side) for length in image.shape[:2])
    unit = side // SHOWN
    top, left = (
        (length - part) // unit // 2 * unit for length, part in zip(image.shape[:2], (height, width), strict=True)
    )
    return image[top : top + height, left : left + width]
