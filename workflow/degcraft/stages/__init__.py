"""Stages: files in, files out. Each module has `run` (typed) and `main` (its command line)."""

import sys
from collections.abc import Callable, Sequence

from degcraft.errors import DegcraftError


def enter(main: Callable[[Sequence[str]], None]) -> None:
    """Run a stage's command line; wrong input ends it with one plain message and exit code 1."""
    try:
        main(sys.argv[1:])
    except DegcraftError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(1)


def say(line: str) -> None:
    """Write one line to the job's log."""
    print(line, file=sys.stderr, flush=True)
