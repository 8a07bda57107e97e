"""Command line: run benchmarks, print their table, write it with a plot."""

import argparse
import sys
import time
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

from degcraft.benchmarks import BENCHMARKS, LONG, figure, files
from degcraft.benchmarks.measurement import Curve, Line
from degcraft.errors import DegcraftError, unknown
from degcraft.io import whole_file

_WIDTHS = (52, 12, 12, 10, 12, 5)


def run(names: Sequence[str], output: Path, document: Path | None = None) -> None:
    """Run benchmarks one after the other; what was measured is written after each.

    Parameters
    ----------
    names : sequence of str
        Which of them, all but the long ones where none is named.
    output : path
        Folder of ``summary.csv``, ``summary.md``, ``curves.csv``, ``summary.png`` and ``summary.pdf``.
    document : path, optional
        Markdown file whose table is replaced.
    """
    lines: list[Line] = []
    curves: list[Curve] = []
    _print("what", "ours", "peer, limit", "ratio", "bar", "holds")
    for name in [name for name in (*BENCHMARKS, *LONG) if name in (names or BENCHMARKS)]:
        begin = time.monotonic()
        for measured in import_module(f"degcraft.benchmarks.{name}").lines():
            if isinstance(measured, Curve):
                curves.append(measured)
            else:
                lines.append(measured)
                _print(*files.cells(measured)[: len(_WIDTHS)])
        files.write(output, lines, curves)
        print(f"{name}: {time.monotonic() - begin:.0f} s", file=sys.stderr, flush=True)
    drawn = figure.draw(lines, curves)
    for kind in ("pdf", "png"):
        with whole_file(output / f"summary.{kind}") as temporary, figure.STYLE.applied():
            drawn.savefig(temporary)
    if document:
        files.paste(document, lines)


def _print(*cells: str) -> None:
    print("  ".join(f"{cell:<{width}}" for cell, width in zip(cells, _WIDTHS, strict=True)).rstrip(), flush=True)


def main(argv: Sequence[str]) -> None:
    """Parse the command line and run."""
    parser = argparse.ArgumentParser(prog="python -m degcraft.benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", help=f"of {', '.join(BENCHMARKS)}, all by default, and {', '.join(LONG)}")
    parser.add_argument("--output", type=Path, default=Path("results", "benchmarks"), help="folder of what is written")
    parser.add_argument("--document", type=Path, help="Markdown file whose table is replaced, docs/performance.md")
    given = parser.parse_args(argv)
    for name in given.names:
        if name not in (*BENCHMARKS, *LONG):
            raise DegcraftError(f"names: {unknown('benchmark', name, (*BENCHMARKS, *LONG))}")
    run(given.names, given.output, given.document)


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except DegcraftError as error:
        sys.exit(f"error: {error}")
