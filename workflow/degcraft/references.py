"""Which windows of real images are good references: textured, hardly flat or saturated, free of overlaid text."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from degcraft.crops import details, luma_of, window_sums
from degcraft.phrases import counted

_GRID = 8  # pixels: references keep to the grid of JPEG's blocks, which quality is estimated from
_AT_ONCE = 4_000_000  # pixels that are measured at a time
_KEPT = 64  # windows of an image, the most detailed ones
_BOX = 4  # pixels: means over boxes of this side tell shapes from noise
_STEP = 2.0  # grey levels between neighbouring boxes: less is flat
_NOISE = 0.9  # and so is less than this share of the noise's standard deviation
_ALIKE = 6.0  # grey levels, mean over a thumbnail: windows at one place that differ by less show the same
_THUMBNAIL = 6


@dataclass(frozen=True)
class Limits:
    """Largest shares of a good window's pixels that are flat, saturated, or part of something overlaid."""

    flat: float
    saturated: float
    overlaid: float


# In order of what is given up: see `choose_references`.
_GOOD = Limits(0.5, 0.02, 0.01)
_RELAXED = {
    "more flat areas": Limits(0.8, 0.02, 0.01),
    "saturated areas": Limits(0.8, 0.25, 0.01),
    "hardly any texture": Limits(1, 1, 0.01),
    "text, logos or borders that stay in place": Limits(1, 1, 1),
}


@dataclass
class Windows:
    """Windows of one image, most detailed first.

    Attributes
    ----------
    size : (int, int)
        Height and width of the image.
    places : ndarray of shape (n, 2), int
        First row and first column of each window.
    flat, saturated, overlaid : ndarray of shape (n,), float64
        Shares of its pixels, 0 to 1.
    thumbnails : ndarray of shape (n, 6, 6), float32
        Luma without its mean, grey levels.
    """

    size: tuple[int, int]
    places: NDArray[np.int64]
    flat: NDArray[np.float64]
    saturated: NDArray[np.float64]
    thumbnails: NDArray[np.float32]
    overlaid: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))


@dataclass(frozen=True)
class Choice:
    """Chosen windows as (image, top, left), and sentences on what had to be given up."""

    places: list[tuple[int, int, int]]
    notes: list[str]


def measured(image: NDArray[np.uint8], side: int, solid: NDArray[np.bool_] | None = None) -> Windows:
    """Measure the most detailed windows of an image, on a grid without overlap that keeps to multiples of 8 pixels.

    Parameters
    ----------
    image : ndarray of shape (height, width, 3), uint8
        RGB.
    side : int
        Side of the windows, pixels.
    solid : ndarray of shape (height, width), bool, optional
        Where the image is opaque; windows that are not wholly so are left out.

    Returns
    -------
    Windows
        At most 64, all where the image is smaller than a window: none.

    Notes
    -----
    Flat are pixels at which means over 4 x 4 pixels change by less than 2 grey levels to the next box, or by
    less than what noise alone may do. Saturated are pixels with a channel at 0 or 255.

    Examples
    --------
    >>> image = np.full((16, 32, 3), 90, np.uint8)
    >>> image[4:12, 20:28] = 180
    >>> windows = measured(image, 16)
    >>> windows.places.tolist(), windows.saturated.tolist()
    ([[0, 16], [0, 0]], [0.0, 0.0])
    """
    size = image.shape[0], image.shape[1]
    rows, columns = size[0] // side, size[1] // side
    top, left = ((length - length // side * side) // 2 // _GRID * _GRID for length in size)
    step = max(_AT_ONCE // (side * size[1]), 1)
    bands = [
        _band(image, top + side * row, min(step, rows - row), left, columns, side, solid)
        for row in range(0, rows if columns else 0, step)
    ]
    if not bands:
        return Windows(size, np.zeros((0, 2), np.int64), np.zeros(0), np.zeros(0), np.zeros((0, 6, 6), np.float32))
    detail, places, flat, saturated, thumbnails = (np.concatenate(part) for part in zip(*bands, strict=True))
    order = np.argsort(-detail, kind="stable")[:_KEPT]
    return Windows(size, places[order], flat[order], saturated[order], thumbnails[order])


def _band(
    image: NDArray[np.uint8],
    top: int,
    rows: int,
    left: int,
    columns: int,
    side: int,
    solid: NDArray[np.bool_] | None,
) -> tuple[NDArray[Any], ...]:
    """Detail, places, flat and saturated shares and thumbnails of the best windows of some rows of windows."""
    part = np.s_[top : top + rows * side, left : left + columns * side]
    plane = luma_of(image[part])
    detail = details(plane, side)
    order = np.argsort(-detail, kind="stable")
    if solid is not None:
        order = order[window_sums(~solid[part], side)[order] == 0]
    order = order[:_KEPT]
    limits = ((image[part] == 0) | (image[part] == 255)).any(axis=2)
    inside = np.stack([side * (order // columns), side * (order % columns)], axis=1)
    return (
        detail[order],
        inside + np.array([top, left]),
        window_sums(_flat(plane), side)[order] / side**2,
        window_sums(limits, side)[order] / side**2,
        _thumbnails(plane, inside, side),
    )


def noise_of(plane: NDArray[np.float32]) -> float:
    """Standard deviation of the noise of a plane, grey levels: from the median of its finest diagonal differences."""
    even = plane[: plane.shape[0] // 2 * 2, : plane.shape[1] // 2 * 2]
    diagonal = (even[::2, ::2] - even[1::2, ::2] - even[::2, 1::2] + even[1::2, 1::2]) / 2
    return float(np.median(np.abs(diagonal)) / 0.6745)  # of a normal distribution: MAD = .6745 sd


def _flat(plane: NDArray[np.float32]) -> NDArray[np.bool_]:
    means = ndimage.uniform_filter(plane, _BOX, mode="nearest")
    down, right = np.abs(means - np.roll(means, -_BOX, 0)), np.abs(means - np.roll(means, -_BOX, 1))
    down[-_BOX:], right[:, -_BOX:] = down[-2 * _BOX : -_BOX], right[:, -2 * _BOX : -_BOX]
    flat: NDArray[np.bool_] = np.hypot(down, right) < max(_STEP, _NOISE * noise_of(plane))
    return flat


def _thumbnails(plane: NDArray[np.float32], places: NDArray[np.int64], side: int) -> NDArray[np.float32]:
    small = np.empty((len(places), _THUMBNAIL, _THUMBNAIL), np.float32)
    ends = np.linspace(0, side, _THUMBNAIL, endpoint=False).astype(int)
    for number, (top, left) in enumerate(places):
        window = plane[top : top + side, left : left + side]
        sums = np.add.reduceat(np.add.reduceat(window, ends, 0), ends, 1)
        counts = np.diff([*ends, side])
        small[number] = sums / np.outer(counts, counts)
    return small - small.mean(axis=(1, 2), keepdims=True)


def overlaid(windows: Windows, places: NDArray[np.bool_] | None, side: int) -> None:
    """Note which shares of windows lie on something that stays in place; see `overlays.Overlays`."""
    windows.overlaid = np.zeros(len(windows.places))
    if places is not None:
        for number, (top, left) in enumerate(windows.places):
            windows.overlaid[number] = places[top : top + side, left : left + side].mean()


def choose_references(windows: list[Windows], count: int, least: int, rng: np.random.Generator) -> Choice:
    """Choose up to `count` good windows: one of each image in a random order, then a second of each, and so on.

    A window is good if at most 50 % of it are flat, 2 % saturated and 1 % overlaid with something that stays in
    place. Windows that show what a chosen one at the same place shows (a still camera) come after all others.
    Only while there are fewer than `least`, others are taken, in this order: up to 80 % flat; up to 25 %
    saturated; any but overlaid ones; any.

    Parameters
    ----------
    windows : list of Windows
        One per image, all with their overlaid shares.
    count, least : int
        How many windows at most, and how many are worth giving something up for.
    rng : numpy.random.Generator
        Order of the images.

    Returns
    -------
    Choice
        Fewer than `least` places when the images hold no more windows.
    """
    order = rng.permutation(len(windows)).tolist()
    chosen = _Chosen(windows)
    notes = []
    chosen.fill(order, _GOOD, count, fresh=True)
    varied = len(chosen.places)
    chosen.fill(order, _GOOD, count, fresh=False)
    if (repeated := len(chosen.places) - varied) > 0:
        notes.append(
            f"{repeated} of {len(chosen.places)} crops show what others of the same place show: the images have "
            "little variety."
        )
    for given_up, limits in _RELAXED.items():
        before = len(chosen.places)
        chosen.fill(order, limits, least, fresh=False)
        if len(chosen.places) > before:
            notes.append(f"Good windows were too few, so {len(chosen.places) - before} crops have {given_up}.")
    without = len(windows) - len({image for image, _, _ in chosen.places})
    if without and len(chosen.places) < count:
        notes.append(f"{without} of {counted(len(windows), 'image')} gave no crop: none of their windows is good.")
    return Choice(chosen.places, notes)


class _Chosen:
    """Windows chosen so far."""

    def __init__(self, windows: list[Windows]) -> None:
        self.windows = windows
        self.places: list[tuple[int, int, int]] = []
        self._taken: set[tuple[int, int]] = set()
        self._shown: dict[tuple[tuple[int, int], int, int], list[NDArray[np.float32]]] = {}

    def fill(self, order: list[int], limits: Limits, count: int, *, fresh: bool) -> None:
        """Take windows within `limits` in rounds over the images until there are `count`, or no more."""
        waiting = {image: self._candidates(image, limits, self._is_fresh if fresh else None) for image in order}
        while waiting and len(self.places) < count:
            for image in list(waiting):
                number = next(waiting[image], None)
                if number is None:
                    del waiting[image]
                elif len(self.places) < count:
                    self._take(image, number)

    def _candidates(self, image: int, limits: Limits, passes: Callable[[int, int], bool] | None) -> Iterator[int]:
        here = self.windows[image]
        within = (here.flat <= limits.flat) & (here.saturated <= limits.saturated) & (here.overlaid <= limits.overlaid)
        for number in np.flatnonzero(within).tolist():
            if (image, number) not in self._taken and (passes is None or passes(image, number)):
                yield number

    def _is_fresh(self, image: int, number: int) -> bool:
        mine = self.windows[image].thumbnails[number]
        return all(np.abs(mine - other).mean() >= _ALIKE for other in self._shown.get(self._place(image, number), []))

    def _place(self, image: int, number: int) -> tuple[tuple[int, int], int, int]:
        top, left = self.windows[image].places[number].tolist()
        return self.windows[image].size, top, left

    def _take(self, image: int, number: int) -> None:
        self._taken.add((image, number))
        place = self._place(image, number)
        self._shown.setdefault(place, []).append(self.windows[image].thumbnails[number])
        self.places.append((image, place[1], place[2]))
