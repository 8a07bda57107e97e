"""Image files as users have them: with alpha, grey, 16 bits, pages, EXIF and colour profile, none of it lost.

XMP, text chunks, thumbnails and the layers of image editors are not kept: they describe the file that was read.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from degcraft import encoders, images
from degcraft.errors import DegcraftError

Samples = NDArray[Any]  # uint8 or uint16

_CONVERT = "convert the image to .png first"


@dataclass(frozen=True)
class Picture:
    """One image, or one page of a file, upright.

    Attributes
    ----------
    colours : ndarray of shape (height, width, 3), uint8 or uint16
        RGB, 0 to 255 or 65535; three equal channels where `grey`.
    alpha : ndarray of shape (height, width), same dtype, or None
        Opacity; it multiplies no colour.
    grey : bool
        Whether the file holds one channel; it is written as one.
    exif : bytes or None
        As Pillow has it, without orientation and what describes the layout of the file.
    icc : bytes or None
        Colour profile, which the numbers in `colours` follow.

    Examples
    --------
    >>> Picture(np.zeros((2, 3, 3), np.uint16)).alpha is None
    True
    """

    colours: NDArray[Any]
    alpha: NDArray[Any] | None = None
    grey: bool = False
    exif: bytes | None = None
    icc: bytes | None = None


@dataclass(frozen=True)
class _Format:
    name: str
    side: int  # most pixels that a side may have
    deep: bool = False  # 16 bits
    alpha: bool = False


_JPEG, _TIFF = _Format("JPEG", 65_535), _Format("TIFF", 2**31 - 1, deep=True, alpha=True)
_FORMATS = {
    ".png": _Format("PNG", 2**31 - 1, deep=True, alpha=True),
    ".jpg": _JPEG,
    ".jpeg": _JPEG,
    ".tif": _TIFF,
    ".tiff": _TIFF,
    ".webp": _Format("WEBP", 16_383, alpha=True),
    ".bmp": _Format("BMP", 32_767),
}
_OPTIONS: dict[str, dict[str, Any]] = {
    "PNG": {"compress_level": 3},  # a fifth larger than the best, and several times as fast
    "JPEG": {"quality": 95, "subsampling": "4:4:4"},
    "WEBP": {"lossless": True, "exact": True},  # else WebP halves the resolution of colour
    "BMP": {},
}
_KIND_OF_PAGE, _COPY_OR_MASK = 254, 0b101  # reduced copies and masks of other pages
_EXIF, _GPS, _INTEROPERABILITY = 0x8769, 0x8825, 0xA005
_WIDE, _HIGH = 0xA002, 0xA003  # size of the image, within the EXIF directory
# Tags of TIFF that say where and how the samples lie, and what would be wrong of another image: thumbnails, profile
# (kept beside), the state of image editors, XMP.
_LAYOUT = {*range(254, 260), *range(262, 267), *range(273, 275), *range(277, 282), 284, *range(288, 294), 297, 301}
_LAYOUT |= {*range(317, 331), *range(332, 348), *range(512, 522), *range(529, 533), 700, 34377, 34675, 37724}


def read_picture(path: str | Path) -> Picture:
    """Read an image file of one page; see `read_pages`.

    Examples
    --------
    >>> picture = read_picture(images.packaged("camera"))
    >>> picture.colours.shape, picture.grey
    ((512, 512, 3), True)
    """
    pages = read_pages(path)
    picture = next(pages)
    if next(pages, None) is not None:
        raise DegcraftError(f"{path}: several pages, one is needed; use read_pages")
    return picture


def read_pages(path: str | Path) -> Iterator[Picture]:
    """Read a PNG, JPEG, TIFF, BMP or WebP file page by page; only TIFF has more than one.

    A single bit becomes grey, palettes become colours, and the colour that a header
    declares transparent becomes alpha. Reduced copies among the pages of a TIFF are
    passed over.

    Raises
    ------
    DegcraftError
        The file cannot be read, is damaged or cut short, has more than about 179 million
        pixels, or holds what has no exact RGB values: CMYK, Lab, floating point, 32 bits.
    """
    with images.readable(path):
        content = Path(path).read_bytes()
        pages = list(_pages(content))
    for number in pages:
        with images.readable(path):
            picture = _read(content, number)
        yield picture


def _pages(content: bytes) -> Iterator[int]:
    """Numbers of the pages that are pictures of their own."""
    first = images.opened(content)
    for number in range(getattr(first, "n_frames", 1) if first.format == "TIFF" else 1):
        image = images.opened(content, number)
        if number and getattr(image, "tag_v2", {}).get(_KIND_OF_PAGE, 0) & _COPY_OR_MASK:
            continue
        images.check(image, pages=True)
        yield number


def _read(content: bytes, number: int) -> Picture:
    samples = images.samples(content, number)
    image = images.opened(content, number)
    icc = image.info.get("icc_profile")
    image.load()  # PNG may hold EXIF after its samples
    exif = _described(image.getexif())
    channels = samples.shape[2]
    colours = samples[..., : channels - 1] if channels % 2 == 0 else samples
    return Picture(
        np.ascontiguousarray(np.broadcast_to(colours, (*samples.shape[:2], 3))),
        np.ascontiguousarray(samples[..., -1]) if channels % 2 == 0 else None,
        channels < 3,
        exif.tobytes() if len(exif) else None,
        icc or None,
    )


def _described(exif: Image.Exif) -> Image.Exif:
    """What is true of the picture whatever its file: a copy in the byte order of Intel."""
    kept = Image.Exif()
    kept.endian = "<"
    for tag, value in exif.items():
        if tag not in _LAYOUT | {_EXIF, _GPS, _INTEROPERABILITY}:
            kept[tag] = _bytes(value)
    for tag in (_EXIF, _GPS):
        directory = {key: _bytes(value) for key, value in exif.get_ifd(tag).items() if key != _INTEROPERABILITY}
        if directory:
            kept[tag] = directory
    return kept


def _bytes(value: Any) -> Any:
    """Text that is no ASCII as the bytes that it was, of which Pillow makes Latin-1."""
    return value.encode("latin-1", "replace") if isinstance(value, str) and not value.isascii() else value


def write_picture(path: str | Path, picture: Picture) -> None:
    """Write an image file; see `write_pages`.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_picture(f"{folder}/deep.png", Picture(np.full((2, 3, 3), 40_000, np.uint16)))
    ...     int(read_picture(f"{folder}/deep.png").colours.max())
    40000
    """
    write_pages(path, [picture])


def write_pages(path: str | Path, pictures: Iterable[Picture]) -> None:
    """Write an image file in the format that its suffix names: as it is, except for JPEG, of quality 95 and 4:4:4.

    Parameters
    ----------
    path : path
        Ends in .png, .jpg, .jpeg, .tif, .tiff, .webp or .bmp; BMP holds neither EXIF nor profile.
    pictures : iterable of Picture
        One; TIFF takes several, one at a time in memory.

    Raises
    ------
    DegcraftError
        The format holds no such picture; see `check_format`.
    """
    path, pages = Path(path), iter(pictures)
    if _format(path) is _TIFF:
        with path.open("w+b") as file:
            try:
                encoders.write_tiff(file, ((_samples(picture), _sized(picture), picture.icc) for picture in pages))
            except OverflowError:
                raise DegcraftError(f"{path}: more than 4 GB, which TIFF cannot hold; {_CONVERT}") from None
        return
    picture = next(pages)
    if next(pages, None) is not None:
        raise DegcraftError(f"{path}: several pages, which only TIFF holds; write .tif")
    check_format(path, picture)
    if picture.colours.dtype == np.uint16:
        with path.open("wb") as file:
            encoders.write_png16(file, _samples(picture), _sized(picture), picture.icc)
        return
    samples, kind = _samples(picture), _format(path).name
    kept = {"exif": _sized(picture).tobytes()} if picture.exif else {}
    profile = {"icc_profile": picture.icc} if picture.icc else {}
    image = Image.fromarray(samples[..., 0] if samples.shape[2] == 1 else np.ascontiguousarray(samples))
    image.save(path, kind, **_OPTIONS[kind], **kept, **profile)


def check_format(path: str | Path, picture: Picture, scale: int = 1) -> None:
    """Refuse a picture that, `scale` times as large, the format of `path` cannot hold.

    Raises
    ------
    DegcraftError
        No such format, or one without 16 bits or alpha, or with fewer pixels.
    """
    form, found = _format(Path(path)), ""
    height, width = scale * picture.colours.shape[0], scale * picture.colours.shape[1]
    if picture.colours.dtype == np.uint16 and not form.deep:
        found = "16 bits per sample"
    elif picture.alpha is not None and not form.alpha:
        found = "an alpha channel"
    elif max(height, width) > form.side:
        found = f"{width} x {height} pixels, more than {form.side} on a side"
    elif form.name == "BMP" and 4 * height * width > encoders.MOST:
        found = "more than 4 GB"
    if found:
        raise DegcraftError(f"{path}: {found}, which {form.name} cannot hold; {_CONVERT}")


def _format(path: Path) -> _Format:
    if path.suffix.lower() not in _FORMATS:
        raise DegcraftError(f'{path}: unknown kind "{path.suffix}"; use one of {", ".join(_FORMATS)}')
    return _FORMATS[path.suffix.lower()]


def _samples(picture: Picture) -> Samples:
    """All channels, shape (height, width, 1 to 4)."""
    colours = picture.colours[..., :1] if picture.grey else picture.colours
    return colours if picture.alpha is None else np.concatenate([colours, picture.alpha[..., None]], axis=2)


def _sized(picture: Picture) -> Image.Exif:
    """EXIF of a picture, in which its own size stands."""
    exif = Image.Exif()
    exif.load(picture.exif or b"")
    kept = _described(exif)
    directory = exif.get_ifd(_EXIF)
    if _WIDE in directory or _HIGH in directory:
        kept[_EXIF] = {**kept[_EXIF], _HIGH: picture.colours.shape[0], _WIDE: picture.colours.shape[1]}
    return kept
