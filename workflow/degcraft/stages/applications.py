"""Material of an application as LR images: windows to restore, and crops as references."""

import argparse
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image

from degcraft import records
from degcraft.crops import spread
from degcraft.degradations import SCALE
from degcraft.errors import DegcraftError
from degcraft.inputs import SUFFIXES, VIDEO_SUFFIXES, listed_files
from degcraft.io import whole_folder, write_arrays, write_json, write_table
from degcraft.references import measured
from degcraft.sources import Material, Piece, named_sources
from degcraft.stages import enter, say
from degcraft.streams import stream
from degcraft.survey import LOST, Survey, few, left_out

Pixels = NDArray[np.uint8]


@dataclass(frozen=True)
class Outputs:
    """Where the files of an application appear.

    Attributes
    ----------
    references : path
        .npz with ``images`` (n, side, side, 3), uint8, RGB: reference crops; side is ``crop`` / 4.
    test : path
        Folder of ``<name>.png``, the most detailed window of some images, and ``parameters.csv``: name, source,
        number (place of the source among all), frame, height and width of the image, top, left (LR pixels).
    material : path
        Folder of ``crops.csv`` (crop, source, frame, top, left: where each reference is from, LR pixels) and
        ``material.json`` (kind, images, pixels, references, duplicates, notes).
    """

    references: Path
    test: Path
    material: Path


@dataclass
class _Found:
    """What is cut from the images."""

    references: dict[int, Pixels] = field(default_factory=dict)
    origins: dict[int, dict[str, Any]] = field(default_factory=dict)
    windows: dict[str, Pixels] = field(default_factory=dict)
    places: list[dict[str, Any]] = field(default_factory=list)


def run(
    files: Sequence[str],
    crops: Sequence[str],
    spec: dict[str, Any],
    code: str,
    outputs: Outputs,
) -> None:
    """Read the material of an application twice, one image in memory at a time: to measure, and to cut.

    Parameters
    ----------
    files : sequence of str
        The user's images and videos.
    crops : sequence of str
        The user's own reference crops; without any, windows of the images are chosen.
    spec : dict
        ``application``: the config's entry; ``crop``: HR side of reference crops; ``seed``.
    code : str
        Fingerprint of the code, kept with the references.
    outputs : Outputs
        What is written.

    Raises
    ------
    DegcraftError
        Files that cannot be used, all of them in one message; fewer references than wanted at least.
    """
    application, side = spec["application"], spec["crop"] // SCALE
    records.used_together("images of the application", [*files, *crops])
    options = application["references"]
    material = Material(named_sources(files, application["packaged"]), side, options["count"], application["reduce"])
    survey = _surveyed(material, side)
    found, notes = _Found(), survey.notes()
    places: list[tuple[int, int, int]] = []
    if crops:
        notes += _own_crops(found, crops, side, options["count"])
    else:
        choice = survey.choose(options["count"], options["min"], stream(spec["seed"], "applications", "references"))
        places, notes = choice.places, notes + choice.notes
    count = len(places) or len(found.references)
    _refuse_few(count, options["min"], side)
    _cut(material, places, side, application, found)
    notes += left_out(material.duplicates, material.constant, material.transparent) + few(count)
    summary = {
        "kind": material.kind,
        "images": len(survey),
        "pixels": survey.ranges(),
        "references": count,
        "duplicates": material.duplicates,
        "notes": notes,
    }
    _write_all(found, summary, {"spec": spec, "code": code}, outputs)
    for note in notes:
        say(f"applications: note: {note}")
    say(f"applications: {count} reference crops, {len(found.windows)} windows of {len(survey)} images")


def _surveyed(material: Material, side: int) -> Survey:
    """Measure all images."""
    survey = Survey(side)
    for piece in material:
        survey.add(piece.pixels, piece.solid)
    if not len(survey):
        raise DegcraftError("application: all images are of one colour; add images that show something")
    return survey


def _own_crops(found: _Found, crops: Sequence[str], side: int, count: int) -> list[str]:
    """Take the user's own crops, the middle of larger ones."""
    material = Material(named_sources(crops), side)
    larger = 0
    for number, piece in enumerate(material):
        top, left = ((length - side) // 2 // 8 * 8 for length in piece.pixels.shape[:2])
        larger += piece.pixels.shape[:2] != (side, side)
        if number < count:
            found.references[number] = piece.pixels[top : top + side, left : left + side].copy()
            found.origins[number] = _origin(piece, top, left)
    given = len(material.names())
    notes = [f"References are your own crops, {len(found.references)} of {given}."]
    if larger:
        notes.append(f"{larger} of your crops are larger than {side} x {side} pixels; their middle is used.")
    return notes


def _origin(piece: Piece, top: int, left: int) -> dict[str, Any]:
    return {"source": piece.source.shown, "frame": piece.frame, "top": top, "left": left}


def _refuse_few(count: int, least: int, side: int) -> None:
    if count < least:
        lower = f", or set applications.<name>.references.min to {count} to go on" if count >= 2 else ""
        raise DegcraftError(
            f"application: {count} reference crops of {side} x {side} pixels, {least} are needed "
            f"(applications.<name>.references.min): {LOST}; add images{lower}"
        )


def _cut(
    material: Material, places: list[tuple[int, int, int]], side: int, application: dict[str, Any], found: _Found
) -> None:
    """Cut reference crops, and the windows to restore."""
    shown = set(spread(len(material.names()), application["count"]))
    crops: dict[int, list[int]] = {}
    for number, (image, _, _) in enumerate(places):
        crops.setdefault(image, []).append(number)
    for image, piece in material.again({*shown, *crops}):
        for number in crops.get(image, []):
            _, top, left = places[number]
            found.references[number] = piece.pixels[top : top + side, left : left + side].copy()
            found.origins[number] = _origin(piece, top, left)
        if image in shown:
            _cut_window(piece, application["window"], found)


def _cut_window(piece: Piece, side: int, found: _Found) -> None:
    """Cut the most detailed window of an image, opaque if there is such a one."""
    side = min(side, *piece.pixels.shape[:2])
    places = measured(piece.pixels, side, piece.solid).places
    if not len(places):
        places = measured(piece.pixels, side).places
    top, left = places[0].tolist()
    found.windows[piece.name] = piece.pixels[top : top + side, left : left + side].copy()
    height, width = piece.pixels.shape[:2]
    size = {"number": piece.source.number, "height": height, "width": width}
    found.places.append({"name": piece.name, **_origin(piece, top, left), **size})


def _write_all(found: _Found, summary: dict[str, Any], meta: dict[str, Any], outputs: Outputs) -> None:
    numbers = sorted(found.references)
    origins = _table([{"crop": number, **found.origins[number]} for number in numbers])
    write_arrays(outputs.references, meta, images=np.stack([found.references[number] for number in numbers]))
    with whole_folder(outputs.test) as temporary:
        for name, pixels in found.windows.items():
            Image.fromarray(pixels).save(temporary / f"{name}.png")
        write_table(temporary / "parameters.csv", _table(found.places))
    with whole_folder(outputs.material) as temporary:
        write_table(temporary / "crops.csv", origins)
        write_json(temporary / "material.json", summary)


def _table(rows: list[dict[str, Any]]) -> pd.DataFrame:
    return pd.DataFrame(rows).astype({"frame": "Int64"})


def main(argv: Sequence[str]) -> None:
    """Command line of the stage."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", required=True, help="folder that relative paths in the spec start from")
    parser.add_argument("--spec", type=json.loads, required=True)
    parser.add_argument("--code", required=True)
    parser.add_argument("--references", type=Path, required=True, help=".npz of the reference crops")
    parser.add_argument("--test", type=Path, required=True, help="folder of the windows")
    parser.add_argument("--material", type=Path, required=True, help="folder of what is known about the images")
    given = parser.parse_args(argv)
    data, application = {"data": given.data}, given.spec["application"]
    files = listed_files(data, application["images"], SUFFIXES + VIDEO_SUFFIXES)
    crops = listed_files(data, application["references"]["crops"])
    run(files, crops, given.spec, given.code, Outputs(given.references, given.test, given.material))


if __name__ == "__main__":
    enter(main)
