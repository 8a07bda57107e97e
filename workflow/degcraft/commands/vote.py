"""Write a page on which people rank restored images without knowing which is which (paper, Fig. 9).

Each row is a folder of images, under the name that it will have in the figure. The page is one file that
works without a network: send it to the voters, and each sends back the CSV file that it saves. With these
files in a folder and evidence.votes set to FOLDER/*.csv, the workflow draws Figure 9 from them.
"""

import argparse
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from degcraft.errors import DegcraftError
from degcraft.inputs import SUFFIXES

if TYPE_CHECKING:
    from degcraft.voting import Shown

HELP = "write a page on which people rank restored images blind (Figure 9)"
EXAMPLES = """\
examples:
  degcraft vote crafted=results/restored/srresnet/archive/traces.refined/seed0 \\
      uniform=results/restored/srresnet/archive/uniform/seed0 \\
      --lr results/degraded/test/archive -o vote.html
  degcraft vote ours=sr/ours theirs=sr/theirs --images 10 --seed 1 -o vote.html
  snakemake --cores 1 results/figure9.pdf --config 'evidence={votes: votes/*.csv}'
"""
_TOLD = 5  # names of images that are told one by one

Files = dict[str, Path]


def options(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    parser.add_argument("rows", nargs="+", metavar="NAME=FOLDER", help="a row: its name in the figure, its images")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="PAGE", help="the page, .html")
    parser.add_argument("--lr", type=Path, metavar="FOLDER", help="input images, shown beside the rows")
    parser.add_argument("--images", type=int, metavar="N", help="take N of the images at random (default: all)")
    parser.add_argument(
        "--crop",
        type=int,
        metavar="SIDE",
        help="show only the square where the rows disagree most, SIDE input pixels wide (needs --lr)",
    )
    parser.add_argument("--seed", type=int, default=0, metavar="S", help="decides images and orders (default: 0)")
    parser.add_argument(
        "--question", metavar="TEXT", help="what voters are asked (default: which shows the scene best)"
    )


def run(given: argparse.Namespace) -> None:
    """Write the page.

    Raises
    ------
    DegcraftError
        An option or a folder does not fit, or the page cannot be shown; see `degcraft.voting.page`.
    """
    from degcraft.io import whole_file
    from degcraft.voting import QUESTION, page

    _check(given)
    rows = _rows(given.rows)
    lr = _files(given.lr, "--lr") if given.lr else None
    names = _common({**rows, **({} if lr is None else {"--lr": lr})})
    names = _chosen(names, given.images, given.seed)
    text = page(_shown(names, rows, lr, given.crop), given.seed, given.question or QUESTION)
    with whole_file(given.output) as temporary:
        temporary.write_text(text, encoding="utf-8")
    print(f"{given.output}: {len(names)} images in {len(rows)} rows, {len(text) / 2**20:.1f} MiB")
    print("send it to the voters; put their CSV files into a folder, such as votes, then type:")
    print("snakemake --cores 1 results/figure9.pdf --config 'evidence={votes: votes/*.csv}'")


def _check(given: argparse.Namespace) -> None:
    """Refuse options that do not fit."""
    for option, least in (("images", 1), ("crop", 1), ("seed", 0)):
        value = getattr(given, option)
        if value is not None and value < least:
            raise DegcraftError(f"--{option}: {value}; at least {least} is needed; write --{option} {least}")
    if given.crop and not given.lr:
        raise DegcraftError("--crop: no input images; the square is in their pixels; add --lr FOLDER")
    if given.output.suffix.lower() not in (".html", ".htm"):
        raise DegcraftError(f"--output: {given.output} is no page; write -o {given.output.with_suffix('.html')}")


def _rows(texts: Sequence[str]) -> dict[str, Files]:
    """Images of each row, by the row's name."""
    rows: dict[str, Files] = {}
    folders: dict[Path, str] = {}
    for text in texts:
        name, equals, folder = text.partition("=")
        if not (name and equals and folder):
            raise DegcraftError(f"{text}: no row; write NAME=FOLDER, such as crafted={text.strip('=') or 'results'}")
        if name in rows:
            raise DegcraftError(f"{text}: a second row {name}; every row needs a name of its own; write {name}2=...")
        twin = folders.setdefault(Path(folder).resolve(), name)
        if twin != name:
            raise DegcraftError(f"{text}: the folder of row {twin}; nobody can rank what is the same; take one out")
        rows[name] = _files(Path(folder), name)
    if len(rows) < 2:
        raise DegcraftError(f"rows: only {', '.join(rows)}; at least two can be ranked; add NAME=FOLDER")
    return rows


def _files(folder: Path, row: str) -> Files:
    """Images of a folder, by name without suffix."""
    if not folder.is_dir():
        raise DegcraftError(f"{row}: {folder}: no such folder; check the path, or let the workflow make it")
    files: Files = {}
    for file in sorted(folder.iterdir()):
        # Hidden files may have an image's suffix and be none (macOS: ._name.jpg).
        if file.suffix.lower() not in SUFFIXES or file.name.startswith(".") or not file.is_file():
            continue
        if file.stem in files:
            raise DegcraftError(f"{row}: {files[file.stem]} and {file.name} have one name; rename or remove one")
        files[file.stem] = file
    if not files:
        raise DegcraftError(f"{row}: {folder}: no image in this folder; {', '.join(SUFFIXES)} are read")
    return files


def _common(folders: Mapping[str, Files]) -> list[str]:
    """Names of images that all folders have, sorted; the others are told."""
    common = set.intersection(*(set(files) for files in folders.values()))
    for row, files in folders.items():
        rest = sorted(set(files) - common)
        if rest:
            more = f" and {len(rest) - _TOLD} more" if len(rest) > _TOLD else ""
            print(f"{row}: not in every folder, so left out: {', '.join(rest[:_TOLD])}{more}")
    if not common:
        raise DegcraftError(f"rows: no image is in all of {', '.join(folders)}; images of the same names are needed")
    return sorted(common)


def _chosen(names: list[str], count: int | None, seed: int) -> list[str]:
    """So many of the names at random, in their order; all where that is not fewer."""
    from degcraft.streams import stream

    if count is None or count >= len(names):
        return names
    return sorted(stream(seed, "vote", "images").choice(names, count, replace=False).tolist())


def _shown(names: Sequence[str], rows: Mapping[str, Files], lr: Files | None, crop: int | None) -> Iterator["Shown"]:
    """The images as the page shows them, one in memory at a time."""
    from degcraft.images import decode
    from degcraft.voting import Shown

    for name in names:
        shown = Shown(name, {row: decode(files[name]) for row, files in rows.items()}, decode(lr[name]) if lr else None)
        yield _cut(shown, crop) if crop else shown


def _cut(shown: "Shown", side: int) -> "Shown":
    """The square of an image where its rows disagree most."""
    from degcraft.evidence.crops import Scene, disputed_window, fitting_side

    if shown.lr is None:
        return shown
    scene = Scene(shown.name, shown.lr, shown.rows)
    window = disputed_window(scene, fitting_side(scene, side))
    lr = shown.lr[window.top : window.top + window.side, window.left : window.left + window.side]
    return replace(shown, rows={row: window.cut(pixels) for row, pixels in shown.rows.items()}, lr=lr)
