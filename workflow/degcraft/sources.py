"""The images of an application, one at a time: from image files, pages of TIFFs, videos and packaged photographs."""

import hashlib
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from degcraft.crops import luma_of
from degcraft.errors import DegcraftError
from degcraft.filenames import Names
from degcraft.images import packaged
from degcraft.inputs import is_video
from degcraft.interpolation import reduced
from degcraft.pictures import Picture, read_pages

Pixels = NDArray[np.uint8]

_CONSTANT = 1.5  # grey levels: a standard deviation below shows nothing, whatever the noise
_LINES = 20  # problems told in full


@dataclass(frozen=True)
class Source:
    """A file that images come from.

    Attributes
    ----------
    file : Path
        Where it lies.
    shown : str
        What it is called in tables and messages.
    name : str
        Unique, safe as a file name.
    number : int
        Its place among all, in the order in which they were given.
    """

    file: Path
    shown: str
    name: str
    number: int


@dataclass(frozen=True)
class Piece:
    """One image of the material.

    Attributes
    ----------
    source : Source
        Where it is from.
    frame : int or None
        Number of the frame of a video or of the page of a TIFF, from 0; None for files of one image.
    name : str
        Unique, safe as a file name.
    pixels : ndarray of shape (height, width, 3), uint8
        RGB.
    solid : ndarray of shape (height, width), bool, or None
        Where it is opaque; None if it is so everywhere.
    """

    source: Source
    frame: int | None
    name: str
    pixels: Pixels
    solid: NDArray[np.bool_] | None


def named_sources(files: Sequence[str], photographs: Sequence[str] = ()) -> list[Source]:
    """Sources with names, in the order of these names.

    Parameters
    ----------
    files : sequence of str
        The user's image and video files.
    photographs : sequence of str
        Names of packaged photographs.

    Raises
    ------
    DegcraftError
        No such photograph.
    """
    often = Counter(Path(file).name for file in files)
    paths = [Path(file) for file in files]
    known = [(path, path.name if often[path.name] == 1 else f"{path.parent.name}/{path.name}") for path in paths]
    wishes = [path.stem for path in paths] + list(photographs)
    known += [(packaged(name), f"packaged:{name}") for name in photographs]
    names = Names()
    sources = [
        Source(file, shown, names.new(wish), number)
        for number, ((file, shown), wish) in enumerate(zip(known, wishes, strict=True))
    ]
    return sorted(sources, key=lambda source: source.name)


class Material:
    """All images of an application; iterating reads them, each once, and keeps none in memory.

    The first time, exact duplicates and images that show nothing (black frames) are left out and counted.

    Parameters
    ----------
    sources : sequence of Source
        Where images come from.
    side : int
        Shorter side that images must have, pixels.
    frames : int
        How many frames of a video, at most.
    reduce : int
        Factor by which images are reduced first, >= 1.

    Attributes
    ----------
    duplicates, constant, transparent : int
        Images left out as duplicates or because they show nothing; images with transparent parts.
    kind : str
        images, video, pages, or mixed.
    """

    def __init__(self, sources: Sequence[Source], side: int, frames: int = 1, reduce: int = 1) -> None:
        self.sources, self.side, self.frames, self.reduce = sources, side, frames, reduce
        self.duplicates = self.constant = self.transparent = 0
        self._kinds: set[str] = set()
        self._numbers: dict[Source, list[int]] = {}
        self._kept: list[tuple[Source, int | None, str]] = []

    @property
    def kind(self) -> str:
        """What the sources are, once they were read."""
        return next(iter(self._kinds)) if len(self._kinds) == 1 else "mixed"

    def __iter__(self) -> Iterator[Piece]:
        """Read all images; at the end, all that cannot be used come in one message.

        Raises
        ------
        DegcraftError
            Files that cannot be read, or images that are too small.
        """
        problems: list[str] = []
        seen: set[bytes] = set()
        names = Names()
        for source in self.sources:
            try:
                for frame, pixels, solid in self._read(source, None):
                    if self._is_fit(pixels, solid, seen, source):
                        wish = source.name if frame is None else f"{source.name}-{frame:06d}"
                        self._kept.append((source, frame, names.new(wish)))
                        yield Piece(source, frame, self._kept[-1][2], pixels, solid)
            except DegcraftError as error:
                problems.append(str(error))
        if problems:
            more = [f"and {len(problems) - _LINES} more"] if len(problems) > _LINES else []
            title = f"application: {len(problems)} of {len(self.sources)} files cannot be used"
            raise DegcraftError("\n  ".join([title, *problems[:_LINES], *more]))

    def again(self, numbers: Collection[int]) -> Iterator[tuple[int, Piece]]:
        """Images by their numbers in the order of the first reading, which is over; others are not read if possible."""
        wanted: dict[Source, dict[int | None, int]] = {}
        for number in sorted(numbers):
            source, frame, _ = self._kept[number]
            wanted.setdefault(source, {})[frame] = number
        for source, places in wanted.items():
            for frame, pixels, solid in self._read(source, [frame for frame in places if frame is not None]):
                if frame in places:
                    yield places[frame], Piece(source, frame, self._kept[places[frame]][2], pixels, solid)

    def names(self) -> list[tuple[Source, str]]:
        """Source and name of each image, in the order of the first reading."""
        return [(source, name) for source, _, name in self._kept]

    def _read(
        self, source: Source, wanted: list[int] | None
    ) -> Iterator[tuple[int | None, Pixels, NDArray[np.bool_] | None]]:
        if is_video(source.file.name):
            from degcraft import video

            self._kinds.add("video")
            if wanted is None:
                self._numbers[source] = video.chosen(source.file, self.frames)
            numbers = self._numbers[source] if wanted is None else wanted
            for number, pixels in video.picked(source.file, numbers):
                yield number, reduced(pixels, self.reduce), None
            return
        pages = enumerate(read_pages(source.file))
        first, second = next(pages), next(pages, None)
        self._kinds.add("pages" if second else "images")
        for number, picture in chain([first], [second] if second else [], pages):
            pixels = reduced(_eight_bits(picture), self.reduce)
            yield number if second else None, pixels, _solid(picture, self.reduce)

    def _is_fit(self, pixels: Pixels, solid: NDArray[np.bool_] | None, seen: set[bytes], source: Source) -> bool:
        """Whether an image is used; a duplicate is counted, a small one refused."""
        height, width = pixels.shape[:2]
        if min(height, width) < self.side:
            raise DegcraftError(
                f"{source.shown}: {width} x {height} pixels, smaller than a reference crop; at least {self.side} x "
                f"{self.side} are needed; take it out"
            )
        content = hashlib.sha256(repr(pixels.shape).encode() + pixels.tobytes()).digest()
        repeated, empty = content in seen, float(luma_of(pixels).std()) < _CONSTANT
        seen.add(content)
        self.duplicates += repeated
        self.constant += empty and not repeated
        self.transparent += solid is not None and not repeated and not empty
        return not repeated and not empty


def _eight_bits(picture: Picture) -> Pixels:
    colours = picture.colours
    if colours.dtype == np.uint8:
        return colours
    eight: Pixels = ((colours.astype(np.uint32) + 128) // 257).astype(np.uint8)
    return eight


def _solid(picture: Picture, reduce: int) -> NDArray[np.bool_] | None:
    """Where a reduced picture is opaque with all it was made from; None if everywhere."""
    if picture.alpha is None or (opaque := picture.alpha == np.iinfo(picture.alpha.dtype).max).all():
        return None
    height, width = opaque.shape[0] // reduce, opaque.shape[1] // reduce
    blocks = opaque[: height * reduce, : width * reduce].reshape(height, reduce, width, reduce)
    solid: NDArray[np.bool_] = blocks.all(axis=(1, 3))
    return solid
