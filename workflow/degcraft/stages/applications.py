"""Images of an application as LR images: windows to restore, with their truth if any, and crops as references."""

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image

from degcraft.alignment import FILE, estimate
from degcraft.crops import Crop, choose
from degcraft.degradations import SCALE
from degcraft.errors import DegcraftError
from degcraft.images import decode, packaged
from degcraft.inputs import listed_files, unpaired
from degcraft.interpolation import bicubic, reduced
from degcraft.io import whole_folder, write_arrays, write_table
from degcraft.stages import enter, say

Pixels = NDArray[np.uint8]


def run(
    files: Sequence[str],
    truth: Sequence[str],
    spec: dict[str, Any],
    code: str,
    references: Path,
    test: Path,
    originals: Path,
) -> None:
    """Cut an application's images.

    Parameters
    ----------
    files : sequence of str
        The user's images.
    truth : sequence of str
        HR images of the same scenes: one for each of `files`, then of the packaged photographs, in this
        order; or none.
    spec : dict
        ``application``: the config's entry; ``crop``: HR side of reference crops.
    code : str
        Fingerprint of the code, kept with the references.
    references : path
        .npz with ``images`` (n, side, side, 3), uint8, RGB: the most detailed window of each
        image first, as references of settings are chosen; side is ``crop`` / 4.
    test : path
        Folder of ``<name>.png``, the most detailed window of each image, and ``parameters.csv``
        with their names.
    originals : path
        Folder of ``<name>.png``, the same windows of the truth, and ``alignment.csv``: what brings the enlarged
        windows to them, name and the fields of `Alignment`. Empty without truth.

    Raises
    ------
    DegcraftError
        An image cannot be read or is too small, two have one name, or there are fewer than two reference crops;
        an image of the truth has the wrong size, or shows something else.
    """
    application = spec["application"]
    named = _named(files, application["packaged"])
    images = {name: reduced(decode(named[name]), application["reduce"]) for name in sorted(named)}
    crops = _references(images, application["references"], spec["crop"] // SCALE)
    windows = {}
    for name in list(images)[: application["count"]]:
        (windows[name],) = choose([images[name]], 1, min(application["window"], *images[name].shape[:2]))
    if problem := unpaired(len(truth), len(named)):
        raise DegcraftError(f"application: {problem}")
    true = _truth(dict(zip(named, map(Path, truth), strict=True)), images, windows) if truth else {}
    alignment = _alignment(windows, true)
    write_arrays(references, {"spec": spec, "code": code}, images=np.stack(crops))
    shown = {name: window.pixels for name, window in windows.items()}
    _write(test, shown, "parameters.csv", pd.DataFrame({"name": list(shown)}))
    _write(originals, true, FILE, alignment)
    say(f"applications: {len(crops)} reference crops, {len(shown)} windows of {len(images)} images")


def _named(files: Sequence[str], photographs: Sequence[str]) -> dict[str, Path]:
    """Image files by the name of the image, in their order, the packaged ones last."""
    sources = [(Path(file).stem, Path(file)) for file in files]
    sources += [(name, packaged(name)) for name in photographs]
    named = dict(sources)
    if len(named) < len(sources):
        twice = sorted({name for name in named if sum(name == other for other, _ in sources) > 1})
        raise DegcraftError(
            f"application: {len(twice)} names are there twice, first {twice[0]}; every image needs a name of its own, "
            "whatever its folder and suffix; rename one"
        )
    return named


def _references(images: dict[str, Pixels], count: int, side: int) -> list[Pixels]:
    small = [
        f"{name} ({image.shape[1]} x {image.shape[0]})" for name, image in images.items() if min(image.shape[:2]) < side
    ]
    if small:
        raise DegcraftError(
            f"application: {len(small)} images are smaller than a reference crop, first {small[0]}; {side} x {side} "
            "pixels are needed; take them out"
        )
    crops = choose(images.values(), count, side)
    if len(crops) < 2:
        raise DegcraftError(
            f"application: {len(crops)} crops of {side} x {side} found; at least 2 are needed; add images"
        )
    return [crop.pixels for crop in crops]


def _truth(files: dict[str, Path], images: dict[str, Pixels], windows: dict[str, Crop]) -> dict[str, Pixels]:
    """HR windows that belong to the LR windows, cut from files that must all have the right size."""
    cut, wrong = {}, []
    for name, image in images.items():
        whole = decode(files[name])
        height, width = SCALE * image.shape[0], SCALE * image.shape[1]
        if whole.shape != (height, width, 3):
            wrong.append(
                f"{files[name]}: {whole.shape[1]} x {whole.shape[0]} pixels; its LR image {name} of {image.shape[1]} x "
                f"{image.shape[0]} needs {width} x {height}"
            )
        elif name in windows:
            window = windows[name]
            top, left, side = (SCALE * length for length in (window.top, window.left, len(window.pixels)))
            cut[name] = whole[top : top + side, left : left + side]
    if wrong:
        raise DegcraftError(
            f"application: {len(wrong)} images of the truth are not {SCALE} times as large as their LR images, first "
            f"{wrong[0]}; pair them in order of name, cut them, or set reduce to the factor by which LR was enlarged"
        )
    return cut


def _alignment(windows: dict[str, Crop], true: dict[str, Pixels]) -> pd.DataFrame:
    """What brings each enlarged window to its truth; no rows without truth."""
    rows = []
    for name, original in true.items():
        try:
            rows.append({"name": name, **asdict(estimate(bicubic(windows[name].pixels), original))})
        except DegcraftError as error:
            raise DegcraftError(f"application: {name}: {error}") from error
    return pd.DataFrame(rows)


def _write(folder: Path, images: dict[str, Pixels], index: str, table: pd.DataFrame) -> None:
    with whole_folder(folder) as temporary:
        for name, pixels in images.items():
            Image.fromarray(pixels).save(temporary / f"{name}.png")
        if len(table):
            write_table(temporary / index, table)


def main(argv: Sequence[str]) -> None:
    """Command line of the stage."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", required=True, help="folder that relative paths in the spec start from")
    parser.add_argument("--spec", type=json.loads, required=True)
    parser.add_argument("--code", required=True)
    parser.add_argument("--references", type=Path, required=True, help=".npz of the reference crops")
    parser.add_argument("--test", type=Path, required=True, help="folder of the windows")
    parser.add_argument("--truth", type=Path, required=True, help="folder of the same windows of the truth, if any")
    given = parser.parse_args(argv)
    data, application = {"data": given.data}, given.spec["application"]
    files, truth = (listed_files(data, application[key]) for key in ("images", "truth"))
    run(files, truth, given.spec, given.code, given.references, given.test, given.truth)


if __name__ == "__main__":
    enter(main)
