"""Look at this machine and this folder: what a run needs, what is missing, and what to type.

Run it in the folder that holds `results`. Each line says ok, note (it works, but something is lost or slower) or
problem; the exit code is 1 if there is a problem.
"""

import argparse
import csv
import importlib.metadata
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from degcraft import health, inputs, published
from degcraft.config import validate
from degcraft.entries import DEFAULT, merged
from degcraft.errors import DegcraftError
from degcraft.health import NOTE, OK, PROBLEM, Finding

HELP = "check Python, packages, GPU, video, weights, disk and locks, and say what to do"
EXAMPLES = """\
examples:
  degcraft doctor
  degcraft doctor --config my.yaml      # the weights and images of your own config"""

LEAST_DISK, SMALL_DISK = 1e9, 10e9  # bytes
SMALL_MEMORY = 4e9  # what the largest jobs ask Snakemake for
RESULTS, LOCKS = Path("results"), Path(".snakemake/locks")
_QUERY = ["--query-gpu=name,driver_version", "--format=csv,noheader"]
_MEMORY, _LIMIT = Path("/proc/meminfo"), Path("/sys/fs/cgroup/memory.max")
_PROCESSES = Path("/proc")


def options(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    parser.add_argument("--config", type=Path, metavar="FILE", help="your own config file, over config.yaml")


def run(given: argparse.Namespace) -> None:
    """Print all findings.

    Raises
    ------
    DegcraftError
        There are problems.
    """
    counts = {OK: 0, NOTE: 0, PROBLEM: 0}
    for finding in _findings(given.config):
        print(finding, flush=True)
        counts[finding.level] += 1
    notes = f"{counts[NOTE]} note{'' if counts[NOTE] == 1 else 's'}"
    if counts[PROBLEM]:
        what = "1 problem" if counts[PROBLEM] == 1 else f"{counts[PROBLEM]} problems"
        raise DegcraftError(f"doctor: {what}, {notes}; do what the lines say, then type: degcraft doctor")
    print(f"no problems, {notes}")


def _findings(own: Path | None) -> Iterator[Finding]:
    yield from _packages()
    config, found = _config(own)
    yield from _device(config)
    yield health.video()
    yield _snakemake()
    yield from found
    yield from _weights(config)
    yield _writing()
    yield _disk()
    yield _memory()
    cores = health.available_cores()
    yield Finding(OK, "cores", f"{cores}: snakemake --cores {cores}")
    yield from _lock()


def _packages() -> Iterator[Finding]:
    try:
        required = importlib.metadata.metadata("degcraft")["Requires-Python"]
    except importlib.metadata.PackageNotFoundError:
        yield Finding(PROBLEM, "degcraft", "not installed in this Python, only found as a folder", health.SETUP)
        return
    yield health.python(required)
    lock = DEFAULT.with_name("requirements.lock")
    pins = lock.read_text(encoding="utf-8") if lock.is_file() else ""
    yield from health.packages(importlib.metadata.requires("degcraft") or [], pins, health.installed())


def _device(config: dict[str, Any]) -> Iterator[Finding]:
    seen, failure = _cards()
    if failure:
        yield Finding(NOTE, "driver", failure, "without it no NVIDIA GPU is used: install or restart the driver")
    try:
        yield health.device(config.get("compute", {}).get("device", "auto"), health.graphics(seen))
    except (ImportError, OSError) as error:
        yield Finding(PROBLEM, "device", f"PyTorch cannot be loaded ({error})", health.SETUP)


def _cards() -> tuple[dict[str, str] | None, str]:
    """Driver by name of card as nvidia-smi lists them, None without that program; and how it failed."""
    program = shutil.which("nvidia-smi")
    if program is None:
        return None, ""
    try:
        done = subprocess.run([program, *_QUERY], capture_output=True, text=True, timeout=60, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return None, f"nvidia-smi does not run ({error})"
    if done.returncode:
        return None, f"nvidia-smi fails ({' '.join((done.stdout + done.stderr).split())[:200]})"
    rows = [[cell.strip() for cell in row] for row in csv.reader(done.stdout.splitlines())]
    return {row[0]: row[1] for row in rows if len(row) == 2}, ""


def _snakemake() -> Finding:
    found, ours = shutil.which("snakemake"), Path(sys.executable).parent
    if found is None:
        return Finding(PROBLEM, "snakemake", "not on the PATH", f"type: source {ours / 'activate'}")
    if Path(found).parent.resolve() != ours.resolve():
        other = f"{found}, which belongs to another Python than this one"
        return Finding(NOTE, "snakemake", other, f"if it fails, type: source {ours / 'activate'}")
    return Finding(OK, "snakemake", found)


def _config(own: Path | None) -> tuple[dict[str, Any], list[Finding]]:
    """The config, as far as it can be read, and what is wrong with it."""
    files = [DEFAULT, *([own] if own else [])]
    try:
        config = merged([_text(file) for file in files])
        validate(config)
    except DegcraftError as error:
        return {}, [Finding(PROBLEM, "config", line) for line in str(error).splitlines()]
    try:
        inputs.check_files(config)
    except DegcraftError as error:
        return config, [Finding(PROBLEM, "config", line) for line in str(error).splitlines()]
    return config, [Finding(OK, "config", f"{' and '.join(map(str, files))}: valid, its files are there")]


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise DegcraftError(f"{file}: cannot be read ({error}); check the path") from error


def _weights(config: dict[str, Any]) -> Iterator[Finding]:
    """Weights that no table needs, so that a run goes on without them, and those that would be fetched."""
    for name, reason in inputs.absent_extractors(config).items() if config else ():
        yield Finding(NOTE, "weights", f"{reason}: {name} cannot be computed", "put it in place, or leave it out")
    users = {f"extractors.{name}": entry for name, entry in config.get("extractors", {}).items()}
    if config:
        users["evaluate.lpips"] = config["evaluate"]["lpips"]
    for user, entry in users.items():
        path = published.weights_file(entry) if entry.get("weights") == "torchvision" else None
        if path and not Path(path).is_file():
            yield Finding(NOTE, "weights", f"{user}: {path} is not there; it is fetched when a result needs it")


def _writing() -> Finding:
    folder = RESULTS if RESULTS.exists() else Path()
    try:
        with tempfile.NamedTemporaryFile(dir=folder, prefix=".degcraft-"):
            pass
    except OSError as error:
        advice = "make it writable, or run in another folder: snakemake --directory FOLDER"
        return Finding(PROBLEM, "results", f"{folder.resolve()} cannot be written ({error.strerror})", advice)
    return Finding(OK, "results", f"{folder.resolve()} can be written")


def _disk() -> Finding:
    free = shutil.disk_usage(RESULTS if RESULTS.exists() else Path()).free
    found, advice = f"{free / 1e9:.1f} GB free", "free space, or run on another disk: snakemake --directory FOLDER"
    if free < LEAST_DISK:
        return Finding(PROBLEM, "disk", found, advice)
    return Finding(NOTE, "disk", found, advice) if free < SMALL_DISK else Finding(OK, "disk", found)


def _memory() -> Finding:
    free = available_memory()
    if free is None:
        return Finding(NOTE, "memory", "unknown on this system", "4 GB are needed")
    found = f"{free / 1e9:.1f} GB free"
    if free < SMALL_MEMORY:
        return Finding(NOTE, "memory", found, "the largest jobs take 4 GB; use --cores 1, and a smaller features.batch")
    return Finding(OK, "memory", found)


def available_memory() -> float | None:
    """Bytes of memory that can be used, a container's limit included; None where the system does not say."""
    try:
        lines = dict(line.split(":", 1) for line in _MEMORY.read_text(encoding="ascii").splitlines())
        free = float(lines["MemAvailable"].split()[0]) * 1024
    except (OSError, KeyError, ValueError):
        return None
    try:
        return min(free, float(_LIMIT.read_text(encoding="ascii")))
    except (OSError, ValueError):  # no limit says "max"
        return free


def _lock() -> Iterator[Finding]:
    """Whether a killed run has left its lock in this folder."""
    if not (LOCKS.is_dir() and any(LOCKS.iterdir())):
        yield Finding(OK, "lock", "none")
    elif is_running(Path().resolve()):
        yield Finding(OK, "lock", "a run is going on in this folder")
    else:
        yield Finding(PROBLEM, "lock", "a killed run left its lock here", "if none goes on, type: snakemake --unlock")


def is_running(folder: Path) -> bool:
    """Whether a Snakemake process works in a folder, as far as /proc shows."""
    for process in _PROCESSES.glob("[0-9]*"):
        try:
            command = (process / "cmdline").read_bytes().split(b"\0")
            named = any(Path(os.fsdecode(word)).name == "snakemake" for word in command[:3])
            if named and (process / "cwd").resolve() == folder:
                return True
        except OSError:  # it has ended, or is another user's
            continue
    return False
