"""Files of a user: each restored into an output folder under its own name, once, whatever interrupts."""

import hashlib
import json
import os
import tempfile
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path

from degcraft.errors import DegcraftError
from degcraft.inputs import SUFFIXES, VIDEO_SUFFIXES, is_video
from degcraft.interpolation import reduced
from degcraft.io import damaged, unwritable, whole_file
from degcraft.pictures import Picture, check_format, read_pages, write_pages
from degcraft.progress import Progress
from degcraft.published import sha256
from degcraft.restore import Pixels, Restorer, Told

RECORDS = ".degcraft"  # folder inside the output folder: what is done, and what has begun
_INDEX = "done.jsonl"
_BAD = (DegcraftError, MemoryError, RuntimeError, ValueError)  # what one file may fail with; the others go on


@dataclass(frozen=True)
class Done:
    """Names of files in the output folder: those that were restored now, and those that were there already."""

    restored: list[str]
    kept: list[str]


def expanded(places: Sequence[str]) -> list[Path]:
    """Image and video files that files, folders and patterns lead to, sorted within each, every file once.

    Folders give their direct children with a suffix of an image or a video; patterns
    (``*``, ``?`` or ``[]`` in the last part of a path) those of them that match.

    Raises
    ------
    DegcraftError
        One line for each place that leads to nothing.
    """
    found, problems = [], []
    for place in map(Path, places):
        files = _files(place)
        found += files
        if not files:
            problems.append(f"{place}: {_lacking(place)}")
    if problems:
        raise DegcraftError("\n".join(problems))
    return list(dict.fromkeys(found))


def _files(place: Path) -> list[Path]:
    if place.is_file():
        return [place] if place.suffix.lower() in SUFFIXES + VIDEO_SUFFIXES else []
    folder, pattern = (place, "*") if place.is_dir() else (place.parent, place.name)
    children = sorted(folder.iterdir()) if folder.is_dir() else []
    # Hidden files may have an image's suffix and be none (macOS: ._name.jpg).
    fit = [child for child in children if fnmatchcase(child.name, pattern) and not child.name.startswith(".")]
    return [child for child in fit if child.is_file() and child.suffix.lower() in SUFFIXES + VIDEO_SUFFIXES]


def _lacking(place: Path) -> str:
    kinds = f"{', '.join(SUFFIXES + VIDEO_SUFFIXES)} are read"
    if place.is_file():
        return f'unknown kind "{place.suffix}"; {kinds}; convert it'
    if place.is_dir() or any(sign in place.name for sign in "*?["):
        return f"no image or video there; {kinds}, direct children only"
    return "not found; check the path"


def restore_all(
    restorer: Restorer, files: Sequence[Path], output: Path, *, reduce: int = 1, again: bool = False
) -> Done:
    """Restore images and videos into a folder, under their names.

    What is done is known by the contents of a file, not by its date: the index
    ``.degcraft/done.jsonl`` in `output` says for every name which contents, model and factor
    made it, and its checksum. So the same command continues after an interruption, restores what has changed,
    and does nothing twice; a file that it did not write is never overwritten. Files of equal
    names get the names of their folders before theirs. Progress is told on stderr.

    Parameters
    ----------
    restorer : Restorer
        The network.
    files : sequence of path
        Images and videos.
    output : path
        A folder, which may exist.
    reduce : int
        Factor by which images are reduced first; see `degcraft.interpolation.reduced`.
    again : bool
        Restore what is done, too, and overwrite what is there.

    Returns
    -------
    Done

    Raises
    ------
    DegcraftError
        Before anything is restored: the output folder cannot be written, or is that of a file.
        After everything else is restored: one line for each file that could not be.
    """
    names = named(files)
    if inside := [file for file in files if _whole(file).parent.resolve() == output.resolve()]:
        raise DegcraftError(f"{output}: {inside[0].name} lies in this folder; the output needs another; type -o FOLDER")
    records = _Records.begun(output)
    done, problems, progress = Done([], []), [], Progress(len(names))
    for name, file in names.items():
        try:
            key = _key(file, restorer, reduce)
            if not again and records.holds(name, key):
                done.kept.append(name)
                progress.end(f"{name}: done already")
                continue
            if not again:
                records.refuse_foreign(name)
            _restore_file(restorer, file, records.part(name), reduce, records.part(f"{key}.frames"), progress.of(name))
            records.place(name, key)
            done.restored.append(name)
            progress.end(f"{name}: restored")
        except _BAD as error:
            problem = str(error) or type(error).__name__
            problems.append(problem if problem.startswith(str(file)) else f"{file}: {problem}")
            progress.end(f"{name}: not restored")
    records.end()
    if problems:
        found = f"{len(problems)} of {len(names)} files were not restored; the others lie in {output}"
        raise DegcraftError("\n".join([found, *problems]))
    return done


def named(files: Sequence[Path]) -> dict[str, Path]:
    """Files by the names of their outputs, in their order.

    A file keeps its name; where several have one, whatever their case, the names of their
    folders come first: ``a_scan.png`` and ``b_scan.png``. Videos in containers that cannot be
    written get ``.mkv`` after their name.
    """
    paths = list(dict.fromkeys(map(_whole, files)))
    parts = dict.fromkeys(paths, 1)
    for _ in range(max((len(path.parts) for path in paths), default=0)):
        names = {path: "_".join(path.parts[-parts[path] :]) + _further_suffix(path) for path in paths}
        # Some file systems take names of another case, or of accents composed otherwise, for the same.
        folded = {path: unicodedata.normalize("NFC", name).casefold() for path, name in names.items()}
        counts = Counter(folded.values())
        twice = [path for path in paths if counts[folded[path]] > 1]
        if not twice:
            return {name: path for path, name in names.items()}
        for path in twice:
            parts[path] += 1
    if not paths:
        return {}
    raise DegcraftError(f"{twice[0]} and {twice[1]} would have one name in the output folder; rename one")


def _whole(file: Path) -> Path:
    """Path from the root, without dots; links stay as they are."""
    return Path(os.path.abspath(file))  # noqa: PTH100


def _further_suffix(path: Path) -> str:
    if not is_video(path.name):
        return ""
    from degcraft.video import output_suffix

    suffix = output_suffix(path)
    return "" if suffix == path.suffix.lower() else suffix


def _key(file: Path, restorer: Restorer, reduce: int) -> str:
    """What decides a restored file: the contents of the file, the model and the factor."""
    try:
        content = sha256(file)
    except OSError as error:
        raise DegcraftError(f"{file}: cannot be read ({error.strerror or error}); check the path") from error
    return hashlib.sha256(json.dumps([content, restorer.name, reduce]).encode()).hexdigest()[:16]


def _restore_file(restorer: Restorer, file: Path, output: Path, reduce: int, work: Path, told: Told) -> None:
    if is_video(file.name):
        _restore_video(restorer, file, output, reduce, work, told)
        return
    with whole_file(output) as temporary:
        write_pages(temporary, _restored_pages(restorer, file, reduce, told))


def _restore_video(restorer: Restorer, file: Path, output: Path, reduce: int, work: Path, told: Told) -> None:
    from degcraft.video import probe, rewritten

    film = probe(file)
    if any(length % reduce for length in (restorer.scale, film.width, film.height)):
        raise DegcraftError(
            f"{file}: reduce: {reduce}; frames of {film.width} x {film.height} can be reduced by 2 or 4 where it "
            "divides both; set reduce: 1"
        )

    def restored(frame: Pixels) -> Pixels:
        return restorer.pixels(frame if reduce == 1 else reduced(frame, reduce))

    rewritten(file, output, restored, restorer.scale // reduce, work, told)


def _restored_pages(restorer: Restorer, file: Path, reduce: int, told: Told) -> Iterator[Picture]:
    for picture in read_pages(file):
        smaller = picture if reduce == 1 else _reduced(picture, reduce)
        check_format(file, smaller, restorer.scale)  # before the work
        yield restorer(smaller, told)


def _reduced(picture: Picture, factor: int) -> Picture:
    if min(picture.colours.shape[:2]) < factor:
        raise DegcraftError(f"fewer pixels on a side than reduce: {factor}; set reduce: 1")
    alpha: Pixels | None = None if picture.alpha is None else reduced(picture.alpha, factor)
    return replace(picture, colours=reduced(picture.colours, factor), alpha=alpha)


class _Records:
    """What an output folder holds, and the folder in it where files are made."""

    def __init__(self, output: Path, keys: dict[str, tuple[str, str]]) -> None:
        self._output, self._keys = output, keys

    @classmethod
    def begun(cls, output: Path) -> "_Records":
        """Records of a folder that can be written, without what a killed run left half."""
        folder = output / RECORDS
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=folder), tempfile.TemporaryFile(dir=output):
                pass
            for half in folder.iterdir():
                if half.is_file() and half.name != _INDEX:
                    half.unlink()
            records = cls(output, _read_index(folder / _INDEX))
        except OSError as error:
            raise unwritable(output, error) from error
        records._write()
        return records

    def part(self, name: str) -> Path:
        """Where a file is made, or what belongs to its making is kept."""
        return self._output / RECORDS / name

    def holds(self, name: str, key: str) -> bool:
        """Whether a file was made from the same, and is what was made."""
        made = self._output / name
        if name not in self._keys or self._keys[name][0] != key or not made.is_file():
            return False
        if sha256(made) != self._keys[name][1]:
            raise damaged(made, "changed since it was restored")
        return True

    def refuse_foreign(self, name: str) -> None:
        if name not in self._keys and (self._output / name).exists():
            raise DegcraftError(
                f"{self._output / name} is there and was not restored by this command; move it away, choose another "
                "folder, or type --again to overwrite it"
            )

    def place(self, name: str, key: str) -> None:
        """Let a made file appear in the folder; killed anywhere in between, it counts as not done."""
        try:
            (self._output / name).unlink(missing_ok=True)
            self._keys[name] = key, sha256(self.part(name))
            with self.part(_INDEX).open("a", encoding="utf-8") as index:
                index.write(_line(name, *self._keys[name]))
            self.part(name).replace(self._output / name)
        except OSError as error:
            raise unwritable(self._output / name, error) from error

    def end(self) -> None:
        """Leave one line for each file, sorted."""
        self._write()

    def _write(self) -> None:
        with whole_file(self.part(_INDEX)) as temporary:
            temporary.write_text("".join(_line(name, *self._keys[name]) for name in sorted(self._keys)), "utf-8")


def _line(name: str, key: str, checksum: str) -> str:
    return json.dumps({"name": name, "key": key, "sha256": checksum}, ensure_ascii=False) + "\n"


def _read_index(path: Path) -> dict[str, tuple[str, str]]:
    keys = {}
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines() if path.exists() else []:
        try:
            record = json.loads(line)
            keys[record["name"]] = record["key"], record["sha256"]
        except (ValueError, KeyError, TypeError):  # the last line of a killed run
            continue
    return keys
