"""Truth of an application's windows: the same places of its HR images, and what aligns enlarged windows with them."""

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image

from degcraft import records
from degcraft.alignment import FILE, Alignment, estimate
from degcraft.degradations import SCALE
from degcraft.errors import DegcraftError
from degcraft.images import decode
from degcraft.inputs import listed_files
from degcraft.interpolation import bicubic
from degcraft.io import read_png, read_table, whole_folder, write_table
from degcraft.phrases import counted
from degcraft.stages import enter, say

Pixels = NDArray[np.uint8]


def run(windows: Path, truth: Sequence[str], output: Path) -> None:
    """Cut from each HR image what belongs to its LR window.

    Parameters
    ----------
    windows : path
        Folder of the LR windows, and of ``parameters.csv``, which tells where they are from.
    truth : sequence of str
        HR images of the same scenes, in the order of the images.
    output : path
        Folder of ``<name>.png``, uint8, RGB, 4 times as large as the windows, and ``alignment.csv``: name and
        the fields of `Alignment`.

    Raises
    ------
    DegcraftError
        There are too few HR images; one has the wrong size, shows something else, or belongs to a frame or page.
    """
    records.used_together("truth of the application", truth)
    places = read_table(
        windows / "parameters.csv", "name", "number", "frame", "height", "width", "top", "left", text=["name"]
    ).set_index("name")
    _check(places, len(truth))
    lr = {name: read_png(windows, name) for name in places.index}
    hr = _cut(places, {name: len(window) for name, window in lr.items()}, truth)
    alignment = [{"name": name, **asdict(_aligned(name, lr[name], original))} for name, original in hr.items()]
    with whole_folder(output) as temporary:
        for name, original in hr.items():
            Image.fromarray(original).save(temporary / f"{name}.png")
        write_table(temporary / FILE, pd.DataFrame(alignment))
    say(f"truth: {counted(len(hr), 'window')}")


def _check(places: pd.DataFrame, truth: int) -> None:
    if several := places.index[places["frame"].notna()].tolist():
        raise DegcraftError(
            f"application: {several[0]}: a frame or page with truth, which goes with files of one image only; save "
            "frames and pages as single images"
        )
    if alone := places.index[places["number"] >= truth].tolist():
        raise DegcraftError(f"application: {truth} images of the truth, and none for {alone[0]}; each needs its own")


def _cut(places: pd.DataFrame, sides: dict[str, int], truth: Sequence[str]) -> dict[str, Pixels]:
    """Windows of the truth; all images of a wrong size come in one message."""
    found, wrong = {}, []
    for name, (number, height, width, top, left) in zip(
        places.index, places[["number", "height", "width", "top", "left"]].to_numpy().tolist(), strict=True
    ):
        whole = decode(truth[number])
        if whole.shape[:2] != (SCALE * height, SCALE * width):
            wrong.append(
                f"{truth[number]}: {whole.shape[1]} x {whole.shape[0]} pixels; its LR image {name} of {width} x "
                f"{height} needs {SCALE * width} x {SCALE * height}"
            )
        top, left, side = (SCALE * length for length in (top, left, sides[name]))
        found[name] = whole[top : top + side, left : left + side].copy()
    if wrong:
        raise DegcraftError(
            f"application: {len(wrong)} images of the truth are not {SCALE} times as large as their LR images, first "
            f"{wrong[0]}; pair them in order of name, cut them, or set reduce to the factor by which LR was enlarged"
        )
    return found


def _aligned(name: str, window: Pixels, original: Pixels) -> Alignment:
    try:
        return estimate(bicubic(window), original)
    except DegcraftError as error:
        raise DegcraftError(f"application: {name}: {error}") from error


def main(argv: Sequence[str]) -> None:
    """Command line of the stage."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--windows", type=Path, required=True, help="folder of the LR windows")
    parser.add_argument("--data", required=True, help="folder that relative paths in the spec start from")
    parser.add_argument("--spec", type=json.loads, required=True)
    parser.add_argument("--code", required=True)
    parser.add_argument("--output", type=Path, required=True)
    given = parser.parse_args(argv)
    run(given.windows, listed_files({"data": given.data}, given.spec["truth"]), given.output)


if __name__ == "__main__":
    enter(main)
