"""Shots of a film, and which frames stand for it: found on small grey thumbnails."""

import heapq

import numpy as np
from numpy.typing import NDArray

THUMBNAIL = (16, 24)  # rows and columns
_CUT = 12.0  # grey levels between two frames of different shots, at least
_RATIO = 4.0  # how far a cut stands out of the changes around it, at least
_AROUND = 8  # frames on either side
_ALIKE = 1.0  # grey levels, mean over a thumbnail: frames that differ by less are one
_PART = 4096  # thumbnails in floating point at a time


def starts(thumbnails: NDArray[np.uint8]) -> list[int]:
    """First frames of the shots of a film.

    A cut is where neighbouring thumbnails, each less its mean (films flicker), differ by more
    than 12 grey levels on average, and four times as much as is usual in the eight frames around.

    Parameters
    ----------
    thumbnails : ndarray of shape (n, 16, 24), uint8
        Grey frames in their order, n >= 1.

    Returns
    -------
    list of int
        Rising, the first is 0.
    """
    changes = np.zeros(len(thumbnails))
    for first in range(0, len(thumbnails), _PART):
        part = thumbnails[max(first - 1, 0) : first + _PART].astype(np.float32)
        part -= part.mean(axis=(1, 2), keepdims=True)
        steps = np.abs(np.diff(part, axis=0)).mean(axis=(1, 2))
        changes[max(first, 1) : max(first, 1) + len(steps)] = steps
    cuts = [0]
    for frame in np.flatnonzero(changes > _CUT).tolist():
        around = np.delete(changes[max(frame - _AROUND, 1) : frame + _AROUND + 1], min(frame - 1, _AROUND))
        if len(around) == 0 or changes[frame] > _RATIO * np.median(around):
            cuts.append(frame)
    return cuts


def spread(cuts: list[int], frames: int, count: int) -> list[int]:
    """Up to `count` frames, evenly spaced in every shot; longer shots have more, and each has one if there are enough.

    Parameters
    ----------
    cuts : list of int
        First frames of the shots, see `starts`.
    frames : int
        Frames of the film.
    count : int
        How many frames, >= 1.

    Returns
    -------
    list of int
        Rising frame numbers, all different.

    Examples
    --------
    >>> spread([0, 10], 40, 4), spread([0, 1, 2, 3], 4, 2)
    ([5, 15, 25, 35], [1, 3])
    """
    lengths = np.diff([*cuts, frames]).tolist()
    if len(cuts) > count:
        return [cuts[shot] + lengths[shot] // 2 for shot in _middles(len(cuts), count)]
    shares = [1] * len(cuts)
    waiting = [(-length / 2, shot) for shot, length in enumerate(lengths) if length > 1]
    heapq.heapify(waiting)
    for _ in range(count - len(cuts)):
        if not waiting:
            break
        _, shot = heapq.heappop(waiting)
        shares[shot] += 1
        if shares[shot] < lengths[shot]:
            heapq.heappush(waiting, (-lengths[shot] / (shares[shot] + 1), shot))
    parts = zip(cuts, lengths, shares, strict=True)
    return [start + frame for start, length, share in parts for frame in _middles(length, share)]


def _middles(length: int, count: int) -> list[int]:
    """Middles of `count` equal parts of `length` places."""
    return [(2 * part + 1) * length // (2 * count) for part in range(count)]


def without_repeats(thumbnails: NDArray[np.uint8], numbers: list[int]) -> list[int]:
    """Those of some frames that differ from all before them, by one grey level of the thumbnail on average.

    Parameters
    ----------
    thumbnails : ndarray of shape (n, 16, 24), uint8
        Grey frames of the whole film.
    numbers : list of int
        Frames to compare.
    """
    kept: list[int] = []
    for number in numbers:
        differences = np.abs(thumbnails[kept].astype(np.int16) - thumbnails[number])
        if not kept or differences.mean(axis=(1, 2)).min() >= _ALIKE:
            kept.append(number)
    return kept
