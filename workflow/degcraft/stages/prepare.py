"""One image set: decoded, checked, cut or cropped, and packed."""

import argparse
import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from degcraft import records
from degcraft.crops import choose
from degcraft.errors import DegcraftError
from degcraft.filenames import Names
from degcraft.images import decode, packaged
from degcraft.inputs import SETS, image_files
from degcraft.io import write_json, write_pack
from degcraft.leaves import dead_leaves
from degcraft.stages import enter, say
from degcraft.streams import stream

_SMALLEST = 32  # shorter side of training and test images, HR pixels: 8 LR pixels, one JPEG block
_LEAVES_SIDE = 288  # generated training images, HR pixels
_LINES = 20  # problems told in full

Image = NDArray[np.uint8]


class _Photograph(NamedTuple):
    """An image file, the name it would like to have, and what the index calls it."""

    file: Path
    name: str
    source: str


class _Packed(NamedTuple):
    """What goes into the pack; names are still only wishes."""

    images: Iterable[Image]
    names: list[str]
    sources: list[str]


def run(set_name: str, files: Sequence[str], spec: dict[str, Any], code: str, output: Path) -> None:
    """Prepare one image set.

    References, bins and stability become ``count`` square crops, the most detailed window
    of each image first; test images are cut to multiples of 4; training images
    stay whole. Generated images are added to training images, and fill up crops.

    Parameters
    ----------
    set_name : str
        train, references, bins, stability or test.
    files : sequence of str
        The user's image files.
    spec : dict
        ``seed`` and, in ``prepare``, the set's own section and, for sets of
        crops, ``crop``, HR pixels.
    code : str
        Fingerprint of the code, kept beside the pack.
    output : path
        Folder of the pack.

    Raises
    ------
    DegcraftError
        Images that cannot be used, all of them in one message, or too few of them.
    """
    options = spec["prepare"][set_name]
    records.used_together(f"images of {set_name}", files)
    photographs = [_Photograph(Path(file), Path(file).stem, str(file)) for file in files]
    photographs += [_Photograph(packaged(name), name, f"packaged:{name}") for name in options["packaged"]]
    makers = {"train": _train, "references": _crops, "bins": _crops, "stability": _crops, "test": _test}
    packed = makers[set_name](set_name, photographs, spec)
    if not packed.names:
        raise DegcraftError(
            f"{set_name}: no images; name a folder in prepare.{set_name}.images or a photograph in "
            f"prepare.{set_name}.packaged"
        )
    names = Names()
    write_pack(output, packed.images, list(map(names.new, packed.names)), packed.sources)
    write_json(output / "meta.json", {"spec": spec, "code": code})
    say(f"prepare: {set_name}: {len(packed.names)} images packed")


def _train(set_name: str, photographs: list[_Photograph], spec: dict[str, Any]) -> _Packed:
    """All photographs whole, then the generated images."""
    leaves = _leaves(set_name, spec, spec["prepare"][set_name]["dead_leaves"], _LEAVES_SIDE)
    return _Packed(
        _one_after_the_other(_decoded(set_name, photographs, _SMALLEST, "for training"), leaves.images),
        [photograph.name for photograph in photographs] + leaves.names,
        [photograph.source for photograph in photographs] + leaves.sources,
    )


def _test(set_name: str, photographs: list[_Photograph], spec: dict[str, Any]) -> _Packed:
    """The first ``count`` photographs in order of name, cut at the bottom and right to multiples of 4."""
    chosen = sorted(photographs, key=lambda photograph: (photograph.name, photograph.source))
    chosen = chosen[: spec["prepare"][set_name]["count"]]
    images = _decoded(set_name, chosen, _SMALLEST, "for testing")
    return _Packed(
        (image[: image.shape[0] // 4 * 4, : image.shape[1] // 4 * 4] for image in images),
        [photograph.name for photograph in chosen],
        [photograph.source for photograph in chosen],
    )


def _crops(set_name: str, photographs: list[_Photograph], spec: dict[str, Any]) -> _Packed:
    """Exactly ``count`` crops: windows of the photographs, then generated images."""
    count, side = spec["prepare"][set_name]["count"], spec["prepare"]["crop"]
    images = _decoded(set_name, photographs, side, f"for a crop (prepare.crop: {side})")
    crops = choose(images, count, side)
    generated = min(count - len(crops), spec["prepare"][set_name]["dead_leaves"])
    found = len(crops) + generated
    if found < count:
        raise DegcraftError(_too_few(set_name, len(crops), len(photographs), generated, count, side))
    leaves = _leaves(set_name, spec, generated, side)
    origins = [photographs[crop.image] for crop in crops]
    return _Packed(
        _one_after_the_other((crop.pixels for crop in crops), leaves.images),
        [f"{origin.name}-{crop.top}-{crop.left}" for origin, crop in zip(origins, crops, strict=True)] + leaves.names,
        [origin.source for origin in origins] + leaves.sources,
    )


def _too_few(set_name: str, crops: int, photographs: int, generated: int, count: int, side: int) -> str:
    option = f"prepare.{set_name}"
    leaves = f" and {generated} generated ({option}.dead_leaves)" if generated else ""
    # Two crops are the least that have a covariance.
    lower = f", or set count: {crops + generated}" if crops + generated >= 2 else ""
    return (
        f"{set_name}: {crops} crops of {side} x {side} found in {photographs} images{leaves}, {count} are needed "
        f"({option}.count); add images, raise dead_leaves{lower}"
    )


def _one_after_the_other(*parts: Iterable[Image]) -> Iterator[Image]:
    for part in parts:
        yield from part


def _leaves(set_name: str, spec: dict[str, Any], count: int, side: int) -> _Packed:
    """`count` generated images, made when they are asked for."""
    streams = (stream(spec["seed"], "prepare", set_name, "dead-leaves", number) for number in range(count))
    return _Packed(
        (dead_leaves(rng, side, side) for rng in streams),
        [f"dead-leaves-{number:04d}" for number in range(count)],
        [f"dead-leaves:{number}" for number in range(count)],
    )


def _decoded(set_name: str, photographs: list[_Photograph], side: int, use: str) -> Iterator[Image]:
    """Photographs one by one; at the end, all that cannot be used in one message."""
    problems: list[str] = []
    for number, photograph in enumerate(photographs, start=1):
        try:
            image = decode(photograph.file)
            if min(image.shape[:2]) < side:
                raise DegcraftError(
                    f"{photograph.source}: {image.shape[1]} x {image.shape[0]} pixels, at least {side} x {side} are "
                    f"needed {use}; take it out or put a larger one in its place"
                )
        except DegcraftError as error:
            problems.append(str(error))
            continue
        if not problems:
            yield image
        if number % 100 == 0:
            say(f"prepare: {set_name}: {number} of {len(photographs)} read")
    if problems:
        more = [f"and {len(problems) - _LINES} more"] if len(problems) > _LINES else []
        title = f"{set_name}: {len(problems)} of {len(photographs)} images cannot be used"
        raise DegcraftError("\n  ".join([title, *problems[:_LINES], *more]))


def main(argv: Sequence[str]) -> None:
    """Command line of the stage."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--set", choices=SETS, required=True)
    parser.add_argument("--data", required=True, help="folder that relative paths in the spec start from")
    parser.add_argument("--spec", type=json.loads, required=True)
    parser.add_argument("--code", required=True)
    parser.add_argument("--output", type=Path, required=True)
    given = parser.parse_args(argv)
    files = image_files({"data": given.data, **given.spec}, given.set)
    run(given.set, files, given.spec, given.code, given.output)


if __name__ == "__main__":
    enter(main)
