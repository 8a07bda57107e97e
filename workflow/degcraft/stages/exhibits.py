"""What the report of the workflow shows beside tables and figures: pages of tables, all losses, time and memory."""

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path

import pandas as pd

from degcraft.errors import DegcraftError
from degcraft.io import damaged, read_table, whole_file, write_table
from degcraft.stages import enter, say

MODEL = ("backbone", "target", "draw", "seed")
MEASURED = {"s": "seconds", "cpu_time": "cpu_seconds", "max_rss": "memory_mib"}  # the engine's columns, and ours
OWN = "collect_timings"


def losses(inputs: Sequence[Path], output: Path) -> None:
    """Write the loss curves of many trainings into one table.

    Parameters
    ----------
    inputs : sequence of path
        ``.../models/<backbone>/<target>/<draw>/seed<k>/loss.csv``.
    output : path
        CSV: backbone, target, draw, seed, phase (empty for trainings of one), step, loss.

    Raises
    ------
    DegcraftError
        A table is missing or damaged, or lies elsewhere.
    """
    tables = []
    for path in inputs:
        home, *parts = path.parts[-len(MODEL) - 2 : -1] or ("",)
        if home != "models" or len(parts) != len(MODEL):
            raise DegcraftError(f"{path}: not the losses of a model; needed are models/{'/'.join(MODEL)}/loss.csv")
        table = read_table(path, "step", "loss")
        tables.append(table.assign(**dict(zip(MODEL, parts, strict=True)), phase=table.get("phase", "")))
    columns = [*MODEL, "phase", "step", "loss"]
    write_table(output, pd.concat(tables)[columns] if tables else pd.DataFrame(columns=columns))


def timings(root: Path, output: Path) -> None:
    """Write time and memory of all jobs by rule, the longest first.

    Parameters
    ----------
    root : path
        Folder of the engine's benchmark files, ``<rule>.tsv`` or ``<rule>/...tsv``.
    output : path
        CSV: rule, jobs, seconds (sum), longest (one job), cpu_seconds (sum), memory_mib (the greatest resident set,
        MiB; missing where no job was long enough for a sample).

    Raises
    ------
    DegcraftError
        There is no benchmark file.
    """
    jobs = pd.DataFrame(_jobs(root))
    if jobs.empty:
        raise DegcraftError(f"{root}: no benchmark files; results of a run are needed; run the workflow first")
    grouped = jobs.groupby("rule")
    table = grouped.agg(
        jobs=("seconds", "size"),
        seconds=("seconds", "sum"),
        longest=("seconds", "max"),
        cpu_seconds=("cpu_seconds", "sum"),
        memory_mib=("memory_mib", "max"),
    )
    write_table(output, table.sort_values("seconds", ascending=False).reset_index())
    say(f"exhibits: {len(jobs)} jobs of {len(table)} rules, {table['seconds'].sum() / 60:.1f} min")


def page(source: Path, output: Path) -> None:
    """Write a table, ``.md`` or ``.csv``, as an HTML page.

    Raises
    ------
    DegcraftError
        The table is missing or damaged.
    """
    from degcraft.pages import markdown_page, table_page

    if source.suffix == ".md":
        try:
            text = markdown_page(source.stem, source.read_text(encoding="utf-8"))
        except (OSError, UnicodeError) as error:
            raise damaged(source, error) from error
    else:
        text = table_page(source.stem.capitalize(), read_table(source))
    with whole_file(output) as temporary:
        temporary.write_text(text, encoding="utf-8")


def _jobs(root: Path) -> Iterator[dict[str, object]]:
    """Rule and measurements of every whole benchmark file but this rule's own."""
    for path in sorted(root.rglob("*.tsv")):
        rule = path.relative_to(root).parts[0].removesuffix(".tsv")
        lines = [line.split("\t") for line in path.read_text(encoding="utf-8").splitlines()]
        if rule == OWN or len(lines) < 2 or lines[0][0] != "s":
            continue
        measured = dict(zip(lines[0], lines[1], strict=False))
        yield {"rule": rule} | {ours: _number(measured.get(name, "")) for name, ours in MEASURED.items()}


def _number(text: str) -> float:
    """A measurement; the engine writes "-" or NA where a job was too short for it."""
    try:
        return float(text)
    except ValueError:
        return float("nan")


def main(argv: Sequence[str]) -> None:
    """Command line of the stage."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kind", choices=["losses", "timings", "page"])
    parser.add_argument("--inputs", type=Path, nargs="*", default=[], help="losses: one CSV per model; page: the table")
    parser.add_argument("--root", type=Path, help="timings: folder of benchmark files")
    parser.add_argument("--code", required=True)
    parser.add_argument("--output", type=Path, required=True)
    given = parser.parse_args(argv)
    if given.kind == "losses":
        losses(given.inputs, given.output)
    elif given.kind == "timings":
        timings(given.root, given.output)
    else:
        page(given.inputs[0], given.output)


if __name__ == "__main__":
    enter(main)
