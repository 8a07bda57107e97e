"""Whole video files of every kind that degcraft reads, films that claim too much, and playlists named as films."""

import struct
import tempfile
from fractions import Fraction
from functools import cache
from pathlib import Path

import av
import numpy as np

from degcraft.streams import stream

WIDTH, HEIGHT, FRAMES = 32, 24, 6
# Container by its suffix, with codecs of pictures, sound and subtitles.
_KINDS = (
    (".mp4", "libx264", "aac"),
    (".mp4", "libx265", None),
    (".m4v", "mpeg4", None),
    (".mov", "mjpeg", "pcm_s16le"),
    (".mov", "prores_ks", None),
    (".mkv", "libx264", "libopus"),
    (".mkv", "ffv1", "flac"),
    (".webm", "libvpx-vp9", "libopus"),
    (".webm", "libvpx", None),
    (".avi", "mpeg4", "mp3"),
    (".avi", "rawvideo", None),
    (".mpg", "mpeg2video", None),
    (".ts", "libx264", None),
    (".wmv", "wmv2", None),
)
_LAYOUTS = {"mjpeg": "yuvj420p", "prores_ks": "yuv422p10le", "rawvideo": "bgr24"}
HUGE = 16_000  # pixels, of films that claim to be enormous


@cache
def films() -> list[bytes]:
    """One small film of every kind."""
    with tempfile.TemporaryDirectory() as folder:
        return [_film(Path(folder) / f"film{suffix}", codec, sound) for suffix, codec, sound in _KINDS]


def _film(path: Path, codec: str, sound: str | None) -> bytes:
    rng = stream(0, "fuzz", "films")
    scene = np.cumsum(rng.normal(0, 9, (HEIGHT, WIDTH + FRAMES, 3)), axis=1)
    scene = np.clip(scene + 128, 0, 255).astype(np.uint8)
    with av.open(str(path), "w") as container:
        quiet = {"x265-params": "log-level=none"} if codec == "libx265" else {}
        pictures = container.add_stream(codec, rate=25, options=quiet)
        pictures.width, pictures.height, pictures.pix_fmt = WIDTH, HEIGHT, _LAYOUTS.get(codec, "yuv420p")
        tone = container.add_stream(sound, rate=48_000) if sound else None
        for number in range(FRAMES):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(scene[:, number : number + WIDTH]), "rgb24")
            frame.pts, frame.time_base = number, Fraction(1, 25)
            container.mux(pictures.encode(frame))
        container.mux(pictures.encode(None))
        if tone:
            _add_tone(container, tone)
    return path.read_bytes()


def _add_tone(container: av.container.OutputContainer, tone: av.AudioStream) -> None:
    wave = (np.sin(np.arange(48_000 * FRAMES // 25) / 17) * 9000).astype(np.int16)
    frame = av.AudioFrame.from_ndarray(wave[None], format="s16", layout="mono")
    frame.sample_rate, frame.pts, frame.time_base = 48_000, 0, Fraction(1, 48_000)
    for resampled in av.AudioResampler(tone.format, "mono", 48_000).resample(frame):
        container.mux(tone.encode(resampled))
    container.mux(tone.encode(None))


def claims() -> list[bytes]:
    """Films that claim enormous pictures, rates, counts and durations, or no frames; the rest of each is whole."""
    mp4, avi, mkv = films()[0], films()[9], films()[5]
    found = [_patched(mp4, *edit) for edit in _MP4_EDITS]
    found += [_patched(avi, *edit) for edit in _AVI_EDITS]
    sides = b"\xb0\x81" + bytes([WIDTH]), b"\xba\x81" + bytes([HEIGHT])
    huge = mkv.replace(sides[0], b"\xb0\x81\xff").replace(sides[1], b"\xba\x81\xff")
    return [*found, huge, _without_frames(mp4), _raw_avi(HUGE), _mpeg2(16_383)]


# After which four letters, how many bytes on, and what is written there.
_MP4_EDITS = (
    (b"mvhd", 16, struct.pack(">I", 2**32 - 1)),  # duration of the film
    (b"mvhd", 12, struct.pack(">I", 0)),  # units per second
    (b"mdhd", 12, struct.pack(">II", 1, 2**32 - 1)),  # of the track
    (b"mdhd", 12, struct.pack(">II", 2**32 - 1, 1)),
    (b"mdhd", 12, struct.pack(">II", 0, 0)),
    (b"stts", 4, struct.pack(">III", 1, 2**31 - 1, 1)),  # number of frames, and the duration of each
    (b"stts", 4, struct.pack(">III", 1, FRAMES, 2**32 - 1)),
    (b"stts", 4, struct.pack(">III", 1, FRAMES, 0)),
    (b"stsz", 4, struct.pack(">II", 1, 2**31 - 1)),  # size of each frame, and their number
    (b"stsz", 4, struct.pack(">II", 0, 2**32 - 1)),
    (b"stsc", 4, struct.pack(">I", 2**32 - 1)),
    (b"stco", 4, struct.pack(">I", 2**32 - 1)),
    (b"avc1", 24, struct.pack(">HH", 65_535, 65_535)),  # sides of the pictures
    (b"tkhd", 76, struct.pack(">II", 2**32 - 1, 2**32 - 1)),
    (b"elst", 4, struct.pack(">IIi", 1, 2**32 - 1, 0)),
)
_AVI_EDITS = (
    (b"avih", 4, struct.pack("<I", 0)),  # microseconds of a frame
    (b"avih", 20, struct.pack("<I", 2**32 - 1)),  # frames
    (b"strh", 24, struct.pack("<II", 1, 2**32 - 1)),  # frames per second, as a fraction
    (b"strh", 24, struct.pack("<II", 2**32 - 1, 1)),
    (b"strh", 24, struct.pack("<II", 0, 0)),
    (b"strf", 8, struct.pack("<ii", 2**31 - 1, 2**31 - 1)),  # sides
    (b"strf", 8, struct.pack("<ii", -WIDTH, -HEIGHT)),
)


def _patched(content: bytes, letters: bytes, skipped: int, value: bytes) -> bytes:
    place = content.index(letters) + 4 + skipped
    return content[:place] + value + content[place + len(value) :]


def _without_frames(mp4: bytes) -> bytes:
    for letters in (b"stsz", b"stts", b"stsc"):
        place = mp4.index(letters) + 8
        place += 4 if letters == b"stsz" else 0
        mp4 = mp4[:place] + bytes(4) + mp4[place + 4 :]
    return mp4


def _raw_avi(side: int) -> bytes:
    """An AVI of raw pictures of 768 MB, of which 100 bytes are there."""
    raw = films()[10]
    content = _patched(raw, b"strf", 8, struct.pack("<ii", side, side))
    return _patched(content, b"avih", 36, struct.pack("<II", side, side))


def _mpeg2(side: int) -> bytes:
    """A program stream whose sequence headers say the largest sides that there are."""
    content = films()[11]
    sides = struct.pack(">I", (min(side, 4095) << 12 | min(side, 4095)) << 8)[:3]
    return content.replace(b"\0\0\1\xb3" + content.split(b"\0\0\1\xb3", 1)[1][:3], b"\0\0\1\xb3" + sides)


def lists(canary: Path, port: int) -> dict[str, bytes]:
    """Files that make other programs open the file `canary`, or a port of this machine, by the kind of file."""
    url = f"http://127.0.0.1:{port}/film.mp4"
    found = {}
    for name, place in {"file": str(canary), "url": url, "relative": canary.name}.items():
        found |= {
            f"{name}, ffconcat": f"ffconcat version 1.0\nfile '{place}'\n".encode(),
            f"{name}, m3u8": _PLAYLIST.format(place).encode(),
            f"{name}, m3u8 with a key": _PLAYLIST.format("x").replace("#EXTINF", _KEY.format(place)).encode(),
            f"{name}, DASH": _DASH.format(place).encode(),
            f"{name}, dref": _with_reference(place.encode()),
            f"{name}, rtsp": f"rtsp://127.0.0.1:{port}/film\n".encode(),
            f"{name}, sdp": f"v=0\no=- 0 0 IN IP4 127.0.0.1\nc=IN IP4 127.0.0.1\nm=video {port} RTP/AVP 96\n".encode(),
            f"{name}, smil": f'[playlist]\nFile1={place}\n<smil><video src="{place}"/></smil>'.encode(),
        }
    return found


_PLAYLIST = "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{}\n#EXT-X-ENDLIST\n"
_KEY = '#EXT-X-KEY:METHOD=AES-128,URI="{}"\n#EXTINF'
_DASH = (
    '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" mediaPresentationDuration="PT1S">'
    '<Period><AdaptationSet mimeType="video/mp4"><Representation id="1" bandwidth="1"><BaseURL>{}</BaseURL>'
    "</Representation></AdaptationSet></Period></MPD>"
)


def _with_reference(place: bytes) -> bytes:
    """A QuickTime film whose pictures lie in another file: its data references name that one, in both spellings."""
    mov = films()[3]
    start = mov.index(b"dref") - 4
    (size,) = struct.unpack_from(">I", mov, start)
    name = place + b"\0" * (len(place) % 2)
    path = struct.pack(">HH", 18, len(place)) + name + struct.pack(">HH", 0xFFFF, 0)  # absolute path of an alias
    alias = bytes(4) + struct.pack(">HH", 150 + len(path), 2) + bytes(142) + path
    url = struct.pack(">I4sI", 12 + len(place) + 1, b"url ", 0) + place + b"\0"
    entries = struct.pack(">I4sI", 12 + len(alias), b"alias"[:3] + b"s", 0) + alias + url
    reference = struct.pack(">I4sII", 16 + len(entries), b"dref", 0, 2) + entries
    return _grown(mov[:start] + reference + mov[start + size :], start, len(reference) - size)


def _grown(mov: bytes, place: int, more: int) -> bytes:
    """A film with the sizes of the boxes around `place` raised by what was put in there."""
    content = bytearray(mov)
    for letters in (b"moov", b"trak", b"mdia", b"minf", b"dinf"):
        start = bytes(content).rindex(letters, 0, place) - 4
        struct.pack_into(">I", content, start, struct.unpack_from(">I", content, start)[0] + more)
    return bytes(content)
