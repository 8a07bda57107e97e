"""The user's own files: where they are, which images a set has, and what is wrong with them."""

import csv
import re
import sys
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from degcraft import compared
from degcraft.errors import DegcraftError

DISJOINT = ("train", "references", "bins", "test")  # sets that must not share a photograph
SETS = (*DISJOINT, "stability")
WEIGHTS_SUFFIXES = (".safetensors", ".pth", ".pt")
SUFFIXES = (".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")
VIDEO_SUFFIXES = (".avi", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".mts", ".ts", ".webm", ".wmv")

Config = dict[str, Any]


def data_path(config: Config, path: str) -> str:
    """Where a relative path of the config lies.

    Paths that begin with results/ or resources/ start from the working
    directory, others from ``data``; absolute ones stay.

    Examples
    --------
    >>> data_path({"data": "/mnt/images"}, "train/photos"), data_path({"data": "/mnt/images"}, "resources/x.csv")
    ('/mnt/images/train/photos', 'resources/x.csv')
    """
    if path.startswith(("results/", "resources/")):
        return path
    return (Path(config["data"]).expanduser() / path).as_posix()


def image_files(config: Config, name: str) -> list[str]:
    """Image files of set `name` (one of `SETS`), sorted, each once; see `listed_files`."""
    return listed_files(config, config["prepare"][name]["images"])


def listed_files(config: Config, images: list[Any], suffixes: tuple[str, ...] = SUFFIXES) -> list[str]:
    """Files that a list of files, folders, patterns and CSV lists leads to, sorted, each once.

    Folders give their direct children with one of the suffixes, patterns (``*`` in the last part
    of a path) those of them that match, lists the rows that pass their filter. What is missing
    is left out: `check_files` reports it.
    """
    return sorted({file for entry in images for file in _entry(config, entry, suffixes)[0]})


def application_files(config: Config, application: str) -> list[str]:
    """Image and video files of an application, sorted, each once."""
    return listed_files(config, config["applications"][application]["images"], SUFFIXES + VIDEO_SUFFIXES)


def is_video(name: str) -> bool:
    """True for the name of a video file."""
    return name.lower().endswith(VIDEO_SUFFIXES)


def check_files(config: Config, *, warn: bool = False) -> None:
    """Refuse a config whose folders, lists or weight files are not there, and tell all problems at once.

    Parameters
    ----------
    config : dict
        A valid config.
    warn : bool
        Print the problems as warnings instead, as a dry run does.

    Raises
    ------
    DegcraftError
        One line per problem, unless `warn`.
    """
    problems = []
    if re.search(r"\s", config["data"]):
        problems.append(f'data: "{config["data"]}" holds a space; {_plain_link(config["data"])}')
    listed = {f"prepare.{name}.images": config["prepare"][name]["images"] for name in SETS}
    for name, application in config["applications"].items():
        listed[f"applications.{name}.images"] = application["images"]
        listed[f"applications.{name}.truth"] = application.get("truth", [])
        listed[f"applications.{name}.references.crops"] = application.get("references", {}).get("crops", [])
    for path, images in listed.items():
        suffixes = SUFFIXES + VIDEO_SUFFIXES if re.fullmatch(r"applications\..*\.images", path) else SUFFIXES
        problems += [f"{path}: {problem}" for entry in images for problem in _entry(config, entry, suffixes)[1]]
    problems += _unpaired_applications(config)
    lines = [f"config.yaml: {line}" for line in problems + _shared_files(config) + _missing_weights(config)]
    if lines and not warn:
        raise DegcraftError("\n".join(lines))
    for line in lines:
        print(f"warning: {line}", file=sys.stderr)


def unpaired(truth: int, images: int) -> str:
    """What is wrong with so many images of truth for so many LR images; "" where each has its own, or none has."""
    if truth in (0, images):
        return ""
    return f"{truth} images of the truth for {images} LR images; each needs its own; take out those without a partner"


def _unpaired_applications(config: Config) -> Iterator[str]:
    for name, entry in config["applications"].items():
        truth = len(listed_files(config, entry.get("truth", [])))
        if problem := unpaired(truth, len(application_files(config, name)) + len(entry["packaged"])):
            yield f"applications.{name}.truth: {problem}"


def _plain_link(path: str) -> str:
    plain = re.sub(r"\s+", "_", Path(path).name)
    return f"type: ln -s '{path}' {plain}, and name {plain} here"


def _entry(config: Config, entry: str | dict[str, Any], suffixes: tuple[str, ...]) -> tuple[list[str], list[str]]:
    """Files and problems of one entry of ``images``."""
    path = entry if isinstance(entry, str) else entry["list"]
    if ".." in Path(path).parts:
        return [], [f'"{path}" holds ".."; give the whole path, or set data to the folder above']
    place = Path(data_path(config, path))
    try:
        if isinstance(entry, dict):
            return _plain(*_list(place, entry), suffixes)
        if "*" in place.name and not place.exists():
            return _plain(*_folder(place.parent, suffixes, place.name), suffixes)
        if place.is_file() and place.suffix.lower() in SUFFIXES + VIDEO_SUFFIXES:
            return _plain([place.as_posix()], [], suffixes)
        return _plain(*_folder(place, suffixes), suffixes)
    except FileNotFoundError:
        return [], [f"{place}: not found; check the path, or set its folder with --config data=FOLDER"]
    except NotADirectoryError:
        known = " ".join(SUFFIXES + VIDEO_SUFFIXES)
        return [], [f"{place}: not an image, video or folder; read are {known}, and CSV lists as {{list: {path}}}"]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        return [], [f"{place}: cannot be read ({error}); needed is a {'folder' if entry is path else 'CSV file'}"]


def _plain(files: list[str], problems: list[str], suffixes: tuple[str, ...]) -> tuple[list[str], list[str]]:
    """Files and problems, with those files refused that the workflow cannot name, or that are videos among images."""
    braced = [file for file in files if re.search(r"[{}\n]", file)]
    videos = [file for file in files if is_video(file) and VIDEO_SUFFIXES[0] not in suffixes]
    if braced:
        problems = [*problems, f"{braced[0]}: the name holds a brace or a line break; give it another"]
    if videos:
        problems = [*problems, f"{videos[0]}: a video, which only applications.<name>.images takes; name images"]
    return [file for file in files if file not in {*braced, *videos}], problems


def _folder(place: Path, suffixes: tuple[str, ...], pattern: str = "*") -> tuple[list[str], list[str]]:
    files = [
        file.as_posix()
        for file in place.iterdir()
        # Hidden files may have an image's suffix and be none (macOS: ._name.jpg).
        if file.suffix.lower() in suffixes and not file.name.startswith(".") and file.is_file()
        if fnmatchcase(file.name, pattern)
    ]
    needed = f"{', '.join(suffixes)} are read, direct children only"
    named = "" if pattern == "*" else f" that {pattern} names"
    return files, [] if files else [f"{place}: no image in this folder{named}; {needed}"]


def _list(place: Path, entry: dict[str, Any]) -> tuple[list[str], list[str]]:
    where = {column: str(value) for column, value in entry["where"].items()} if "where" in entry else {}
    with place.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file)
        columns = list(reader.fieldnames or [])
        rows = list(reader)
    absent = [column for column in ("file", *where) if column not in columns]
    if absent:
        return [], [f'{place}: no column "{absent[0]}"; it has {", ".join(columns) or "no header"}']
    chosen = [row["file"] or "" for row in rows if all(row[column] == value for column, value in where.items())]
    if not chosen:
        values = [f"{column} is one of {', '.join(sorted({row[column] or '' for row in rows}))}" for column in where]
        return [], [f"{place}: no row{' passes the filter' if where else ''}; {' and '.join(values) or 'add rows'}"]
    outside = [name for name in chosen if ".." in Path(name).parts]
    if outside:
        return [], [f'{place}: "{outside[0]}" holds ".."; files lie beside the list or below, or have whole paths']
    files = [place.parent / name for name in chosen]
    there = [file.as_posix() for file in files if file.is_file()]
    missing = [file.as_posix() for file in files if not file.is_file()]
    problem = f"{place}: {len(missing)} of {len(files)} files are missing, the first is {missing[:1]}"
    return there, [f"{problem}; correct the column file"] if missing else []


def _shared_files(config: Config) -> list[str]:
    """Photographs that two sets would share, one line per pair of sets."""
    files = {name: {str(Path(file).resolve()) for file in image_files(config, name)} for name in DISJOINT}
    lines = []
    for number, name in enumerate(DISJOINT):
        for other in DISJOINT[:number]:
            common = sorted(files[name] & files[other])
            if common:
                found = f"{len(common)} files are in prepare.{other}.images too, the first is {common[0]}"
                lines.append(f"prepare.{name}.images: {found}; the sets must differ")
    return lines


def absent_extractors(config: Config) -> dict[str, str]:
    """Extractors that cannot be computed here, each with the reason: a file or folder of theirs is not there.

    Files in resources/ and results/ count as there, since rules answer for them. The
    reason does not say where ``data`` is: figures are not drawn anew for that.
    """
    return {name: f"{option}: {path}: {problem}" for name, option, path, problem in _absent(config)}


def _absent(config: Config) -> Iterator[tuple[str, str, str, str]]:
    """Extractor, option, path and problem of each file or folder that an extractor lacks."""
    for name, options in config["extractors"].items():
        weights, textures = options.get("weights", ""), options.get("textures")
        if weights.endswith(WEIGHTS_SUFFIXES) and not _is_file(config, weights):
            yield name, f"extractors.{name}.weights", weights, "no such file"
        if textures and not Path(data_path(config, textures)).is_dir():
            yield name, f"extractors.{name}.textures", textures, "no such folder"


def _is_file(config: Config, path: str) -> bool:
    return path.startswith(("results/", "resources/")) or Path(data_path(config, path)).is_file()


def _missing_weights(config: Config) -> list[str]:
    """What extractors of the tables and LPIPS need and is not there."""
    tables = config["tables"]
    used = {extractor for backbone in tables["backbones"] for extractor in tables["extractors"][backbone]}
    used |= {config["methods"][name].get("perceptual") for name in compared.chosen(config)}
    missing = [(option, path, problem) for name, option, path, problem in _absent(config) if name in used]
    lpips = config["evaluate"]["lpips"]["weights"] if "lpips" in config["evaluate"]["metrics"] else ""
    if lpips.endswith(WEIGHTS_SUFFIXES) and not _is_file(config, lpips):
        missing.append(("evaluate.lpips.weights", lpips, "no such file"))
    for name in compared.chosen(config):
        checkpoint = config["methods"][name].get("checkpoint")
        if checkpoint and not _is_file(config, checkpoint):
            missing.append((f"methods.{name}.checkpoint", checkpoint, "no such file"))
    advice = "check the path, or set its folder with --config data=FOLDER"
    return [f"{option}: {data_path(config, path)}: {problem}; {advice}" for option, path, problem in sorted(missing)]
