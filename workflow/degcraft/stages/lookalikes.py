"""Crops of real references beside contents degraded as was found for them: result files in, a table and crops out."""

import argparse
import json
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from PIL import Image

from degcraft.draws import drawn
from degcraft.evidence.lookalikes import CRAFTED, UNIFORM, Material, Source, lookalike_table
from degcraft.fits import fits
from degcraft.io import ImagePack, read_arrays, read_table, whole_folder, write_table
from degcraft.stages import enter, say
from degcraft.streams import stream


def run(
    references: Sequence[Path],
    weights: Sequence[Path],
    images: Path,
    absent: Mapping[str, str],
    spec: dict[str, Any],
    output: Path,
    crops: Path,
) -> None:
    """Write the table of Figure 16 and the folder of its crops.

    Parameters
    ----------
    references : sequence of path
        ``<target>.npz`` with ``images``, in the order of the figure.
    weights : sequence of path
        ``<target>/<draw>.csv`` of each target; none where the draw's extractor is absent.
    images : path
        Folder of the clean contents.
    absent : mapping from str to str
        Extractors that could not be computed, and why.
    spec : dict
        ``lookalikes``: draw and crops; ``crafted`` and ``uniform``: see `degcraft.sections.drawn`; ``seed``.
    output, crops : path
        The table, .csv, and the folder of the PNG files that it names.

    Raises
    ------
    DegcraftError
        A file is missing or damaged.
    """
    draw = spec["lookalikes"]["draw"]
    tables = {path.parent.name: path for path in weights}
    materials = {path.stem: _material(path, tables.get(path.stem), draw, spec) for path in references}
    extractor = draw.partition(".")[0]
    missing = {CRAFTED: absent[extractor]} if extractor in absent else {}
    rngs = partial(stream, spec["seed"], "evidence", "lookalikes")
    table, shown = lookalike_table(materials, ImagePack(images), spec["lookalikes"]["crops"], missing, rngs)
    with whole_folder(crops) as folder:
        for name, pixels in shown.items():
            Image.fromarray(pixels).save(folder / name)
    write_table(output, table)
    say(f"figure16: {len(shown)} crops of {', '.join(materials)}")


def _material(references: Path, weights: Path | None, draw: str, spec: dict[str, Any]) -> Material:
    """Everything about one target."""
    sources = {UNIFORM: Source(UNIFORM, drawn(spec["uniform"], None), spec["uniform"]["degradation"])}
    (images,) = read_arrays(references, "images")
    if weights is None:
        return Material(images, sources)
    crafted = Source(draw, drawn(spec["crafted"], weights), spec["crafted"]["degradation"])
    table = fits({(references.stem, draw): read_table(weights, "verdict", "explained", "expected")})
    return Material(images, {CRAFTED: crafted, **sources}, table.iloc[0].to_dict())


def main(argv: Sequence[str]) -> None:
    """Command line of the stage."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--references", type=Path, nargs="+", required=True, help="<target>.npz of every target")
    parser.add_argument("--weights", type=Path, nargs="*", default=[], help="<target>/<draw>.csv of every target")
    parser.add_argument("--images", type=Path, required=True, help="results/images/bins")
    parser.add_argument("--absent", type=json.loads, default={}, help="extractors that cannot be computed, JSON")
    parser.add_argument("--spec", type=json.loads, required=True)
    parser.add_argument("--code", required=True)
    parser.add_argument("--output", type=Path, required=True, help="the table, .csv")
    parser.add_argument("--crops", type=Path, required=True, help="folder of the crops")
    given = parser.parse_args(argv)
    run(given.references, given.weights, given.images, given.absent, given.spec, given.output, given.crops)


if __name__ == "__main__":
    enter(main)
