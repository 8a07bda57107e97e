"""Files of the benchmarks: configs in, summary out."""

import functools
import math
import os
import platform
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from degcraft.benchmarks.measurement import Curve, Line
from degcraft.config import merge
from degcraft.errors import DegcraftError
from degcraft.io import whole_file, write_table

ROOT = Path(__file__).parents[3]
COLUMNS = ("name", "ours", "peer", "unit", "ratio", "bar", "holds", "note")
BEGIN, END = "<!-- table of python -m degcraft.benchmarks -->", "<!-- end of the table -->"
_HOLDS = {True: "yes", False: "no", None: "NA"}
_VERSIONS = ("numpy", "torch", "opencv-python-headless", "scikit-image", "snakemake")


def preset(name: str) -> Path:
    """File of a preset, such as paper."""
    return ROOT / "workflow" / "presets" / f"{name}.yaml"


def config(*presets: str) -> dict[str, Any]:
    """``config.yaml`` with presets on top."""
    files = [ROOT / "config.yaml", *(preset(name) for name in presets)]
    return functools.reduce(merge, (yaml.safe_load(file.read_text(encoding="utf-8")) for file in files))


def job_seconds(folder: Path) -> list[float]:
    """Seconds of every job that has run in a folder, as Snakemake's own benchmarks tell them."""
    files = sorted(folder.glob("results/benchmarks/**/*.tsv"))
    return [float(pd.read_csv(file, sep="\t")["s"].iloc[0]) for file in files]


def machine() -> str:
    """Processor, cores, and versions of what is compared."""
    versions = ", ".join(f"{name} {metadata.version(name)}" for name in _VERSIONS)
    return f"{_processor()}, {os.cpu_count()} cores; Python {platform.python_version()}, {versions}"


def _processor() -> str:
    told = Path(os.sep, "proc", "cpuinfo")
    lines = told.read_text(encoding="utf-8").splitlines() if told.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def summary(lines: Sequence[Line]) -> pd.DataFrame:
    """Table of ``summary.csv``; holds reads yes, no, or NA where nothing was measured or there is no bar."""
    rows = [{**line.row(), "holds": _HOLDS[line.holds]} for line in lines]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def points(curves: Sequence[Curve]) -> pd.DataFrame:
    """Table of ``curves.csv``: one row for each point."""
    columns = ["panel", "curve", "x_label", "y_label", "x", "y"]
    rows = [
        (curve.panel, curve.name, curve.x_label, curve.y_label, x, y)
        for curve in curves
        for x, y in zip(curve.x, curve.y, strict=True)
    ]
    return pd.DataFrame(rows, columns=columns)


def write(folder: Path, lines: Sequence[Line], curves: Sequence[Curve]) -> None:
    """Write ``summary.csv``, ``curves.csv`` and ``summary.md`` into `folder`."""
    write_table(folder / "summary.csv", summary(lines))
    write_table(folder / "curves.csv", points(curves))
    with whole_file(folder / "summary.md") as temporary:
        temporary.write_text(markdown(lines), encoding="utf-8")


def markdown(lines: Sequence[Line]) -> str:
    """The summary as a Markdown table, with the machine below it."""
    head = "| what | ours | peer or limit | ratio | bar | holds | how |\n|---|---|---|---|---|---|---|\n"
    rows = "".join(f"| {' | '.join(cells(line))} |\n" for line in lines)
    return f"{head}{rows}\n{machine()}.\n"


def cells(line: Line) -> list[str]:
    """Cells of one line of the Markdown table."""
    ours, peer = (number(value, line.unit) for value in (line.ours, line.peer))
    return [line.name, ours, peer, number(line.ratio, "x"), line.bar, _HOLDS[line.holds], line.note]


def number(value: float, unit: str) -> str:
    """Value with three digits and its unit, nothing for NaN.

    Examples
    --------
    >>> number(12.3456, "ms"), number(1234.5, "x"), number(float("nan"), "s")
    ('12.3 ms', '1234 x', '')
    """
    if math.isnan(value):
        return ""
    return f"{value:.0f} {unit}" if abs(value) >= 1000 else f"{value:.3g} {unit}"


def paste(document: Path, lines: Sequence[Line]) -> None:
    """Replace the table between the two marks of a document.

    Raises
    ------
    DegcraftError
        The document lacks a mark.
    """
    text = document.read_text(encoding="utf-8")
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not end:
        raise DegcraftError(f"{document}: no place for the table; needed are two lines; write {BEGIN} and {END}")
    with whole_file(document) as temporary:
        temporary.write_text(f"{before}{begin}\n\n{markdown(lines)}\n{end}{after}", encoding="utf-8")
