"""File times, which tell the engine what is newer than what; a clock that was wrong makes them useless."""

import contextlib
import os
import time
from collections.abc import Iterator
from pathlib import Path

_TOLERANCE = 60  # seconds that clocks of a cluster may differ


def mend(results: Path) -> list[str]:
    """Date files of the future to now, so that what is made from them can be newer.

    The engine would run a job, find its output older than its input, and delete the output.

    Parameters
    ----------
    results : path
        Folder of results, all of them.

    Returns
    -------
    list of str
        Files that were dated anew, sorted.
    """
    latest = time.time() + _TOLERANCE
    mended = []
    for entry in _files(results):
        with contextlib.suppress(FileNotFoundError):  # a network file system may list what it does not show yet
            if entry.stat(follow_symlinks=False).st_mtime > latest:
                os.utime(entry.path, follow_symlinks=False)
                mended.append(entry.path)
    return sorted(mended)


def _files(folder: Path | str) -> Iterator["os.DirEntry[str]"]:
    """All files below a folder, and the folders too, since some of them are results."""
    if not Path(folder).is_dir():
        return
    with os.scandir(folder) as entries:
        for entry in entries:
            yield entry
            if entry.is_dir(follow_symlinks=False):
                yield from _files(entry.path)
