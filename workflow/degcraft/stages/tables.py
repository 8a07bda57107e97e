"""The paper's Table 1 and Table 2 beside what was drawn and measured."""

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from degcraft import tables
from degcraft.bins import PARAMETERS
from degcraft.compared import IMAGE
from degcraft.errors import DegcraftError
from degcraft.fits import fits
from degcraft.io import damaged, read_arrays, read_table, whole_file, write_table
from degcraft.markdown import table2_markdown
from degcraft.stages import enter, say

PAPER = Path(__file__).parents[3] / "resources" / "paper"


def run_table1(
    paper: Path, references: Sequence[Path], test: Sequence[Path], spec: dict[str, Any], output: Path
) -> None:
    """Write the settings' ranges and what was drawn from them.

    Parameters
    ----------
    paper : path
        The paper's Table 1: setting, parameter, low, high.
    references : sequence of path
        ``<setting>.npz`` with blur, noise and quality of every reference.
    test : sequence of path
        Folders ``<setting>`` with ``parameters.csv`` of every test image.
    spec : dict
        ``settings``: ranges of the wanted ones.
    output : path
        CSV; see `degcraft.tables.table1`.
    """
    drawn = {
        path.stem: pd.DataFrame(dict(zip(PARAMETERS, read_arrays(path, *PARAMETERS), strict=True)))
        for path in references
    }
    tested = {folder.name: read_table(folder / "parameters.csv", *PARAMETERS) for folder in test}
    for option, given in (("references", drawn), ("test", tested)):
        for setting in spec["settings"]:
            if setting not in given:
                raise DegcraftError(f"--{option}: nothing for {setting}; every setting is needed; add its path")
    printed = read_table(paper, "setting", "parameter", "low", "high")
    write_table(output, tables.table1(printed, drawn, tested, spec))


def run_table2(
    paper: Path,
    metrics: Sequence[Path],
    root: Path,
    spec: dict[str, Any],
    absent: Mapping[str, str],
    output: Path,
    markdown: Path,
) -> None:
    """Write Table 2, tidy and for reading.

    Parameters
    ----------
    paper : path
        The paper's Table 2: method, type, backbone, extractor, setting, metric, value.
    metrics : sequence of path
        ``<root>/<backbone>/<target>/<draw>/seed<k>.csv``, one line per test image.
    root : path
        Where those paths start.
    spec : dict
        Config sections ``tables``, ``weights``, ``evaluate``, ``train`` (iterations, seeds),
        and ``backbones``.
    absent : mapping of str to str
        Extractors that cannot be computed here, and why.
    output, markdown : path
        The CSV and the Markdown file; see `degcraft.tables.table2`.

    Raises
    ------
    DegcraftError
        A metrics file is missing, truncated, or of other test images than the rest.
    """
    measured = {_model(path, root): _read_metrics(path, spec["evaluate"]) for path in metrics}
    _check_same_images(dict(zip(metrics, measured.values(), strict=True)))
    printed = read_table(paper, "method", "type", "backbone", "extractor", "setting", "metric", "value")
    table = tables.table2(printed, measured, spec, set(absent))
    write_table(output, table)
    with whole_file(markdown) as temporary:
        temporary.write_text(table2_markdown(table, spec), encoding="utf-8")
    say(f"tables: {table['measured'].notna().sum()} of {len(table)} cells measured")


def run_fits(weights: Sequence[Path], output: Path) -> None:
    """Write what was found for every target from ``.../<target>/<draw>.csv`` of the stage weights."""
    found = {(path.parent.name, path.stem): read_table(path, "explained", "expected", "verdict") for path in weights}
    table = fits(found)
    write_table(output, table)
    for line in table.to_dict("records"):
        say(f"{line['target']}: {line['verdict']} by {line['draw']} ({line['explained']:.0%} of its references)")


def _model(path: Path, root: Path) -> str:
    parts = path.relative_to(root).with_suffix("").parts if path.is_relative_to(root) else ()
    if len(parts) != 4:
        raise DegcraftError(f"{path}: not {root}/<backbone>/<target>/<draw>/seed<k>.csv; give --metrics-root its start")
    return "/".join(parts)


def _read_metrics(path: Path, evaluate: dict[str, Any]) -> pd.DataFrame:
    table = read_table(path, "name", *evaluate["metrics"], text=["name"])
    for metric in evaluate["metrics"]:
        optional = metric == "lpips" and evaluate["lpips"]["weights"] == "none"
        if not pd.api.types.is_numeric_dtype(table[metric]) or (table[metric].isna().any() and not optional):
            raise damaged(path, f"column {metric} is not whole")
    return table


def _check_same_images(measured: Mapping[Path, pd.DataFrame]) -> None:
    expected = max((set(table["name"]) for table in measured.values()), key=len, default=set())
    for path, table in measured.items():
        partial = path.parent.name == IMAGE and set(table["name"]) < expected  # of a method that learns image by image
        if len(table) != len(set(table["name"])) or (set(table["name"]) != expected and not partial):
            raise damaged(path, f"{len(table)} test images, others have {len(expected)}")


def main(argv: Sequence[str]) -> None:
    """Command line of the stage."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--table", choices=["table1", "table2", "fits"], required=True)
    parser.add_argument("--paper", type=Path, help="the paper's numbers; default: resources/paper/<table>.csv")
    parser.add_argument("--references", type=Path, nargs="+", default=[], help="table1: one .npz per setting")
    parser.add_argument("--test", type=Path, nargs="+", default=[], help="table1: one folder per setting")
    parser.add_argument("--metrics", type=Path, nargs="+", default=[], help="table2: one CSV per model and target")
    parser.add_argument("--metrics-root", type=Path, default=Path("results/metrics"))
    parser.add_argument("--absent", type=json.loads, default={}, help="table2: extractors without their files, JSON")
    parser.add_argument("--spec", type=json.loads, required=True)
    parser.add_argument("--code", required=True)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--markdown", type=Path, help="table2: the same table for reading; default: beside the CSV")
    parser.add_argument("--weights", type=Path, nargs="+", default=[], help="fits: one CSV per target and draw")
    given = parser.parse_args(argv)
    if given.table == "fits":
        run_fits(given.weights, given.output)
        return
    paper = given.paper or PAPER / f"{given.table}.csv"
    if given.table == "table1":
        run_table1(paper, given.references, given.test, given.spec, given.output)
    else:
        markdown = given.markdown or given.output.with_suffix(".md")
        run_table2(paper, given.metrics, given.metrics_root, given.spec, given.absent, given.output, markdown)


if __name__ == "__main__":
    enter(main)
