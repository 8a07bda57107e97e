"""Make your own images a target: look at them, and add an entry to config.yaml.

Images are files, folders (their direct children), patterns, CSV lists with a column "file", videos or multi-page TIFF
files. They stay where they are. The entry is put into the section applications; everything else in the file stays as
it is, and nothing is written where something is wrong. Then the command that makes the report is printed, with the
time and disk that it takes here, about.
"""

import argparse
import os
import shlex
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from degcraft import health, inputs, phrases, places
from degcraft.config import validate
from degcraft.entries import DEFAULT, SECTION, inserted, merged, parsed
from degcraft.errors import DegcraftError

if TYPE_CHECKING:
    from degcraft.inspection import Material

HELP = "make your own images, film or video a target: check them and add them to config.yaml"
EXAMPLES = """\
examples:
  degcraft new myfilm --images ~/scans/film/*.png
  degcraft new clip --images holiday.mp4
  degcraft new phone --images lr/ --truth hr/               # with originals to measure against
  degcraft new camera --images photos/ --reduce 2           # images that were enlarged before
  degcraft new rare --images scans/ --min 5                 # few images: go on with 5 reference crops"""

COUNT, LEAST = 100, 20  # reference crops
WINDOW, WINDOWS = 128, 8
TOLD = 5  # problems


def options(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    parser.add_argument("name", metavar="NAME", help="of the target: lower-case letters, digits and hyphens")
    several: dict[str, Any] = {"nargs": "+", "action": "extend", "metavar": "PATH"}
    parser.add_argument("--images", required=True, help="files, folders, patterns, lists, videos", **several)
    parser.add_argument("--truth", default=[], help="originals of the same scenes, 4 times as large", **several)
    parser.add_argument("--reduce", type=int, default=1, metavar="N", help="reduce images by N first (default: 1)")
    parser.add_argument("--references", type=int, default=COUNT, metavar="N", help="reference crops (default: 100)")
    parser.add_argument("--min", type=int, metavar="N", help="go on with as few crops as this (default: 20)")
    parser.add_argument("--config", type=Path, metavar="FILE", help="file for the entry (default: config.yaml)")


def run(given: argparse.Namespace) -> None:
    """Check the material, write the entry, tell what comes next.

    Raises
    ------
    DegcraftError
        The name is taken or no name, files cannot be used, or the config is not valid; nothing was written.
    """
    file: Path = (given.config or DEFAULT).expanduser().resolve()
    own = file != DEFAULT
    texts = [_text(DEFAULT), *([_text(file) if file.exists() else ""] if own else [])]
    _check_numbers(given)
    _check_name(merged(texts), file if given.name in (parsed(texts[-1]).get(SECTION) or {}) else DEFAULT, given.name)
    typed = {option: places.named(getattr(given, option), f"--{option}") for option in ("images", "truth")}
    material, remark = _looked_at(merged(texts), given, typed)
    lists = {option: file.with_name(f"{given.name}-{option}.csv") for option, (_, rest) in typed.items() if rest}
    listed = {option: [*entries, *_list_entry(lists.get(option))] for option, (entries, _) in typed.items()}
    text = inserted(texts[-1], given.name, _entry(given, listed), _remarks(remark))
    config = merged([*texts[:-1], text])
    validate(config)
    _write(file, text, {path: typed[option][1] for option, path in lists.items()})
    print(f"{file}: {SECTION}.{given.name} added")
    _tell_next(config, given.name, material, ["--configfile", str(file)] if own else [])


def _looked_at(
    config: dict[str, Any], given: argparse.Namespace, typed: Mapping[str, tuple[list[Any], list[str]]]
) -> tuple["Material", str]:
    """What the files hold, also in words, after everything that keeps a run from its end was refused."""
    from degcraft.degradations import SCALE
    from degcraft.inspection import described, inspected, notes, problems, truth_problems

    # Lists are not written yet: their files stand for them.
    entry = _entry(given, {option: [*entries, *rest] for option, (entries, rest) in typed.items()})
    trial = {**config, SECTION: {given.name: entry}}
    _check_places(trial, f"config.yaml: {SECTION}.{given.name}.")
    files = inputs.application_files(trial, given.name)
    side = config["prepare"]["crop"] // SCALE
    material = inspected(files, side, given.reduce)
    print(f"{given.name}: {described(material)}")
    truth = inputs.listed_files(trial, entry.get("truth", []))
    found = problems(material, side, entry["references"]["min"], given.reduce) + truth_problems(truth, files, material)
    if found:
        raise DegcraftError("\n".join([*found, "nothing was written"]))
    for note in notes(material, files):
        print(f"note: {note}")
    return material, described(material)


def _check_places(config: dict[str, Any], start: str) -> None:
    """Refuse what is wrong with the files of the new entry; other problems of the config are not this command's."""
    try:
        inputs.check_files(config)
    except DegcraftError as error:
        if own := [line.removeprefix(start) for line in str(error).splitlines() if line.startswith(start)]:
            more = [f"and {len(own) - TOLD} more"] if len(own) > TOLD else []
            raise DegcraftError(
                "\n".join([*(f"--{line}" for line in own[:TOLD]), *more, "nothing was written"])
            ) from None


def _check_numbers(given: argparse.Namespace) -> None:
    least = given.references if given.min is None else given.min
    for option, number, low, high in (
        ("--reduce", given.reduce, 1, None),
        ("--references", given.references, 2, None),
        ("--min", least, 2, given.references),
    ):
        if number < low or (high is not None and number > high):
            ends = f"at least {low}" if high is None else f"{low} to {high}, the number of --references"
            raise DegcraftError(f"{option}: expected {ends}, got {number}")


def _check_name(config: dict[str, Any], file: Path, name: str) -> None:
    """Refuse a name before the work; what names may be made of is for the schema to say."""
    for section in ("settings", SECTION):
        if name in (config.get(section) or {}):
            how = f"edit {section}.{name} in {file} and run again, or choose another name"
            raise DegcraftError(f"{name}: the name is taken; {how}")
    entry = {"images": ["x"], "packaged": [], "window": WINDOW, "count": WINDOWS}
    validate({**config, SECTION: {**config[SECTION], name: entry}})


def _text(file: Path) -> str:
    try:
        with file.open(encoding="utf-8", newline="") as opened:  # line ends stay
            return opened.read()
    except (OSError, UnicodeDecodeError) as error:
        raise DegcraftError(f"{file}: cannot be read ({error}); check the path") from error


def _list_entry(path: Path | None) -> list[dict[str, str]]:
    return [{"list": path.as_posix()}] if path else []


def _entry(given: argparse.Namespace, listed: Mapping[str, list[Any]]) -> dict[str, Any]:
    least = min(LEAST, given.references) if given.min is None else given.min
    entry: dict[str, Any] = {"images": listed["images"], "packaged": []}
    entry |= {"references": {"count": given.references, "min": least, "crops": []}, "window": WINDOW, "count": WINDOWS}
    entry |= {"reduce": given.reduce} if given.reduce > 1 else {}
    return entry | ({"truth": listed["truth"]} if listed["truth"] else {})


def _remarks(described: str) -> dict[str, str]:
    return {
        "": f"Added by degcraft new: {described}.",
        "references": "Crops that the degradation is estimated from: how many, how few will do, and your own, if any.",
        "window": "Side of the windows that models are compared on, pixels, and of how many images at most.",
        "reduce": "Images are reduced by this factor first.",
        "truth": "Originals, in the order of the images.",
    }


def _write(file: Path, text: str, lists: Mapping[Path, list[str]]) -> None:
    """Write lists, then the config, which appears whole."""
    import pandas as pd

    from degcraft.io import whole_file, write_table

    if file.exists() and not os.access(file, os.W_OK):
        raise DegcraftError(f"{file}: read-only; make it writable, or keep the entry elsewhere: --config my.yaml")
    if taken := [path for path in lists if path.exists()]:
        raise DegcraftError(f"{taken[0]}: is there already; move it away, or choose another name")
    mode = file.stat().st_mode if file.exists() else None
    try:
        for path, names in lists.items():
            write_table(path, pd.DataFrame({"file": names}))
        with whole_file(file) as temporary, temporary.open("w", encoding="utf-8", newline="") as opened:
            opened.write(text)
    except DegcraftError:
        for path in lists:
            path.unlink(missing_ok=True)
        raise
    if mode is not None:
        file.chmod(mode)


def _tell_next(config: dict[str, Any], name: str, material: "Material", extra: list[str]) -> None:
    """Print the next command, and what it takes here, about."""
    from degcraft import estimates
    from degcraft.benchmarks.calibration import measure
    from degcraft.degradations import SCALE

    cores = health.available_cores()
    command = ["snakemake", "--cores", str(cores), f"results/{SECTION}/{name}/report.html", *extra]
    if not any(Path(place).is_file() for place in ("Snakefile", "workflow/Snakefile")):
        command += ["--snakefile", str(DEFAULT.with_name("Snakefile"))]
    print(f"next: {shlex.join(command)}")
    work = estimates.needed(config, name, sum(material.pixels.values()), lambda path: Path(path).exists())
    size = estimates.disk(material.pixels, work, config["prepare"]["crop"] // SCALE)
    free = shutil.disk_usage(Path()).free
    disk = f"about {phrases.size(size)} of disk, {phrases.size(free)} are free here"
    print(f"{'problem' if size > free else 'needs'}: {disk}")
    try:
        pace = measure(config, config["report"]["backbone"], estimates.extractor_of(config))
    except DegcraftError as error:
        print(f"note: the time is not known: {error}")
        return
    side_by_side = 1 if pace.device != "cpu" else max(1, cores // config["compute"]["threads"])
    parts = estimates.seconds(work, pace.step, pace.megapixel, pace.synthetic, side_by_side)
    said = [phrases.duration(part) for part in (sum(parts), *parts)]
    models = f"training {len(work.steps)} model{'' if len(work.steps) == 1 else 's'}"
    print(
        f"takes: about {said[0]} here ({pace.device}, {cores} cores, from {1 / pace.step:.3g} steps/s just measured): "
        f"{said[1]} estimating, {said[2]} {models}, {said[3]} restoring"
    )
    if hasattr(os, "getloadavg") and (busy := os.getloadavg()[0]) > cores / 2:
        print(f"note: other programs use {busy:.1f} of the {cores} cores just now; without them it takes less")
