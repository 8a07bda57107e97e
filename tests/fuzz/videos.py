"""Mutated films through all that is done with a video: `python -m tests.fuzz.videos --count 3000 --seed 1`."""

import os
import shutil
import socket
from functools import partial
from pathlib import Path

import numpy as np

from degcraft import video
from degcraft.errors import DegcraftError
from degcraft.streams import stream
from tests.fuzz.campaigns import Case, Limits, main
from tests.fuzz.films import claims, films, lists
from tests.fuzz.mutations import mutant

# Memory: what the rules of applications ask the engine for, on top of libraries that are loaded on first use.
LIMITS = Limits(seconds=20, memory=2_000_000_000)
_SCALE = 2
_CANARY = "canary.mp4"


def case_of(seed: int) -> Case:
    """Lists of other files, then films that claim too much, then whole films, then mutants."""
    seeds = films()
    listener = socket.create_server(("127.0.0.1", 0))
    listener.setblocking(False)
    port = listener.getsockname()[1]
    names = list(lists(Path(_CANARY), port))
    fixed = [*claims(), *seeds]

    def case(number: int, folder: Path) -> None:
        if number < len(names):
            _listed(names[number], folder, listener)
            return
        rng = stream(seed, "fuzz", "videos", number)
        number -= len(names)
        worked(fixed[number] if number < len(fixed) else mutant(seeds, rng), folder)

    return case


def _listed(name: str, folder: Path, listener: socket.socket) -> None:
    """A list is refused, or only what lies in it is read: neither the canary nor the port."""
    canary = folder / _CANARY
    canary.write_bytes(films()[0])
    os.utime(canary, ns=(0, 10**18))
    try:
        worked(lists(canary, listener.getsockname()[1])[name], folder)
    finally:
        opened = canary.stat().st_atime_ns
        if opened or not (canary.read_bytes() and canary.stat().st_atime_ns):
            raise AssertionError(f"{name}: another file was opened" if opened else "no times of access in this folder")
        try:
            listener.accept()
        except BlockingIOError:
            pass
        else:
            raise AssertionError(f"{name}: a connection was made")


def worked(content: bytes, folder: Path) -> None:
    """Probe, sample and rewrite one film; the result has all frames, twice as large, or there is none."""
    file, output, work = folder / "film.mp4", folder / "restored.mkv", folder / "work"
    shutil.rmtree(work, ignore_errors=True)
    output.unlink(missing_ok=True)
    file.write_bytes(content)
    try:
        film = video.probe(file)
        chosen = video.sampled(file, 3)
        video.rewritten(file, output, partial(np.kron, b=np.ones((_SCALE, _SCALE, 1), np.uint8)), _SCALE, work, _told)
    except DegcraftError:
        if output.exists():
            raise AssertionError("a refused film left something behind") from None
        raise
    if not chosen or any(pixels.shape != (film.height, film.width, 3) for _, pixels in chosen):
        raise AssertionError(f"{len(chosen)} frames of {film.width} x {film.height}")
    result = video.probe(output)
    if (result.width, result.height) != (_SCALE * film.width, _SCALE * film.height) or work.exists():
        raise AssertionError(f"a film of {result.width} x {result.height} of one of {film.width} x {film.height}")


def _told(done: int, total: int) -> None:
    """Progress, which nobody looks at here."""


if __name__ == "__main__":
    main("videos", case_of, LIMITS)
