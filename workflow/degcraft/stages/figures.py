"""One figure of the paper as PDF and PNG, from its table."""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from degcraft.io import read_png, read_table, whole_file
from degcraft.stages import enter, say


def run(figure: str, table: Path, crops: Path | None, spec: dict[str, Any], pdf: Path, png: Path) -> None:
    """Draw a figure.

    Parameters
    ----------
    figure : str
        figure1 to figure17, losses or timings.
    table : path
        Its data, as the stage evidence wrote them.
    crops : path or None
        Folder of the crops that the table's column ``file`` names.
    spec : dict
        Config section ``figures``.
    pdf, png : path
        The same drawing twice.

    Raises
    ------
    DegcraftError
        The table or a crop is missing or damaged.
    """
    from degcraft.figures import draw
    from degcraft.figures.style import Style, not_shown

    rows = read_table(table, text=["image"])  # names may be digits
    style = Style.from_config(spec["figures"])
    drawn = draw(figure, rows, style, _images(crops, rows))
    for path in (pdf, png):
        with whole_file(path) as temporary:
            temporary.write_bytes(style.render(drawn, path.suffix.removeprefix(".")))
    say(f"{figure}: drawn; {not_shown(rows) or 'complete'}")


def _images(crops: Path | None, rows: pd.DataFrame) -> dict[str, Any]:
    if crops is None:
        return {}
    return {name: read_png(crops, name.removesuffix(".png")) for name in rows["file"].dropna().unique()}


def main(argv: Sequence[str]) -> None:
    """Command line of the stage."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--figure", required=True)
    parser.add_argument("--table", type=Path, required=True, help="its data, .csv")
    parser.add_argument("--crops", nargs="*", default=[], help="folder of its crops, if it shows any")
    parser.add_argument("--spec", type=json.loads, required=True, help="figures")
    parser.add_argument("--code", required=True)
    parser.add_argument("--pdf", type=Path, required=True)
    parser.add_argument("--png", type=Path, required=True)
    given = parser.parse_args(argv)
    crops = next((Path(folder) for folder in given.crops if folder), None)
    run(given.figure, given.table, crops, given.spec, given.pdf, given.png)


if __name__ == "__main__":
    enter(main)
