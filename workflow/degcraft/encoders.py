"""Image formats in variants that Pillow does not write: PNG of 16 bits, and TIFF of any samples, pages and tags."""

import struct
import zlib
from collections.abc import Iterable, Iterator
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Samples = NDArray[Any]  # (height, width, channels), uint8 or uint16: grey, grey and alpha, RGB, RGB and alpha

MOST = 2**32 - 1  # bytes that offsets in TIFF and BMP can count
_STRIP = 1 << 20  # bytes that are compressed at a time, about
_STARTS = 273  # tag of the places of strips
_LEVEL = 3  # of zlib: a little larger than the best, and several times as fast


def write_png16(file: IO[bytes], samples: Samples, exif: Image.Exif, icc: bytes | None) -> None:
    """Write a PNG of 16 bits per sample (PNG specification, third edition).

    Parameters
    ----------
    file : binary file
    samples : ndarray of shape (height, width, 1 to 4), uint16
        Alpha multiplies no colour.
    exif : PIL.Image.Exif
        Not written where it is empty.
    icc : bytes or None
        Colour profile.
    """
    height, width, channels = samples.shape
    kind = {1: 0, 2: 4, 3: 2, 4: 6}[channels]
    file.write(b"\x89PNG\r\n\x1a\n")
    _chunk(file, b"IHDR", struct.pack(">IIBBBBB", width, height, 16, kind, 0, 0, 0))
    if icc:
        _chunk(file, b"iCCP", b"ICC profile\0\0" + zlib.compress(icc))
    if len(exif):
        _chunk(file, b"eXIf", exif.tobytes().removeprefix(b"Exif\0\0"))
    packer, step = zlib.compressobj(_LEVEL), 2 * channels
    for strip in _strips(samples):
        rows = np.ascontiguousarray(strip, dtype=">u2").view(np.uint8).reshape(len(strip), -1)
        lines = np.empty((len(strip), 1 + rows.shape[1]), np.uint8)
        lines[:, 0] = 1  # filter: each byte as its difference from the same byte of the pixel before
        lines[:, 1 : 1 + step] = rows[:, :step]
        lines[:, 1 + step :] = rows[:, step:] - rows[:, :-step]
        if packed := packer.compress(lines.data):
            _chunk(file, b"IDAT", packed)
    _chunk(file, b"IDAT", packer.flush())
    _chunk(file, b"IEND", b"")


def write_tiff(file: IO[bytes], pages: Iterable[tuple[Samples, Image.Exif, bytes | None]]) -> None:
    """Write a TIFF (revision 6.0), deflated with differences of neighbours, a page at a time.

    Parameters
    ----------
    file : binary file
        Can be sought in.
    pages : iterable of (samples, exif, icc)
        As `write_png16`, of 8 or 16 bits; EXIF has the byte order of Intel, and becomes tags of the page.

    Raises
    ------
    OverflowError
        More than 4 GB.
    """
    file.write(b"II*\0" + bytes(4))
    link = 4  # where the place of the next directory is to be written
    for samples, exif, icc in pages:
        starts, sizes = [], []
        for strip in _strips(samples):
            values = strip.astype(f"<u{strip.itemsize}")
            values[:, 1:] -= strip[:, :-1]
            starts.append(file.tell())
            sizes.append(file.write(zlib.compress(values.data, _LEVEL)))
        _tag(exif, samples, sizes, icc)
        file.write(bytes(file.tell() % 2))
        place = file.tell()
        if place + (1 << 26) > MOST:  # a directory is far smaller than 64 MB
            raise OverflowError
        directory = bytearray(exif.tobytes(place)[14:])  # after "Exif", two zeros, and the header of a file
        (count,) = struct.unpack_from("<H", directory)
        for entry in range(2, 2 + 12 * count, 12):
            tag, _, number, values = struct.unpack_from("<HHLL", directory, entry)
            if tag == _STARTS:  # Pillow takes them to be counted from the end of the directory
                struct.pack_into(f"<{number}L", directory, values - place if number > 1 else entry + 8, *starts)
        file.write(directory)
        file.seek(link)
        file.write(struct.pack("<L", place))
        file.seek(0, 2)
        link = place + 2 + 12 * count


def _tag(exif: Image.Exif, samples: Samples, sizes: list[int], icc: bytes | None) -> None:
    """Add to a page's tags how its samples lie."""
    height, width, channels = samples.shape
    exif[256], exif[257] = width, height
    exif[258] = (8 * samples.itemsize,) * channels
    exif[259] = 8  # compression: deflate
    exif[262] = 1 if channels < 3 else 2  # grey where 0 is black, or RGB
    exif[_STARTS], exif[279] = (0,) * len(sizes), tuple(sizes)
    exif[277] = channels
    exif[278] = _rows(samples)
    exif[284] = 1  # channels of a pixel side by side
    exif[317] = 2  # differences of horizontal neighbours
    if channels % 2 == 0:
        exif[338] = 2  # the last channel is alpha, and multiplies no colour
    if icc:
        exif[34675] = icc


def _rows(samples: Samples) -> int:
    """Rows of a strip."""
    return min(len(samples), max(1, _STRIP // samples[0].nbytes))


def _strips(samples: Samples) -> Iterator[Samples]:
    rows = _rows(samples)
    for top in range(0, len(samples), rows):
        yield samples[top : top + rows]


def _chunk(file: IO[bytes], kind: bytes, body: bytes) -> None:
    file.write(struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)))
