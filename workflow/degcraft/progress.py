"""How far a long command is, told on stderr."""

import shutil
import sys
from collections.abc import Callable
from functools import partial

_BAR = 24  # characters


class Progress:
    """On a terminal a bar that is drawn over, and a line on stderr for every file.

    Parameters
    ----------
    total : int
        Number of files.
    """

    def __init__(self, total: int) -> None:
        self._total, self._number, self._drawn = total, 0, sys.stderr.isatty()

    def of(self, name: str) -> Callable[[int, int], None]:
        """What is to be told the parts of a file."""
        self._draw(name, 0, 1)
        return partial(self._draw, name)

    def end(self, line: str) -> None:
        """Tell about a file that is finished."""
        self._number += 1
        clear = "\r\x1b[K" if self._drawn else ""
        print(f"{clear}{self._number}/{self._total} {line}", file=sys.stderr, flush=True)

    def _draw(self, name: str, done: int, parts: int) -> None:
        if self._drawn:
            bar = f"[{'#' * (_BAR * done // max(parts, 1)):<{_BAR}}] {self._number + 1}/{self._total} {name}"
            print(f"\r\x1b[K{bar[: shutil.get_terminal_size().columns - 1]}", end="", file=sys.stderr, flush=True)
