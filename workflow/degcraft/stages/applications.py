"""Images of an application as LR images: windows to restore, and crops that serve as references."""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image

from degcraft.crops import choose
from degcraft.degradations import SCALE
from degcraft.errors import DegcraftError
from degcraft.images import decode, packaged
from degcraft.inputs import listed_files
from degcraft.io import whole_folder, write_arrays, write_table
from degcraft.stages import enter, say


def run(files: Sequence[str], spec: dict[str, Any], code: str, references: Path, test: Path) -> None:
    """Cut an application's images.

    Parameters
    ----------
    files : sequence of str
        The user's images.
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

    Raises
    ------
    DegcraftError
        An image cannot be read or is too small, two have one name, or there are fewer than two reference crops.
    """
    application = spec["application"]
    sources = [(Path(file).stem, Path(file)) for file in files]
    sources += [(name, packaged(name)) for name in application["packaged"]]
    named = dict(sources)
    if len(named) < len(sources):
        twice = sorted({name for name in named if sum(name == other for other, _ in sources) > 1})
        raise DegcraftError(
            f"application: {len(twice)} names are there twice, first {twice[0]}; every image needs a name of its own, "
            "whatever its folder and suffix; rename one"
        )
    side = spec["crop"] // SCALE
    images = {name: decode(named[name]) for name in sorted(named)}
    small = [
        f"{name} ({image.shape[1]} x {image.shape[0]})" for name, image in images.items() if min(image.shape[:2]) < side
    ]
    if small:
        raise DegcraftError(
            f"application: {len(small)} images are smaller than a reference crop, first {small[0]}; {side} x {side} "
            "pixels are needed; take them out"
        )
    crops = choose(images.values(), application["references"], side)
    if len(crops) < 2:
        raise DegcraftError(
            f"application: {len(crops)} crops of {side} x {side} found; at least 2 are needed; add images"
        )
    write_arrays(references, {"spec": spec, "code": code}, images=np.stack([crop.pixels for crop in crops]))
    shown = list(images)[: application["count"]]
    with whole_folder(test) as folder:
        for name in shown:
            (window,) = choose([images[name]], 1, min(application["window"], *images[name].shape[:2]))
            Image.fromarray(window.pixels).save(folder / f"{name}.png")
        write_table(folder / "parameters.csv", pd.DataFrame({"name": shown}))
    say(f"applications: {len(crops)} reference crops, {len(shown)} windows of {len(images)} images")


def main(argv: Sequence[str]) -> None:
    """Command line of the stage."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", required=True, help="folder that relative paths in the spec start from")
    parser.add_argument("--spec", type=json.loads, required=True)
    parser.add_argument("--code", required=True)
    parser.add_argument("--references", type=Path, required=True, help=".npz of the reference crops")
    parser.add_argument("--test", type=Path, required=True, help="folder of the windows")
    given = parser.parse_args(argv)
    files = listed_files({"data": given.data}, given.spec["application"]["images"])
    run(files, given.spec, given.code, given.references, given.test)


if __name__ == "__main__":
    enter(main)
