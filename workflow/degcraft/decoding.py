"""Video files opened, their frames decoded, and what their colours mean: YUV to RGB and back."""

from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import av
import numpy as np
from av.container import InputContainer, OutputContainer
from av.error import FFmpegError
from av.stream import Disposition
from av.video.frame import VideoFrame
from av.video.reformatter import Interpolation
from av.video.stream import VideoStream
from numpy.typing import NDArray

from degcraft.errors import DegcraftError

Pixels = NDArray[np.uint8]

# Playlists, and other files that are named as videos and make FFmpeg open further files or addresses, are no format
# of this list.
_FORMATS = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpeg,mpegvideo,mpegts,asf"
_MOST_PIXELS = 36_000_000  # of a frame, as in 8K; a small file may claim to be of any size
_SAFE = {"protocol_whitelist": "file", "format_whitelist": _FORMATS, "max_pixels": str(_MOST_PIXELS)}
_THREADS = 4  # each holds frames
_RATES = (Fraction(1, 1000), Fraction(1000))  # frames per second that are believed
_STILL = Disposition.attached_pic | Disposition.timed_thumbnails
_EXACT = (
    Interpolation.BICUBIC | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INT | Interpolation.FULL_CHR_H_INP
)

# Codes of ISO/IEC 23091-2, and swscale's number of the matrix of each.
_BT709, _UNSPECIFIED, _BT601 = 1, 2, 6
_MATRICES = {_BT709: 1, 4: 4, 5: 5, _BT601: 5, 7: 7, 9: 9}
_HDR = {16: "PQ", 18: "HLG"}
_STUDIO, _FULL = 1, 2
_HD = 720  # rows


class Colours(NamedTuple):
    """How the samples of a video mean colours.

    Attributes
    ----------
    layout : str
        Of the samples that are written for it: yuv420p, yuv422p or yuv444p.
    matrix, range, primaries, transfer : int
        Codes of ISO/IEC 23091-2; range: 1 for 16 to 235, 2 for 0 to 255.
    """

    layout: str
    matrix: int
    range: int
    primaries: int
    transfer: int


@contextmanager
def opened(path: str | Path) -> Iterator[InputContainer]:
    """Open a video for reading; what the decoder complains about becomes a plain message.

    Raises
    ------
    DegcraftError
        Not a video, or a damaged one.
    """
    try:
        # The protocol is named, for a name with a colon would be taken for one. Titles may be in any encoding.
        with av.open(f"file:{path}", options=_SAFE, metadata_errors="replace") as container:
            yield container
    except av.error.MemoryError:
        # FFmpeg's own limit for one field of a file; more was not asked of the system.
        raise DegcraftError(
            f"{path}: damaged, some number in it would take gigabytes of memory; check that it plays, or replace it "
            "with a whole copy"
        ) from None
    except (FFmpegError, FileNotFoundError) as error:
        raise DegcraftError(
            f"{path}: not a video that can be read, or a damaged one ({error.strerror}); check that it plays, or "
            "replace it with a whole copy"
        ) from error


@contextmanager
def created(path: Path, kind: str, options: dict[str, str]) -> Iterator[OutputContainer]:
    """Open a video for writing in the container format `kind`; equal content gives equal bytes."""
    with av.open(f"file:{path}", "w", format=kind, options={"fflags": "+bitexact", **options}) as container:
        yield container


def pictures(container: InputContainer) -> VideoStream:
    """The track of moving pictures, which covers and thumbnails are not.

    Raises
    ------
    DegcraftError
        There is none.
    """
    name = container.name.removeprefix("file:")
    for stream in container.streams.video:
        if stream.disposition & _STILL or stream.codec_context is None:  # of a codec that nobody knows
            continue
        if stream.width * stream.height > _MOST_PIXELS:
            raise DegcraftError(
                f"{name}: frames of {stream.width} x {stream.height}; at most {_MOST_PIXELS // 10**6} megapixels are "
                "read; reduce it, or save its frames as images"
            )
        return stream
    raise DegcraftError(f"{name}: no video track; needed is a video file; check that it plays")


def rate_of(stream: VideoStream) -> Fraction:
    """Frames per second, on average; 25 where the file says nothing that can be true."""
    for rate in (stream.average_rate, stream.guessed_rate):
        if rate and _RATES[0] <= rate <= _RATES[1]:
            return rate
    return Fraction(25)


def unit_of(stream: VideoStream) -> Fraction:
    """Seconds in one unit of a track's times."""
    return stream.time_base or Fraction(1)


def step_of(stream: VideoStream) -> int:
    """Units of a track's times from one frame to the next, on average."""
    return max(round(1 / (rate_of(stream) * unit_of(stream))), 1)


def decoded(path: str | Path) -> Iterator[VideoFrame]:
    """Frames as the decoder gives them, in the order of their times.

    Raises
    ------
    DegcraftError
        Not a video, a damaged one, HDR, or one whose frames change their size.
    """
    with opened(path) as container:
        stream = pictures(container)
        stream.thread_type = "AUTO"
        stream.codec_context.thread_count = _THREADS
        stream.codec_context.options = {"max_pixels": str(_MOST_PIXELS)}
        size = None
        for number, frame in enumerate(container.decode(stream)):
            found = upright_size(frame)
            size = size or found
            if found != size:
                raise DegcraftError(
                    f"{path}: frame {number} has {found[0]} x {found[1]} pixels, those before {size[0]} x "
                    f"{size[1]}; one size is needed; cut the video there"
                )
            if frame.color_trc in _HDR:
                raise DegcraftError(
                    f"{path}: HDR video ({_HDR[frame.color_trc]}), whose colours have no 8-bit RGB values; convert it "
                    "to standard dynamic range"
                )
            # What says nothing known says nothing: the conversion of such frames fails.
            if frame.colorspace not in _MATRICES:
                frame.colorspace = _UNSPECIFIED
            if frame.color_range not in (_STUDIO, _FULL):
                frame.color_range = 0
            yield frame


def timed(path: str | Path) -> Iterator[tuple[int, VideoFrame]]:
    """Frames with their times in units of the track, which rise; where the file gives none, one rate holds."""
    with opened(path) as container:
        step = step_of(pictures(container))
    last = None
    for frame in decoded(path):
        time = frame.pts if frame.pts is not None else 0 if last is None else last + step
        if last is not None and time <= last:
            time = last + 1
        last = time
        yield time, frame


def upright_size(frame: VideoFrame) -> tuple[int, int]:
    """Width and height of a frame when it is upright."""
    return (frame.height, frame.width) if _turns(frame) % 2 else (frame.width, frame.height)


def _turns(frame: VideoFrame) -> int:
    """Quarter turns counter-clockwise that bring a frame upright; none where the file says what is no angle."""
    return frame.rotation // 90 % 4 if abs(frame.rotation) <= 360 else 0


def colours(frame: VideoFrame) -> Colours:
    """How the samples of a frame mean colours.

    Where the file does not say which matrix holds, it is that of BT.709 for frames of 720 lines and
    more, else that of BT.601, as players take it; where it does not say the range, 16 to 235.
    """
    matrix = frame.colorspace
    if matrix not in _MATRICES:
        matrix = _BT709 if frame.height >= _HD else _BT601
    full = frame.color_range == _FULL or frame.format.name.startswith("yuvj")
    components = frame.format.components
    across, down = 1, 1
    if len(components) > 1 and not frame.format.is_rgb:
        across, down = frame.width // max(components[1].width, 1), frame.height // max(components[1].height, 1)
    layout = {(1, 1): "yuv444p", (2, 1): "yuv422p"}.get((across, down), "yuv420p")
    if len(components) == 1:
        layout = "yuv420p"
    return Colours(layout, matrix, _FULL if full else _STUDIO, frame.color_primaries, frame.color_trc)


def rgb(frame: VideoFrame) -> Pixels:
    """Pixels of a frame, upright: shape (height, width, 3), uint8, RGB."""
    means = colours(frame)
    plain = frame.format.is_rgb or (len(frame.format.components) == 1 and means.range == _FULL)
    if plain:
        pixels = frame.reformat(format="rgb24").to_ndarray()
    else:
        pixels = frame.reformat(
            format="rgb24",
            src_colorspace=_MATRICES[means.matrix],
            src_color_range=means.range,
            dst_color_range=_FULL,
            interpolation=_EXACT,
        ).to_ndarray()
    return np.ascontiguousarray(np.rot90(pixels, _turns(frame)))


def yuv(pixels: Pixels, means: Colours) -> VideoFrame:
    """A frame of RGB pixels (height, width, 3), uint8, as samples that mean the same colours."""
    return VideoFrame.from_ndarray(pixels, "rgb24").reformat(
        format=means.layout,
        src_color_range=_FULL,
        dst_colorspace=_MATRICES[means.matrix],
        dst_color_range=means.range,
        interpolation=_EXACT,
    )
