"""The page of an application: what was found, what it looks like restored, and how to use the model."""

import argparse
import importlib.metadata
import json
import platform
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from degcraft.alignment import FILE, Alignment
from degcraft.checks import in_words
from degcraft.draws import drawn
from degcraft.evidence.lookalikes import CRAFTED, UNIFORM, Material, Source, lookalike_table
from degcraft.fits import fits
from degcraft.interpolation import bicubic
from degcraft.io import ImagePack, read_arrays, read_json, read_png, read_table, whole_file
from degcraft.report.contents import BICUBIC, TRUTH, Contents, Estimate, Places, Window, titled
from degcraft.report.distribution import resampled
from degcraft.report.page import page
from degcraft.report.quality import quality_table
from degcraft.report.timings import behind, timing_table
from degcraft.stages import enter, say
from degcraft.streams import stream
from degcraft.weighting import archive

CROPS = 6  # real and degraded crops beside each other
PACKAGES = ("degcraft", "torch", "numpy", "scipy", "pillow", "snakemake")


_OPTIONAL = ("truth", "posterior", "features")
_LISTED = {
    "truth": "results/degraded/truth/<application>, if there is truth",
    "posterior": "posterior of the extractor, for weightings with error bars of their own",
    "features": "features of the references, for the same",
    "images": "files of results/images/bins",
    "windows": "folders of restored windows: of the crafted draw, then of those beside it",
    "metrics": "tables of metrics in the same order, if there is truth",
    "losses": "loss curves in the same order",
}


@dataclass(frozen=True)
class Files:
    """Paths of all inputs; those of models are in the order of the draws: the crafted one, then those beside it."""

    test: Path
    truth: Path | None
    references: Path
    material: Path
    weights: Path
    posterior: Path | None
    features: Path | None
    images: Path
    checks: Path
    mixed: Path
    windows: Sequence[Path]
    metrics: Sequence[Path]
    losses: Sequence[Path]
    restored: Path
    model: Path
    exported: Path
    benchmarks: Path


def run(application: str, files: Files, spec: dict[str, Any], output: Path) -> None:
    """Write the page of one application.

    Parameters
    ----------
    application : str
        Its name.
    files : Files
        Results behind the page. Those below `benchmarks` are read where they are there: they differ from run to run.
    spec : dict
        ``report``, ``application``, ``backbone``, ``train``, ``evaluate``, ``crafted``, ``uniform`` and ``seed``.
    output : path
        The page, .html.

    Raises
    ------
    DegcraftError
        A file is missing or damaged.
    """
    draws = [spec["report"]["draw"], *spec["report"]["beside"]]
    places = read_table(files.test / "parameters.csv", "name", "source", "frame", text=["name", "source"])
    titles = {str(place["name"]): titled(place) for place in places.to_dict("records")}
    alignments = _alignments(files.truth)
    (references,) = read_arrays(files.references, "images")
    losses = {draw: read_table(path, "step", "loss") for draw, path in zip(draws, files.losses, strict=True)}
    told = read_json(files.material / "material.json")
    contents = Contents(
        application=application,
        draw=draws[0],
        beside=draws[1:],
        windows=[_window(name, title, draws, files) for name, title in titles.items()],
        references=references,
        crops=read_table(files.material / "crops.csv", "crop", "source", "frame", "top", "left", text=["source"]),
        material=told,
        estimate=_estimate(application, references, files, spec),
        mixed=read_json(files.mixed)["notes"],
        quality=_quality(draws, alignments, files, spec),
        pairs=len(alignments),
        checks=read_table(files.checks, "row", "image", text=["row", "image"]),
        losses=losses,
        timings=_timings(application, files.benchmarks, spec),
        places=_places(files),
        settings={name: spec[name] for name in ("report", "application", "backbone", "train", "seed")},
        versions={"python": platform.python_version(), **{name: importlib.metadata.version(name) for name in PACKAGES}},
    )
    html = page(contents)
    with whole_file(output) as temporary:
        temporary.write_text(html, encoding="utf-8")
    say(f"report: {len(html) / 1e6:.1f} MB; {len(titles)} windows, {len(contents.places.files)} restored files")


def _window(name: str, title: str, draws: Sequence[str], files: Files) -> Window:
    lr = read_png(files.test, name)
    rows = {draw: read_png(folder, name) for draw, folder in zip(draws, files.windows, strict=True)}
    rows[BICUBIC] = bicubic(lr)
    if files.truth is not None:
        rows[TRUTH] = read_png(files.truth, name)
    return Window(name, title, lr, rows)


def _estimate(application: str, references: NDArray[np.uint8], files: Files, spec: dict[str, Any]) -> Estimate:
    weights, draw = read_table(files.weights, "weight"), spec["report"]["draw"]
    judged = "verdict" in weights.columns
    fit = fits({(application, draw): weights}).iloc[0].to_dict() if judged else {}
    sources = {
        CRAFTED: Source(draw, drawn(spec["crafted"], files.weights), spec["crafted"]["degradation"]),
        UNIFORM: Source(UNIFORM, drawn(spec["uniform"], None), spec["uniform"]["degradation"]),
    }
    material = {application: Material(references, sources, fit)}
    rngs = partial(stream, spec["seed"], "report", "lookalikes")
    table, pictures = lookalike_table(material, ImagePack(files.images), CROPS, {}, rngs)
    ranges = explained = None
    if files.posterior and files.features:
        (features,) = read_arrays(files.features, "features")
        estimator = archive.estimator(partial(read_arrays, files.posterior))
        rngs = partial(stream, spec["seed"], "report")
        explained = estimator.refined(features, rngs("explained", application))[1].explained
        if "class" in weights.columns:
            ranges = resampled(estimator, features, rngs("resampling", application))
    return Estimate(weights, fit, in_words(weights), ranges, explained, table, pictures)


def _alignments(truth: Path | None) -> dict[str, Alignment]:
    """What brings enlarged windows to their truth, by name."""
    if truth is None:
        return {}
    names = [field.name for field in fields(Alignment)]
    table = read_table(truth / FILE, "name", *names, text=["name"]).to_dict("records")
    return {str(row["name"]): Alignment(*(float(row[name]) for name in names)) for row in table}


def _quality(
    draws: Sequence[str], alignments: Mapping[str, Alignment], files: Files, spec: dict[str, Any]
) -> pd.DataFrame | None:
    if files.truth is None:
        return None
    truth = files.truth
    measured = {draw: read_table(path, "name", text=["name"]) for draw, path in zip(draws, files.metrics, strict=True)}
    pairs = ((read_png(files.test, name), read_png(truth, name), found) for name, found in alignments.items())
    return quality_table(measured, pairs, spec["evaluate"]["crop"])


def _timings(application: str, benchmarks: Path, spec: dict[str, Any]) -> pd.DataFrame:
    chosen = spec["report"]
    extractor = chosen["draw"].partition(".")[0]
    shared = {application, f"seed{spec['train']['seeds'][0]}", chosen["backbone"]}
    known = {*shared, extractor, chosen["draw"], *chosen["beside"], "any", "bins", "samples", "train"}
    seconds = {parts: taken for parts, taken in _measured(benchmarks) if behind(parts, known)}
    return timing_table(seconds, shared | {"any"})


def _measured(benchmarks: Path) -> Iterator[tuple[tuple[str, ...], float]]:
    """Path and seconds of every benchmark file that is whole."""
    for path in sorted(benchmarks.rglob("*.tsv")):
        parts = path.relative_to(benchmarks).as_posix().removesuffix(".tsv").split("/")
        lines = path.read_text(encoding="utf-8").splitlines()
        if len(lines) > 1 and lines[0].startswith("s\t"):
            yield tuple(parts), float(lines[1].split("\t")[0])


def _places(files: Files) -> Places:
    there = (path.relative_to(files.restored) for path in files.restored.rglob("*") if path.is_file())
    names = sorted(path.as_posix() for path in there if not any(part.startswith(".") for part in path.parts))
    return Places(files.model.as_posix(), (files.exported / "model.onnx").as_posix(), files.restored.as_posix(), names)


def main(argv: Sequence[str]) -> None:
    """Command line of the stage."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("application")
    for field in fields(Files):
        if field.name in _LISTED:
            parser.add_argument(f"--{field.name}", type=Path, nargs="*", default=[], help=_LISTED[field.name])
        else:
            parser.add_argument(f"--{field.name}", type=Path, required=True)
    parser.add_argument("--spec", type=json.loads, required=True)
    parser.add_argument("--code", required=True)
    parser.add_argument("--output", type=Path, required=True, help="the page, .html")
    given = parser.parse_args(argv)
    paths = {field.name: getattr(given, field.name) for field in fields(Files)}
    paths |= {name: next(iter(paths[name]), None) for name in _OPTIONAL}
    paths["images"] = given.images[0].parent
    run(given.application, Files(**paths), given.spec, given.output)


if __name__ == "__main__":
    enter(main)
