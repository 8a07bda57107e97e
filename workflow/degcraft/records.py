"""Records: a hidden file beside each result with its checksum, what made it, and from what.

A file has ``.<name>.record`` beside it, a folder ``.record`` in it. Stages write them, other commands do not. The
engine knows nothing of them: when it deletes a result, its record stays until the result is written anew.
"""

import json
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from hashlib import sha256 as new_hash
from pathlib import Path
from typing import Any

from degcraft.published import sha256 as sha256

SUFFIX = ".record"
ASIDE = ("logs", "benchmarks", "status.html")  # what is told about a run, no results

_job: dict[str, Any] = {}
_read: dict[str, str] = {}


@contextmanager
def job(stage: str, spec: dict[str, Any], code: str) -> Iterator[None]:
    """Within it this process is a job of `stage`: what it writes is recorded, with what it has read before."""
    _read.clear()
    _job.update({"stage": stage, "spec": spec, "code": code})
    try:
        yield
    finally:
        _job.clear()


@contextmanager
def kept(path: Path, written: Path) -> Iterator[None]:
    """Around the rename of the file `written` to `path`: record it.

    The old record goes first and the new one comes last, so that a kill in between leaves a file without a record,
    never a good file with a wrong one.
    """
    record = _beside(path)
    if not _job:
        record.unlink(missing_ok=True)
        yield
        return
    new = record.with_name(f"{record.name}-{os.getpid()}")
    try:
        _write(new, {"sha256": sha256(written), "size": written.stat().st_size})
        record.unlink(missing_ok=True)
        yield
        new.replace(record)
    finally:
        new.unlink(missing_ok=True)


def keep_folder(folder: Path) -> None:
    """Record a folder that is written but not yet in its place."""
    if not _job:
        return
    for record in folder.rglob(f".*{SUFFIX}"):  # one record for the folder, none for each file
        record.unlink()
    files = _visible(folder)
    sums = {file.relative_to(folder).as_posix(): sha256(file) for file in files}
    size = sum(file.stat().st_size for file in files)
    _write(folder / SUFFIX, {"sha256": _sum(sums), "size": size, "files": sums})


def _write(path: Path, found: dict[str, Any]) -> None:
    content = {**found, **_job, "device": _device(), "inputs": dict(sorted(_read.items()))}
    line = json.dumps(content, sort_keys=True).encode()
    with path.open("wb") as file:
        file.write(line + b"\n" + new_hash(line).hexdigest().encode() + b"\n")
        file.flush()
        os.fsync(file.fileno())


def used(path: str | os.PathLike[str]) -> None:
    """Check a file that is going to be read, and remember it as an input of what will be written.

    A file without a record is read as it is: it was not made by a stage, or a kill came between the two.

    Raises
    ------
    OSError
        It is not there.
    ValueError
        Its bytes, or those of its record, are not those that were written.
    """
    path = Path(path)
    result = result_of(path)
    record = read(result)
    if record is None and not _job:
        return
    found = sha256(path)
    if record is not None and found != record.get("files", {path.name: record["sha256"]}).get(path.name):
        raise ValueError(f"{path.name}: these are not the bytes that were written")
    if not path.parent.name.startswith("."):  # hidden folders hold what a stage keeps for itself
        # What no stage made lies anywhere, under another path on another machine.
        name = "/".join(path.parts[-2:]) if record is None else result.as_posix()
        _read[name] = found if record is None else record["sha256"]


def result_of(path: Path) -> Path:
    """The result that a file belongs to, which is deleted and made as one: itself, or the folder that it lies in."""
    return path if _beside(path).exists() or not (path.parent / SUFFIX).exists() else path.parent


def used_together(name: str, files: Sequence[str | os.PathLike[str]]) -> None:
    """Remember many files that are going to be read as one input: what they hold counts, not where they are."""
    if _job and files:
        _read[name] = _sum({number: sha256(Path(file)) for number, file in enumerate(files)})


def intact(path: Path) -> bool:
    """Whether a file is there, and as it was written if it has a record."""
    try:
        return path.exists() and problem(path) is None
    except OSError:
        return False


def read(result: Path) -> dict[str, Any] | None:
    """Record of a file or folder, None if it has none.

    Raises
    ------
    ValueError
        The record is damaged.
    """
    record = _beside(result)
    try:
        return _parsed(record, record.stat().st_mtime_ns)
    except FileNotFoundError:
        return None


@lru_cache(maxsize=8)  # thousands of images have one record
def _parsed(path: Path, written: int) -> dict[str, Any]:
    line, _, own = path.read_bytes().partition(b"\n")
    if own != new_hash(line).hexdigest().encode() + b"\n":
        raise ValueError(f"its record {path.name} is damaged")
    record: dict[str, Any] = json.loads(line)
    return record


def problem(result: Path) -> str | None:
    """What is wrong with the bytes of a file or folder, None if they are those that were written."""
    try:
        record = read(result)
    except ValueError as error:
        return str(error)
    if record is None:
        return None
    if "files" not in record:
        return None if sha256(result) == record["sha256"] else "not the bytes that were written"
    there = {file.relative_to(result).as_posix(): file for file in _visible(result)}
    wrong = [name for name, written in record["files"].items() if name not in there or sha256(there[name]) != written]
    wrong += sorted(there.keys() - record["files"].keys())
    return f"{wrong[0]} and {len(wrong) - 1} more: not the bytes that were written" if wrong else None


def results(root: Path) -> Iterator[Path]:
    """Files and recorded folders below `root`, sorted, without what is only told about a run."""
    for path in sorted(root.iterdir()):
        if path.name.startswith(".") or path.name in ASIDE:
            continue
        if path.is_dir() and not (path / SUFFIX).exists():
            yield from results(path)
        else:
            yield path


def _beside(path: Path) -> Path:
    return path / SUFFIX if path.is_dir() else path.with_name(f".{path.name}{SUFFIX}")


def _visible(folder: Path) -> list[Path]:
    """Files of a folder, without hidden ones and those in hidden folders."""
    found = (path for path in folder.rglob("*") if path.is_file())
    return sorted(path for path in found if not any(part.startswith(".") for part in path.relative_to(folder).parts))


def _sum(sums: dict[Any, str]) -> str:
    return new_hash(json.dumps(sums, sort_keys=True).encode()).hexdigest()


def _device() -> str:
    """What this process computes on; torch is asked only where a stage has loaded it."""
    torch = sys.modules.get("torch")
    if torch is None or "compute" not in _job["spec"]:
        return "cpu"
    if torch.cuda.is_initialized():
        return str(torch.cuda.get_device_name())
    return "mps" if torch.backends.mps.is_available() and _job["spec"]["compute"]["device"] != "cpu" else "cpu"
