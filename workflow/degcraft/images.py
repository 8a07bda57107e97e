"""One image file, whatever its kind, as 8-bit RGB; and where the packaged photographs lie."""

import importlib.util
import logging
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile, ImageOps, UnidentifiedImageError

from degcraft.errors import DegcraftError

# Photographs inside the installed packages, by the name they have in the config: package folder / file.
PACKAGED = {
    "astronaut": "skimage/data/astronaut.png",
    "brick": "skimage/data/brick.png",
    "camera": "skimage/data/camera.png",
    "chelsea": "skimage/data/chelsea.png",
    "china": "sklearn/datasets/images/china.jpg",
    "coffee": "skimage/data/coffee.png",
    "coins": "skimage/data/coins.png",
    "flower": "sklearn/datasets/images/flower.jpg",
    "grace_hopper": "matplotlib/mpl-data/sample_data/grace_hopper.jpg",
    "grass": "skimage/data/grass.png",
    "gravel": "skimage/data/gravel.png",
    "hubble_deep_field": "skimage/data/hubble_deep_field.jpg",
    "ihc": "skimage/data/ihc.png",
    "moon": "skimage/data/moon.png",
    "motorcycle_left": "skimage/data/motorcycle_left.png",
    "retina": "skimage/data/retina.jpg",
    "rocket": "skimage/data/rocket.jpg",
}

_CHANGE = "convert it to 8- or 16-bit RGB or grey, or take it out of the folder"
_CLEAR = "transparent pixels, which have no colour to learn from; flatten it, or take it out of the folder"
_REFUSED = {
    "CMYK": "CMYK inks, which have no exact RGB values",
    "LAB": "CIE Lab values, which have no exact 8-bit RGB values",
    "HSV": "HSV values, which have no exact 8-bit RGB values",
    "F": "floating-point samples, whose white is not defined",
    "I": "signed or 32-bit samples, whose white is not defined",
}
_MOST_PIXELS = 100_000_000  # within 2 GB for every kind; a small file may claim to be of any size
_TOO_LARGE = f"more than {_MOST_PIXELS // 10**6} megapixels; cut or reduce it, or take it out of the folder"
_BAND = 256  # rows that are rounded at a time
_TIFF_BITS, _TIFF_PHOTOMETRIC, _TIFF_PLANES = 258, 262, 284
_WHITE_IS_ZERO, _SEPARATE = 0, 2

logging.getLogger("PIL").addHandler(logging.NullHandler())  # what it would log, it raises as well


class _UnfitError(Exception):
    """What was found, and what to do about it."""


def packaged(name: str) -> Path:
    """File of a packaged photograph.

    Raises
    ------
    DegcraftError
        No such photograph, or the package that holds it is not whole.

    Examples
    --------
    >>> packaged("chelsea").name
    'chelsea.png'
    """
    if name not in PACKAGED:
        raise DegcraftError(f"packaged photograph {name}: not known; choose from {', '.join(sorted(PACKAGED))}")
    package, _, inner = PACKAGED[name].partition("/")
    found = importlib.util.find_spec(package)
    for folder in (found.submodule_search_locations or []) if found else []:
        if (Path(folder) / inner).is_file():
            return Path(folder) / inner
    raise DegcraftError(
        f"packaged photograph {name}: {PACKAGED[name]} is not among the installed packages; "
        "install them again: rm -r .venv, then make setup"
    )


def decode(path: str | Path) -> NDArray[np.uint8]:
    """Read a PNG, JPEG, TIFF, BMP or WebP file as RGB.

    Grey and palette images become RGB, 16-bit samples v become round(v / 257), a
    fully opaque alpha channel is dropped, and the orientation noted by a camera
    is applied. Colour profiles are ignored.

    Parameters
    ----------
    path : path
        The image file.

    Returns
    -------
    ndarray of shape (height, width, 3), uint8
        RGB, 0 to 255.

    Raises
    ------
    DegcraftError
        The file cannot be read, is damaged or cut short, or holds what has no
        exact 8-bit RGB values: transparency, CMYK, Lab, floating point, several frames.

    Examples
    --------
    >>> decode(packaged("chelsea")).shape
    (300, 451, 3)
    """
    with readable(path):
        content = Path(path).read_bytes()
        check(opened(content))
        values = samples(content)
        if values.shape[2] % 2 == 0:  # the last channel is alpha
            if values[..., -1].min() < np.iinfo(values.dtype).max:
                raise _UnfitError(_CLEAR)
            values = values[..., :-1]
        if values.dtype != np.uint8:
            values = _rounded(values)
        return np.ascontiguousarray(np.broadcast_to(values, (*values.shape[:2], 3)), dtype=np.uint8)


@contextmanager
def readable(path: str | Path) -> Iterator[None]:
    """Context that reads an image file and tells in one plain message whatever is wrong with it.

    Raises
    ------
    DegcraftError
        Anything was raised inside.
    """
    try:
        with warnings.catch_warnings():
            # Of tags and camera notes that are damaged; the pixels may be whole, and are checked.
            warnings.simplefilter("ignore")
            yield
    except _UnfitError as unfit:
        raise DegcraftError(f"{path}: {unfit}") from None
    except Exception as error:  # Pillow raises almost any kind for a damaged file
        if isinstance(error, OSError) and error.filename is not None:
            raise DegcraftError(f"{path}: cannot be read ({error.strerror}); check the path") from error
        raise DegcraftError(
            f"{path}: damaged or cut short ({str(error) or type(error).__name__}); replace it with a whole copy, "
            "or take it out of the folder"
        ) from error


def samples(content: bytes, page: int = 0) -> NDArray[Any]:
    """Samples of one page of an image file that `check` lets pass, turned as its camera was held.

    Parameters
    ----------
    content : bytes
        The file.
    page : int
        Of those of a TIFF file, from 0.

    Returns
    -------
    ndarray of shape (height, width, channels), uint8 or uint16
        1 channel: grey; 2: grey and alpha; 3: RGB; 4: RGB and alpha. Alpha multiplies no colour. A single bit
        becomes 0 or 255, palettes become their colours.
    """
    image = opened(content, page)
    if image.format == "PNG":
        image.verify()  # checksums; leaves the image unusable
        image = opened(content, page)
    if image.mode.startswith("I;16"):
        return _grey16(image)
    if ";16" in rawmode(image):
        return _colour16(content, page)
    mode = "L" if image.mode in ("1", "L", "LA", "La") else "RGB"
    values = np.asarray(_upright(image).convert(mode + "A" if image.has_transparency_data else mode))
    return values if values.ndim == 3 else values[..., None]


def opened(content: bytes, page: int = 0) -> ImageFile.ImageFile:
    """Image of a file's bytes, its samples not read yet; for use inside `readable`."""
    try:
        image = Image.open(BytesIO(content), formats=["PNG", "JPEG", "TIFF", "BMP", "WEBP"])
    except Image.DecompressionBombError:
        raise _UnfitError(_TOO_LARGE) from None
    except UnidentifiedImageError:
        found = "empty" if not content else "not a whole PNG, JPEG, TIFF, BMP or WebP image of a known kind"
        raise _UnfitError(f"{found}; {_CHANGE}") from None
    if page:
        image.seek(page)
    if image.width * image.height > _MOST_PIXELS:
        raise _UnfitError(_TOO_LARGE)
    return image


def check(image: ImageFile.ImageFile, *, pages: bool = False) -> None:
    """Refuse what has no exact meaning as one RGB picture, or, with `pages`, as a page of RGB; inside `readable`."""
    # The further pictures of a phone's MPO file are previews and depth maps of the first.
    frames = 1 if image.format == "MPO" else getattr(image, "n_frames", 1)
    if frames > 1 and not (pages and image.format == "TIFF"):
        raise _UnfitError(f"{frames} frames or pages, one is needed; save them as separate files")
    if image.mode in _REFUSED:
        raise _UnfitError(f"{_REFUSED[image.mode]}; {_CHANGE}")
    tags = getattr(image, "tag_v2", {})
    bits = set(tags.get(_TIFF_BITS, ()))
    if bits - {1, 2, 4, 8, 16}:
        raise _UnfitError(f"{max(bits)}-bit samples; {_CHANGE}")
    if 16 in bits and tags.get(_TIFF_PLANES) == _SEPARATE:
        raise _UnfitError("16-bit samples in separate colour planes; save it with interleaved colours")


def rawmode(image: ImageFile.ImageFile) -> str:
    """Pillow's name for the layout of the samples in the file, such as RGB;16B."""
    args = image.tile[0].args if image.tile else ""
    return str(args if isinstance(args, str) else args[0]) if args else ""


def _upright(image: ImageFile.ImageFile) -> Image.Image:
    """The loaded image, turned as its camera was held."""
    image.load()
    return ImageOps.exif_transpose(image)


def _grey16(image: ImageFile.ImageFile) -> NDArray[np.uint16]:
    """Samples of a 16-bit grey image, shape (height, width, 1 or 2)."""
    inverted = getattr(image, "tag_v2", {}).get(_TIFF_PHOTOMETRIC) == _WHITE_IS_ZERO
    values = np.asarray(_upright(image)).astype(np.uint16)[..., None]
    return 65535 - values if inverted else _with_alpha(image, values)


def _colour16(content: bytes, page: int) -> NDArray[np.uint16]:
    """Samples of a 16-bit image of several channels, shape (height, width, 2 to 4).

    Pillow keeps only the high byte of each sample. So the file is read twice, the
    second time as if its bytes were in the other order: then the low bytes remain.
    """
    high, low = opened(content, page), opened(content, page)
    # Grey and alpha, four bytes in all, have no other order, but read as RGBA all four remain.
    pair, multiplied = rawmode(high) == "LA;16B", rawmode(high).startswith("RGBa")
    for image in (high, low):  # colours that alpha has multiplied are divided below, with all their bits
        image.tile = [tile._replace(args=_plain(tile.args)) for tile in image.tile]
    low.tile = [tile._replace(args="RGBA" if pair else _other_order(tile.args)) for tile in low.tile]
    bytes_ = np.asarray(_upright(low)).astype(np.uint16)
    if pair:
        return bytes_[..., 0::2] * np.uint16(256) + bytes_[..., 1::2]
    values = np.asarray(_upright(high)).astype(np.uint16) * np.uint16(256) + bytes_
    if multiplied:
        alpha = np.maximum(values[..., 3:].astype(np.uint64), 1)
        values[..., :3] = np.minimum((values[..., :3] * np.uint64(65535) + alpha // 2) // alpha, 65535)
    return _with_alpha(high, values)


def _plain(args: Any) -> Any:
    """Arguments of a Pillow decoder, for samples as they are in the file."""
    return args.replace("RGBa", "RGBA") if isinstance(args, str) else (_plain(args[0]), *args[1:])


def _rounded(samples: NDArray[np.uint16]) -> NDArray[np.uint8]:
    """The 8-bit samples nearest to 16-bit ones."""
    nearest = np.empty(samples.shape, np.uint8)
    for top in range(0, len(samples), _BAND):
        nearest[top : top + _BAND] = (samples[top : top + _BAND].astype(np.uint32) + 128) // 257
    return nearest


def _other_order(args: Any) -> Any:
    """Arguments of a Pillow decoder, for the other order of the two bytes of a sample."""
    if not isinstance(args, str):
        return (_other_order(args[0]), *args[1:])
    native = "L" if sys.byteorder == "little" else "B"
    order = args[-1].replace("N", native)
    return args[:-1] + {"L": "B", "B": "L"}[order]


def _with_alpha(image: Image.Image, values: NDArray[np.uint16]) -> NDArray[np.uint16]:
    """Samples with the alpha of the one colour that a header declares transparent, if it does and the colour occurs."""
    clear = image.info.get("transparency")
    found = clear is not None and np.all(values == clear, axis=-1)
    if not np.any(found):
        return values
    return np.concatenate([values, np.where(found, 0, 65535).astype(np.uint16)[..., None]], axis=2)
