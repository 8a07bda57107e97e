"""Videos put together from encoded segments, packet by packet, with the sound and the subtitles of their source."""

import heapq
import json
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

from av.container import InputContainer, OutputContainer
from av.error import FFmpegError
from av.packet import Packet
from av.stream import Stream
from av.video.stream import VideoStream

from degcraft.decoding import created, opened, pictures, step_of, unit_of
from degcraft.errors import DegcraftError
from degcraft.io import damaged, whole_file

FORMATS = {".mp4": "mp4", ".m4v": "mp4", ".mov": "mov", ".mkv": "matroska"}
TIMES = "DEGCRAFT_TIMES"  # metadata of a segment: times of its frames


def times_of(segment: Path) -> list[int]:
    """Times of the frames of a segment, in units of the track of its source.

    Raises
    ------
    DegcraftError
        Not a segment, or a damaged one.
    """
    with opened(segment) as container:
        try:
            return list(json.loads(container.metadata[TIMES]))
        except (KeyError, ValueError) as error:
            raise damaged(segment, error) from error


def join(path: Path, segments: list[Path], output: Path) -> None:
    """Put segments together, with the sound and the subtitles of their source.

    Parameters
    ----------
    path : path
        The source.
    segments : list of path
        H.264 without B-frames, all encoded with the same options; times are in their metadata.
    output : path
        Where the result appears, whole or not at all; its suffix is one of `FORMATS`.

    Raises
    ------
    DegcraftError
        The container does not hold the sound, or cannot be written.
    """
    kind = FORMATS[output.suffix.lower()]
    options = {} if kind == "matroska" else {"movflags": "+faststart"}
    with whole_file(output) as temporary, opened(path) as source, opened(segments[0]) as first:
        try:
            with created(temporary, kind, options) as container:
                moving = container.add_stream_from_template(pictures(first))
                track = pictures(source)
                moving.time_base = track.time_base
                copies = _copied_streams(source, container)
                video = _video_packets(segments, moving, unit_of(track), step_of(track))
                for _, packet in heapq.merge(video, _copied_packets(source, copies), key=lambda item: item[0]):
                    container.mux_one(packet)
        except FFmpegError as error:
            raise DegcraftError(
                f"{output}: the sound or the subtitles of {path} cannot be put into this kind of file "
                f"({error.strerror}); write it as .mkv"
            ) from error


def check_copies(path: Path) -> None:
    """Refuse a video with sound or subtitles that cannot be copied; `join` would, after all the work.

    Raises
    ------
    DegcraftError
        They are of a codec that nobody knows.
    """
    with opened(path) as source:
        for stream in (*source.streams.audio, *source.streams.subtitles):
            if stream.codec_context is None:
                raise DegcraftError(
                    f"{path}: track {stream.index} is {stream.type} of an unknown kind, which cannot be kept; save the "
                    "video without it"
                )


def _copied_streams(source: InputContainer, container: OutputContainer) -> dict[int, Stream]:
    """Tracks of sound and subtitles of the result, by the number of their source."""
    copies: dict[int, Stream] = {}
    for stream in (*source.streams.audio, *source.streams.subtitles):
        copies[stream.index] = container.add_stream_from_template(stream)
        copies[stream.index].metadata.update(stream.metadata)
    return copies


def _video_packets(
    segments: list[Path], stream: VideoStream, base: Fraction, step: int
) -> "Iterator[tuple[float, Packet[Any]]]":
    times = [time for segment in segments for time in times_of(segment)]
    ends = [*times[1:], times[-1] + step]
    number = 0
    for segment in segments:
        with opened(segment) as container:
            for packet in container.demux(pictures(container)):
                if packet.size:
                    packet.stream, packet.time_base = stream, base
                    packet.pts = packet.dts = times[number]
                    packet.duration = ends[number] - times[number]
                    yield float(times[number] * base), packet
                    number += 1


def _copied_packets(source: InputContainer, copies: dict[int, Stream]) -> "Iterator[tuple[float, Packet[Any]]]":
    if not copies:
        return
    for packet in source.demux([source.streams[number] for number in copies]):
        if packet.dts is not None:
            time = float(packet.dts * packet.time_base)
            packet.stream = copies[packet.stream.index]
            yield time, packet
