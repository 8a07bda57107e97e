"""Videos: frames as RGB, a sample of them, and the whole film written anew with its sound; no program but this one."""

import hashlib
import itertools
import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from pathlib import Path

import numpy as np
from av.video.frame import VideoFrame
from av.video.reformatter import Interpolation
from numpy.typing import NDArray

from degcraft import records
from degcraft.decoding import (
    colours,
    created,
    decoded,
    opened,
    pictures,
    rate_of,
    rgb,
    timed,
    unit_of,
    upright_size,
    yuv,
)
from degcraft.errors import DegcraftError
from degcraft.inputs import VIDEO_SUFFIXES
from degcraft.io import whole_file
from degcraft.remuxing import FORMATS, TIMES, check_copies, join, times_of
from degcraft.shots import THUMBNAIL, spread, starts, without_repeats

SUFFIXES = VIDEO_SUFFIXES
Pixels = NDArray[np.uint8]

_LONGEST = 16_384  # pixels, sides of frames that H.264's encoder takes
_SEGMENT = 16  # frames: what a killed run loses at most
# Nearly transparent; without B-frames, packets have the order of frames. Another number of threads gives other bytes.
_X264 = {"crf": "12", "preset": "medium", "bf": "0", "threads": "4"}


@dataclass(frozen=True)
class Video:
    """What a video file holds.

    Attributes
    ----------
    path : Path
        The file.
    width, height : int
        Of its frames when they are upright, pixels.
    rate : Fraction
        Frames per second, on average.
    frames : int
        Number of frames.
    seconds : float
        From the first frame to the end of the last.
    sound : bool
        Whether it has sound.
    """

    path: Path
    width: int
    height: int
    rate: Fraction
    frames: int
    seconds: float
    sound: bool


def output_suffix(path: str | Path) -> str:
    """Suffix of the container that `rewritten` writes for a video: its own, or .mkv, which holds everything."""
    suffix = Path(path).suffix.lower()
    return suffix if suffix in FORMATS else ".mkv"


def probe(path: str | Path) -> Video:
    """Look at a video; of its frames, only the first is decoded.

    Parameters
    ----------
    path : path
        A video file.

    Returns
    -------
    Video

    Raises
    ------
    DegcraftError
        Not a video, one without frames, cut short, or HDR.
    """
    first = next(decoded(path), None)
    with opened(path) as container:
        stream, is_avi = pictures(container), container.format.name == "avi"
        packets = shown = there = 0
        times: list[int] = []  # the least and the greatest
        for packet in container.demux(stream):
            packets += packet.size > 0
            # An AVI file counts a frame that repeats the one before, too; no packet comes of it, but times go on.
            there = max(packets, packet.dts + 1 if is_avi and packet.dts is not None else 0, there)
            if packet.size and not packet.is_discard:
                shown += 1
                if packet.pts is not None:
                    times = [min(*times, packet.pts), max(*times, packet.pts)] if times else 2 * [packet.pts]
        if first is None or not packets:
            raise DegcraftError(f"{path}: no frames; a video with at least one is needed; check that it plays")
        if there < stream.frames:
            raise DegcraftError(
                f"{path}: cut short, {there} of {stream.frames} frames are there; replace it with a whole copy"
            )
        rate = rate_of(stream)
        seconds = (times[1] - times[0]) * unit_of(stream) + 1 / rate if times else shown / rate
        return Video(Path(path), *upright_size(first), rate, shown, float(seconds), bool(container.streams.audio))


def frames(path: str | Path, start: int = 0) -> Iterator[Pixels]:
    """Frames of a video, upright.

    Parameters
    ----------
    path : path
        A video file.
    start : int
        Number of the first frame.

    Yields
    ------
    ndarray of shape (height, width, 3), uint8
        RGB, 0 to 255; the matrix and the range of the colours are those that the file names.

    Raises
    ------
    DegcraftError
        Not a video, a damaged one, HDR, or one whose frames change their size.
    """
    yield from map(rgb, itertools.islice(decoded(path), start, None))


def chosen(path: str | Path, count: int) -> list[int]:
    """Rising numbers of up to `count` frames, spread over the shots of a video, without near duplicates."""
    rows, columns = THUMBNAIL
    small = [
        frame.reformat(columns, rows, "gray", interpolation=Interpolation.AREA).to_ndarray() for frame in decoded(path)
    ]
    if not small:
        raise DegcraftError(f"{path}: no frames; a video with at least one is needed; check that it plays")
    thumbnails = np.stack(small).astype(np.uint8)
    return without_repeats(thumbnails, spread(starts(thumbnails), len(thumbnails), count))


def picked(path: str | Path, numbers: list[int]) -> Iterator[tuple[int, Pixels]]:
    """Frames of a video by their rising numbers, one in memory at a time."""
    wanted = set(numbers)
    for number, frame in enumerate(itertools.islice(decoded(path), max(numbers, default=-1) + 1)):
        if number in wanted:
            yield number, rgb(frame)


def sampled(path: str | Path, count: int) -> list[tuple[int, Pixels]]:
    """Up to `count` frames of a video with their numbers, spread over its shots, without near duplicates.

    Parameters
    ----------
    path : path
        A video file.
    count : int
        How many frames, >= 1.

    Returns
    -------
    list of (int, ndarray of shape (height, width, 3), uint8)
        Number of the frame, from 0, and its pixels, RGB.

    Raises
    ------
    DegcraftError
        As `frames`, or there are none.
    """
    return list(picked(path, chosen(path, count)))


def rewritten(
    path: str | Path,
    output: Path,
    change: Callable[[Pixels], Pixels],
    scale: int,
    work: Path,
    told: Callable[[int, int], None],
) -> None:
    """Write a video with every frame changed: H.264, its times, sound, subtitles and colours as they were.

    A killed run continues: every 16 frames become a file in `work`, and at the end these are put
    together without encoding anything twice. `work` must be another for another `change`; what it
    holds of another video is left alone. Frames are written upright, and with 8 bits.

    Parameters
    ----------
    path : path
        A video file.
    output : path
        Where the result appears, whole or not at all: .mp4, .m4v, .mov or .mkv; see `output_suffix`.
    change : function
        From a frame (height, width, 3), uint8, RGB, to one `scale` times as large.
    scale : int
        How many times as large changed frames are, >= 1.
    work : path
        Folder of the segments, which are removed at the end.
    told : function
        Called with the number of frames that are done, and of all, at the start and after every frame.

    Raises
    ------
    DegcraftError
        As `frames`; a container that does not hold the sound; an output that cannot be written.
    """
    if output.suffix.lower() not in FORMATS:
        raise DegcraftError(f"{output}: videos are written as {', '.join(FORMATS)}; give it one of these suffixes")
    film = probe(path)
    if max(film.width, film.height) * scale > _LONGEST:
        raise DegcraftError(
            f"{path}: frames of {film.width} x {film.height}, {scale} times as large; H.264 holds sides of at most "
            f"{_LONGEST} pixels; set reduce, or restore its frames as images"
        )
    check_copies(Path(path))
    folder = work / f"{_digest(Path(path))}-x{scale}"
    segments = list(itertools.takewhile(records.intact, sorted(folder.glob("[0-9]*.mkv"))))
    done = sum(len(times_of(segment)) for segment in segments)
    told(done, film.frames)
    rest = itertools.islice(timed(path), done, None)
    while part := list(itertools.islice(rest, _SEGMENT)):
        segments.append(folder / f"{len(segments):06d}.mkv")
        progress = partial(_told_from, told, done, film.frames)
        _write_segment(segments[-1], part, change, scale, film, progress)
        done += len(part)
    join(Path(path), segments, output)
    shutil.rmtree(folder)
    if not any(work.iterdir()):
        work.rmdir()


def _told_from(told: Callable[[int, int], None], done: int, frames: int, number: int) -> None:
    told(done + number, frames)


def _digest(path: Path) -> str:
    """Hash of a file, without holding it in memory."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:16]


def _write_segment(
    path: Path,
    part: list[tuple[int, VideoFrame]],
    change: Callable[[Pixels], Pixels],
    scale: int,
    film: Video,
    told: Callable[[int], None],
) -> None:
    """Encode some frames, of which the first is a key frame, with their times beside them."""
    means = colours(part[0][1])
    width, height = scale * film.width, scale * film.height
    if width % 2 or height % 2:
        means = means._replace(layout="yuv444p")  # chroma of half the size needs even sides
    with whole_file(path) as temporary, created(temporary, "matroska", {}) as container:
        container.metadata[TIMES] = json.dumps([time for time, _ in part])
        stream = container.add_stream("libx264", rate=film.rate, options=_X264)
        stream.width, stream.height, stream.pix_fmt = width, height, means.layout
        context = stream.codec_context
        context.colorspace, context.color_range = means.matrix, means.range
        context.color_primaries, context.color_trc = means.primaries, means.transfer
        for number, (_, frame) in enumerate(part):
            encoded = yuv(np.ascontiguousarray(change(rgb(frame))), means)
            encoded.pts, encoded.time_base = number, 1 / film.rate
            container.mux(stream.encode(encoded))
            told(number + 1)
        container.mux(stream.encode(None))
