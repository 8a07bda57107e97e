"""A first look at a user's files: what they are, what is wrong with them, and what to expect of them."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from PIL import Image, ImageSequence

from degcraft import images, inputs
from degcraft.cleanness import are_clean, cleanness
from degcraft.degradations import SCALE
from degcraft.errors import DegcraftError
from degcraft.phrases import counted
from degcraft.pictures import read_pages
from degcraft.survey import LOST, few

CROPS_OF_IMAGE = 64  # an image gives no more
CROPS_OF_VIDEO = 100  # frames that are looked at
FEW_IMAGES = 10
LOOKED_AT = 6  # images that are judged as pictures
DECODED = 200  # images that are read to their end; of more, evenly spaced ones, since that takes longer than a look
TOLD = 5  # files that are named one by one
_PILLOW = ["PNG", "JPEG", "TIFF", "BMP", "WEBP"]


@dataclass
class Material:
    """What files hold: `kinds` counts them, `sizes` has (width, height) of each page or video, reduced."""

    kinds: Counter[str] = field(default_factory=Counter)
    sizes: list[tuple[int, int]] = field(default_factory=list)
    pixels: Counter[str] = field(default_factory=Counter)
    crops: int = 0
    small: list[str] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)


def inspected(files: Iterable[str], side: int, reduce: int) -> Material:
    """Look at the headers of files, and read images to their end; `side`: of reference crops."""
    material = Material()
    files = list(files)
    every = -(-len(files) // DECODED)
    for place, file in enumerate(files):
        suffix = Path(file).suffix.lower()
        try:
            sizes, frames = _sizes(file)
            if place % every == 0 and suffix in inputs.SUFFIXES:
                for _ in read_pages(file):
                    pass
        except DegcraftError as error:
            material.unreadable.append(str(error))
            continue
        material.kinds[suffix if len(sizes) == 1 else f"{suffix} of {len(sizes)} pages"] += 1
        for width, height in ((width // reduce, height // reduce) for width, height in sizes):
            material.sizes.append((width, height))
            material.pixels[suffix] += width * height * frames
            if not (windows := (width // side) * (height // side)):
                material.small.append(f"{file} ({width} x {height})")
            material.crops += min(windows, CROPS_OF_IMAGE) * min(frames, CROPS_OF_VIDEO)
    return material


def _sizes(file: str) -> tuple[list[tuple[int, int]], int]:
    """Width and height of each page, and the number of frames, from headers alone."""
    if Path(file).suffix.lower() in inputs.VIDEO_SUFFIXES:
        from degcraft.video import probe

        video = probe(file)
        return [(video.width, video.height)], video.frames
    with images.readable(file), Image.open(file, formats=_PILLOW) as image:
        images.check(image, pages=True)
        pages = ImageSequence.Iterator(image) if image.format == "TIFF" else [image]
        return [page.size for page in pages], 1


def described(material: Material) -> str:
    """What was found, in words."""
    kinds = " and ".join(f"{count} {kind}" for kind, count in material.kinds.most_common())
    if not material.sizes:
        return "no readable file"
    least, most = min(material.sizes, key=_area), max(material.sizes, key=_area)
    sizes = f"{least[0]} x {least[1]}" + (f" to {most[0]} x {most[1]}" if most != least else "")
    return f"{kinds}; {sizes} pixels, {sum(material.pixels.values()) / 1e6:.3g} megapixels in all"


def _area(size: tuple[int, int]) -> int:
    return size[0] * size[1]


def problems(material: Material, side: int, least: int, reduce: int) -> list[str]:
    """What keeps a run from its end; `side`: of reference crops, `least`: how few of them will do."""
    found = []
    if material.unreadable:
        found += _told("--images", material.unreadable, "cannot be used; take them out of the folder, or repair them")
    if material.small:
        cut = f"smaller than {side} x {side} pixels, a reference crop; take them out"
        found += _told("--images", material.small, cut)
    if reduce > 1 and any(kind in inputs.VIDEO_SUFFIXES for kind in material.kinds):
        found.append("--reduce: goes with images; videos are restored as they are; leave it out")
    if not found and material.crops < least:
        found.append(
            f"--images: {len(material.sizes)} images hold at most {material.crops} reference crops of {side} x {side} "
            f"pixels, {least} are needed: {LOST}; add images, or type --min {max(2, material.crops)} to go on"
        )
    return found


def _told(option: str, files: list[str], problem: str) -> list[str]:
    more = [f"  and {len(files) - TOLD} more"] if len(files) > TOLD else []
    return [f"{option}: {counted(len(files), 'file')} {problem}:", *(f"  {file}" for file in files[:TOLD]), *more]


def truth_problems(truth: list[str], files: list[str], material: Material) -> list[str]:
    """Why originals do not belong to the images; they are paired in the order of their paths."""
    if problem := inputs.unpaired(len(truth), len(files)):
        return [f"--truth: {problem}"]
    if truth and (len(material.sizes) != len(files) or any(kind in inputs.VIDEO_SUFFIXES for kind in material.kinds)):
        return ["--truth: goes with readable files of one image each; leave it out, or save videos and pages as images"]
    if not truth:
        return []
    wrong = []
    for original, (width, height) in zip(truth, material.sizes, strict=True):
        try:
            found = _sizes(original)[0][0]
        except DegcraftError as error:
            wrong.append(str(error))
            continue
        if found != (SCALE * width, SCALE * height):
            wrong.append(f"{original} ({found[0]} x {found[1]}, not {SCALE * width} x {SCALE * height})")
    needed = f"are not {SCALE} times as large as their images (in order of path); cut them, or try --reduce {SCALE}"
    return _told("--truth", wrong, needed) if wrong else []


def notes(material: Material, files: list[str]) -> list[str]:
    """What is worth knowing before the run, in sentences."""
    found = few(material.crops, at_most=True)
    if len(material.sizes) < FEW_IMAGES and not any(kind in inputs.VIDEO_SUFFIXES for kind in material.kinds):
        count = f"{len(material.sizes)} image{'' if len(material.sizes) == 1 else 's'}"
        found.append(f"{count} show few contents; more images make the estimate surer than more crops of these.")
    areas = sorted(map(_area, material.sizes))
    if areas[-1] > 4 * areas[0]:
        found.append("Sizes differ a lot; if the images come from different sources, make a target of each.")
    if _clean(files):
        found.append(
            "The images are large and clean already: there is little to restore, and four times the size may show "
            "nothing new. If they were enlarged before, try --reduce 2."
        )
    return found


def _clean(files: list[str]) -> bool:
    """Whether a few images of all are large, sharp and free of noise and JPEG; see `degcraft.cleanness`."""
    pictures = [file for file in files if Path(file).suffix.lower() in inputs.SUFFIXES]
    chosen = pictures[:: max(1, len(pictures) // LOOKED_AT)][:LOOKED_AT]
    colours = (next(read_pages(file)).colours for file in chosen)
    return are_clean([cleanness((image >> 8 * (image.itemsize - 1)).astype("uint8")) for image in colours])
