"""Texture data sets on disk, one folder per class: their images, classes and split."""

from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from degcraft.errors import DegcraftError
from degcraft.images import decode
from degcraft.inputs import SUFFIXES
from degcraft.streams import stream

_LINES = 20  # problems told in full
_LAYOUTS = "one folder of images per class, or the folders images and labels of MINC-2500"

Split = tuple[list[Path], list[Path]]  # images for training, images held out


class Listing(NamedTuple):
    """Images of a texture data set, class by class, in a fixed order.

    Attributes
    ----------
    classes : tuple of str
        Names of the classes, at least two.
    files : tuple of Path
        Image files.
    labels : tuple of int
        Class of each file, an index of `classes`.
    held_out : tuple of bool
        Whether the file is kept from training, to measure the accuracy.
    """

    classes: tuple[str, ...]
    files: tuple[Path, ...]
    labels: tuple[int, ...]
    held_out: tuple[bool, ...]


def list_textures(folder: Path, seed: int) -> Listing:
    """List a texture data set.

    Parameters
    ----------
    folder : Path
        Class folders ``<class>/*.jpg`` (any image suffix, direct children only), of which
        one image in ten of each class, at least one, is held out. Or MINC-2500: images
        named in ``labels/train1.txt`` are for training, those of ``labels/validate1.txt``
        are held out; ``categories.txt``, where there is one, lists the classes.
    seed : int
        Seed of the run; chooses what is held out of plain class folders.

    Returns
    -------
    Listing
        Every class has images for training and images held out.

    Raises
    ------
    DegcraftError
        No such folder, fewer than two classes, a class without images on either side,
        or label files that do not fit the images.
    """
    if not folder.is_dir():
        raise DegcraftError(
            f"{folder}: {'not a folder' if folder.exists() else 'not found'}; textures are needed there: {_LAYOUTS}; "
            "correct the option textures of the extractor, or set its folder with --config data=FOLDER"
        )
    minc = (folder / "images").is_dir() and (folder / "labels").is_dir()
    splits = _minc(folder) if minc else _plain(folder, seed)
    _refuse_unfit(folder, splits)
    rows = [
        (file, label, held_out)
        for label, split in enumerate(splits.values())
        for held_out, files in zip((False, True), split, strict=True)
        for file in files
    ]
    files, labels, held_out = zip(*rows, strict=True)
    return Listing(tuple(splits), files, labels, held_out)


def _plain(folder: Path, seed: int) -> dict[str, Split]:
    """Split of each class folder."""
    classes = sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))
    return {path.name: _split(path, seed) for path in classes}


def _split(folder: Path, seed: int) -> Split:
    files = sorted(
        file
        for file in folder.iterdir()
        # Hidden files may have an image's suffix and be none (macOS: ._name.jpg).
        if file.suffix.lower() in SUFFIXES and not file.name.startswith(".") and file.is_file()
    )
    # paper: 4.1 the split of the textures is not stated, and changes nothing but the accuracy that is reported.
    count = min(len(files), max(1, len(files) // 10))
    chosen = set(stream(seed, "pretrain", "held-out", folder.name).permutation(len(files))[:count].tolist())
    return (
        [file for number, file in enumerate(files) if number not in chosen],
        [file for number, file in enumerate(files) if number in chosen],
    )


def _minc(folder: Path) -> dict[str, Split]:
    """Split of each class of MINC-2500, its first."""
    sides = [_labelled(folder, folder / "labels" / name) for name in ("train1.txt", "validate1.txt")]
    both = sorted(set(sides[0]) & set(sides[1]))
    if both:
        raise DegcraftError(
            f"{folder / 'labels'}: {len(both)} images are in train1.txt and in validate1.txt, the first is {both[0]}; "
            "an image is needed on one side only; remove its line from one of them"
        )
    stated = folder / "categories.txt"
    found = sorted({PurePosixPath(line).parts[1] for side in sides for line in side})
    classes = _lines(stated) if stated.is_file() else found
    unknown = sorted(set(found) - set(classes))
    if unknown:
        raise DegcraftError(
            f"{stated}: does not list {', '.join(unknown[:4])}, which the label files name; every class is needed "
            "there, one a line; add it, or remove the file to take the classes of the label files"
        )
    splits: dict[str, Split] = {name: ([], []) for name in classes}
    for number, side in enumerate(sides):
        for line in side:
            splits[PurePosixPath(line).parts[1]][number].append(folder / line)
    return splits


def _labelled(folder: Path, labels: Path) -> list[str]:
    """Lines of a label file, each of an image that is there."""
    lines = _lines(labels)
    for line in lines:
        parts = PurePosixPath(line).parts
        if len(parts) != 3 or parts[0] != "images" or ".." in parts:
            raise DegcraftError(
                f'{labels}: "{line}" found; lines such as images/brick/brick_001968.jpg are needed; correct the line, '
                f"or, for plain class folders, name {folder / 'images'}"
            )
    missing = [line for line in lines if not (folder / line).is_file()]
    if missing:
        raise DegcraftError(
            f"{labels}: {len(missing)} of {len(lines)} images are missing, the first is {missing[0]}; unpack the whole "
            "data set again, or remove their lines"
        )
    return lines


def _lines(path: Path) -> list[str]:
    """Lines of a text file, stripped, without empty ones."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise DegcraftError(
            f"{path}: cannot be read ({error}); MINC-2500 has this file; unpack it again, or, for plain class folders, "
            f"name {path.parent.parent / 'images'}"
        ) from error
    return [line.strip() for line in text.splitlines() if line.strip()]


def _refuse_unfit(folder: Path, splits: Mapping[str, Split]) -> None:
    if len(splits) < 2:
        found = f"the one class {next(iter(splits))}" if splits else "no class"
        raise DegcraftError(
            f"{folder}: {found}; at least two classes are needed: {_LAYOUTS}; correct the option textures of the "
            "extractor"
        )
    small = [
        f"{name} ({len(training)} for training, {len(held_out)} held out)"
        for name, (training, held_out) in splits.items()
        if not training or not held_out
    ]
    if small:
        more = [f"and {len(small) - _LINES} more"] if len(small) > _LINES else []
        raise DegcraftError(
            f"{folder}: {len(small)} of {len(splits)} classes lack images: {', '.join([*small[:_LINES], *more])}; at "
            "least one for training and one held out are needed; add images, or remove the class"
        )


def decoded(listing: Listing, smallest: int) -> Iterator[NDArray[np.uint8]]:
    """Images of a listing, one by one; at the end, all that cannot be used in one message.

    Parameters
    ----------
    listing : Listing
        What to read.
    smallest : int
        Side of the smallest image that can be used, pixels.

    Yields
    ------
    ndarray of shape (height, width, 3), uint8
        RGB.

    Raises
    ------
    DegcraftError
        Images that are damaged or too small.
    """
    problems: list[str] = []
    for file in listing.files:
        try:
            image = decode(file)
        except DegcraftError as error:
            problems.append(str(error))
            continue
        if min(image.shape[:2]) < smallest:
            found = f"{image.shape[1]} x {image.shape[0]} pixels, patches have {smallest} x {smallest}"
            problems.append(f"{file}: {found}; take it out, or lower the option patch of pretrain")
        elif not problems:
            yield image
    if problems:
        more = [f"and {len(problems) - _LINES} more"] if len(problems) > _LINES else []
        title = f"{len(problems)} of {len(listing.files)} textures cannot be used"
        raise DegcraftError("\n  ".join([title, *problems[:_LINES], *more]))
