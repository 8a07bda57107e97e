"""Campaign of faults: `python -m tests.faults --count 200 --seed 1`; prints a table for docs/reliability.md."""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import NoReturn

from degcraft.streams import stream
from tests.faults.kinds import KINDS, Fault, Scene
from tests.faults.repeated import repeated_kills
from tests.faults.runs import PARTS, Run

SAME, TYPED, OTHER, FAILED, MISSED = "same bytes", "after a named command", "other bytes", "no way on", "missed"
_TRIES = 6  # moments that are tried until a fault hits


def reference(run: Run) -> float:
    """A run that nothing disturbs: its seconds."""
    run.workdir.mkdir()
    begun = time.monotonic()
    if run.do() != 0:
        sys.exit(f"the undisturbed run failed:\n{run.output[-3000:]}")
    return time.monotonic() - begun


def disturb(kind: str, fault: Fault, number: int, seed: int, whole: Run, seconds: float) -> tuple[str, str]:
    """One fault of a kind and what it came to, and where it hit."""
    for attempt in range(_TRIES):
        rng = stream(seed, "faults", kind, number, attempt)
        first = None if kind == "corrupt-result" else PARTS[rng.integers(len(PARTS))]
        run = whole.copied(whole.workdir.with_name(f"{kind}-{number}-{attempt}"), first)
        # What is left to do takes less than a whole run, so that most moments hit.
        left = 0.9 * seconds * (1 - 0.85 * (PARTS.index(first) if first else 0) / len(PARTS))
        try:
            where = fault(Scene(run, rng, whole, left))
            if where is None:
                continue
            return _outcome(run, whole), where
        except AssertionError as error:
            return OTHER, str(error)
        finally:
            run.kill()
            if os.environ.get("KEEP") is None:
                shutil.rmtree(run.workdir, ignore_errors=True)
    return MISSED, f"{_TRIES} moments passed"


def _outcome(run: Run, whole: Run) -> str:
    if not run.recover():
        print(run.output[-2000:])
        return FAILED
    if run.bytes() != whole.bytes():
        return OTHER
    return TYPED if any("--unlock" in command or command.startswith("rm ") for command in run.commands) else SAME


def campaign(faults: dict[str, Fault], count: int, seed: int, whole: Run, seconds: float) -> dict[str, Counter[str]]:
    """Faults of all kinds in turn; one line each."""
    print(f"undisturbed: {seconds:.0f} s; seed {seed}", flush=True)
    found: dict[str, Counter[str]] = {kind: Counter() for kind in faults}
    for number in range(count):
        kind = list(faults)[number % len(faults)]
        outcome, where = disturb(kind, faults[kind], number, seed, whole, seconds)
        found[kind][outcome] += 1
        print(f"{number:4d} {kind}: {where}: {outcome}", flush=True)
    return found


def table(found: dict[str, Counter[str]]) -> str:
    """Outcomes by kind, as Markdown."""
    rows = [
        "| fault | injected | same bytes | of these after a named command | other bytes | no way on |",
        "|---|---|---|---|---|---|",
    ]
    total: Counter[str] = sum(found.values(), Counter())
    for kind, counts in [*found.items(), ("all", total)]:
        injected = sum(counts.values()) - counts[MISSED]
        cells = (injected, counts[SAME] + counts[TYPED], counts[TYPED], counts[OTHER], counts[FAILED])
        rows.append(f"| {kind} | {' | '.join(map(str, cells))} |")
    return "\n".join(rows)


def conclude(found: dict[str, Counter[str]]) -> NoReturn:
    """Print the table; the exit code tells whether all ended well."""
    print(table(found))
    sys.exit(1 if any(counts[OTHER] + counts[FAILED] for counts in found.values()) else 0)


def refuse_kind(kind: str) -> str:
    """Why a kind cannot be tried here; "" if it can."""
    if kind == "full-disk" and (
        os.geteuid() != 0 or subprocess.run(["which", "mount"], capture_output=True).returncode
    ):
        return "a small file system is mounted for it, which needs root"
    return ""


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument(
        "--count", type=int, default=len(KINDS), help="number of faults, or of kills of the one training"
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--kind", action="append", choices=[*KINDS, "repeated-kill"], help="may be given several times")
    parser.add_argument("--steps", type=int, default=3000, help="for repeated-kill: length of the training")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="degcraft-faults-") as folder:
        if given.kind == ["repeated-kill"]:
            sys.exit(0 if repeated_kills(Path(folder), given.steps, given.count, given.seed) else 1)
        kinds = given.kind or list(KINDS)
        for kind in kinds:
            if reason := refuse_kind(kind):
                print(f"skipped: {kind}: {reason}")
        faults = {kind: KINDS[kind] for kind in kinds if not refuse_kind(kind)}
        whole = Run(Path(folder) / "whole")
        found = campaign(faults, given.count, given.seed, whole, reference(whole))
    conclude(found)


if __name__ == "__main__":
    main()
