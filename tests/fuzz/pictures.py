"""Whole image files of every kind that degcraft reads, and files that are small and claim to be enormous."""

import struct
import zlib
from io import BytesIO
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray
from PIL import Image

from degcraft.streams import stream

_SIDES = (40, 36)  # height, width: training images have at least 32
_ADAM7 = ((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1))
_PNG = b"\x89PNG\r\n\x1a\n"
_COLOUR = {1: 0, 2: 4, 3: 2, 4: 6}  # PNG's number of a kind, by channels


def pictures() -> list[bytes]:
    """One file of every format, mode and compression, with smooth and rough parts."""
    rgb = _picture()
    pillow = Image.fromarray(rgb)
    exif = pillow.getexif()
    exif[0x0112], exif[0x010F] = 6, "a camera"
    alpha = pillow.copy()
    alpha.putalpha(Image.fromarray(np.full(_SIDES, 255, np.uint8)))
    grey, palette = pillow.convert("L"), pillow.quantize(16)
    found = [_saved(image, "PNG") for image in (pillow, grey, palette, alpha, alpha.convert("LA"), pillow.convert("1"))]
    found += [_saved(palette, "PNG", transparency=3), _saved(pillow, "PNG", transparency=(1, 2, 3), exif=exif)]
    found += [_png(_deep(rgb)[..., :channels]) for channels in (1, 2, 3)] + [_png(rgb, interlaced=True)]
    found += [_saved(pillow, "JPEG", exif=exif), _saved(pillow, "JPEG", progressive=True, subsampling=0)]
    found += [
        _saved(grey, "JPEG"),
        _saved(pillow.convert("CMYK"), "JPEG"),
        _saved(pillow, "JPEG", restart_marker_rows=1),
    ]
    for compression in (None, "tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg"):
        found.append(_saved(pillow, "TIFF", compression=compression))
    found += [_saved(pillow.convert("1"), "TIFF", compression="group4"), _saved(palette, "TIFF"), _saved(alpha, "TIFF")]
    found += [_tiff(rgb, tile=(16, 16)), _tiff(_deep(rgb)), _tiff(_deep(rgb)[..., 0]), _tiff(rgb, bigtiff=True)]
    found += [_tiff(rgb, byteorder=">"), _tiff(rgb.transpose(2, 0, 1), planarconfig="separate"), _tiff(rgb / 255)]
    found += [_saved(image, "BMP") for image in (pillow, grey, palette, pillow.convert("1"), alpha)]
    found += [_saved(pillow, "WEBP", exif=exif), _saved(pillow, "WEBP", lossless=True), _saved(alpha, "WEBP")]
    found += [_saved(pillow, "WEBP", save_all=True, append_images=[grey.convert("RGB")]), _saved(pillow, "GIF")]
    return found


def bombs() -> dict[str, bytes]:
    """Files of at most a megabyte that would fill the memory if they were believed."""
    side = 60_000
    lines = zlib.compress(bytes(200_000_000), 9)
    ihdr = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    small = struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0)
    pixel = _chunk(b"IDAT", zlib.compress(bytes(4)))
    riff = b"WEBPVP8X" + struct.pack("<I", 10) + bytes([0] * 4) + b"\xff\x3f\x00" * 2
    lossless = b"WEBPVP8L" + struct.pack("<IBI", 5, 0x2F, 0x3FFF | 0x3FFF << 14) + b"\0"
    jpeg = b"\xff\xd8\xff\xc0" + struct.pack(">HBHHB", 17, 8, 65500, 65500, 3) + bytes([1, 17, 0, 2, 17, 0, 3, 17, 0])
    bmp = b"BM" + struct.pack("<IIIIiiHHIIiiII", 54, 0, 54, 40, side, side, 1, 24, 0, 0, 0, 0, 0, 0)
    return {
        "png header": _PNG + _chunk(b"IHDR", ihdr) + pixel,
        "png pixels": _PNG + _chunk(b"IHDR", ihdr) + _chunk(b"IDAT", lines) + _chunk(b"IEND", b""),
        "png text": _PNG + _chunk(b"IHDR", small) + _chunk(b"zTXt", b"a\0\0" + lines) + pixel,
        "png profile": _PNG + _chunk(b"IHDR", small) + _chunk(b"iCCP", b"a\0\0" + lines) + pixel,
        "png international text": _PNG + _chunk(b"IHDR", small) + _chunk(b"iTXt", b"a\0\1\0\0\0" + lines) + pixel,
        "tiff": _tiff_header(side, side, 1),
        "tiff lzw": _tiff_header(side, side, 5),
        "tiff of one long line": _tiff_header(2**31 - 1, 1, 1),
        "webp canvas": b"RIFF" + struct.pack("<I", len(riff)) + riff,
        "webp lossless": b"RIFF" + struct.pack("<I", len(lossless)) + lossless,
        "jpeg": jpeg + b"\xff\xd9",
        "bmp": bmp,
    }


def _picture() -> NDArray[np.uint8]:
    rng = stream(0, "fuzz", "picture")
    ramp = np.linspace(0, 200, _SIDES[0] * _SIDES[1] * 3).reshape(*_SIDES, 3)
    rough = rng.uniform(0, 55, (*_SIDES, 3)) * (np.arange(_SIDES[1]) > 20)[None, :, None]
    return (ramp + rough).astype(np.uint8)


def _deep(rgb: NDArray[np.uint8]) -> NDArray[np.uint16]:
    deep = rgb.astype(np.uint16) * 257
    deep[..., 1] = 65535  # the alpha channel, where there are two
    return deep


def _saved(image: Image.Image, kind: str, **options: Any) -> bytes:
    buffer = BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def _tiff(samples: NDArray[Any], **options: Any) -> bytes:
    buffer = BytesIO()
    written = {key: options.pop(key) for key in ("bigtiff", "byteorder") if key in options}
    colour = "minisblack" if samples.ndim == 2 else "rgb"
    tifffile.imwrite(buffer, samples, photometric=colour, metadata=None, **written, **options)
    return buffer.getvalue()


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def _png(samples: NDArray[Any], interlaced: bool = False) -> bytes:
    """A PNG of 8 or 16 bits, which Pillow cannot write with 16 bits of colour, nor interlaced."""
    height, width, channels = samples.shape
    bits = samples.dtype.itemsize * 8
    passes = _ADAM7 if interlaced else ((0, 0, 1, 1),)
    parts = [
        samples[top::down, left::right].astype(samples.dtype.newbyteorder(">")) for top, left, down, right in passes
    ]
    raw = b"".join(b"\0" + line.tobytes() for part in parts if part.size for line in part)
    header = struct.pack(">IIBBBBB", width, height, bits, _COLOUR[channels], 0, 0, int(interlaced))
    return _PNG + _chunk(b"IHDR", header) + _chunk(b"IDAT", zlib.compress(raw)) + _chunk(b"IEND", b"")


def _tiff_header(width: int, height: int, compression: int) -> bytes:
    """A TIFF with nothing but its tags, and eight bytes of a strip."""
    tags = [
        (256, width),
        (257, height),
        (258, 8),
        (259, compression),
        (262, 2),
        (273, 8),
        (277, 3),
        (278, height),
        (279, 8),
    ]
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags)
    return b"II*\0" + struct.pack("<I", 16) + bytes(8) + struct.pack("<H", len(tags)) + entries + bytes(4)
