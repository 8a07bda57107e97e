"""Stages: files in, files out. Each module has `run` (typed) and `main` (its command line)."""

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from pathlib import Path

from degcraft import records
from degcraft.errors import DegcraftError


def enter(main: Callable[[Sequence[str]], None]) -> None:
    """Run a stage's command line; wrong input ends it with one plain message and exit code 1."""
    job = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    job.add_argument("--spec", type=json.loads, default={})
    job.add_argument("--code")
    given, _ = job.parse_known_args()
    recorded = records.job(Path(sys.argv[0]).stem, given.spec, given.code) if given.code else nullcontext()
    try:
        with recorded:
            main(sys.argv[1:])
    except DegcraftError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(1)


def say(line: str) -> None:
    """Write one line to the job's log."""
    print(line, file=sys.stderr, flush=True)
