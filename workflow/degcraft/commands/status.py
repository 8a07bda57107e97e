"""Say how the workflow's run in this folder stands, and write results/status.html.

A run keeps that page up to date by itself; this command is for terminals, and for a page that nobody writes
any more. It only reads what the run leaves in results/logs and results/benchmarks, on whatever machine.
"""

import argparse
import os
import sys
import time
from collections import defaultdict
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from degcraft import journal
from degcraft.errors import DegcraftError
from degcraft.runs import FAILED, FINISHED, RUNNING, STOPPED, Job, Run, Training, left, state, training

if TYPE_CHECKING:
    from degcraft.status import Status

HELP = "say how a run stands: jobs, trainings, failures, time left"
EXAMPLES = """\
examples:
  degcraft status
  degcraft status --watch      # again every five seconds, until the run ends; exit code 1 if it failed"""

PAGE = "status.html"  # below the folder of results
_EVERY = 5  # seconds between two looks
_POLL = 0.5  # seconds after which it is seen that the engine has ended
_SHARE = 0.05  # of the time may be spent on looking
_TAIL = 8192  # bytes of a log that are read
_LINES = 12  # of a failed job's log that are shown
_CLOCKS = 60  # seconds that clocks of a cluster may differ


def options(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    parser.add_argument("--watch", action="store_true", help="look again every five seconds, until the run ends")
    parser.add_argument("--results", type=Path, default=Path("results"), help="folder of the results (results)")


def run(given: argparse.Namespace) -> int:
    """Write the page, and print the same as text; exit code 1 where the run failed.

    Raises
    ------
    DegcraftError
        There is no run to tell of.
    """
    parent = os.getppid()
    if given.watch:
        os.nice(10)
    seen, journaled = Observer(given.results), given.results / journal.JOURNAL
    while True:
        begun = time.monotonic()
        status = seen.status(time.time())
        if status is None:
            raise DegcraftError(f"{journaled}: no run to tell of; one is needed in this folder; type: snakemake -n")
        _show(status, given.results / PAGE, given.watch)
        if not given.watch or status.run.state != RUNNING:
            return int(status.run.state == FAILED)
        pause = max(_EVERY, (time.monotonic() - begun) / _SHARE)
        while pause > 0 and journal.alive(journaled):
            time.sleep(_POLL)
            pause -= _POLL
        if os.getppid() != parent and journal.alive(journaled):
            return 0  # a terminal that was closed, or an engine on a file system without locks


def _show(status: "Status", path: Path, watch: bool) -> None:
    from degcraft.io import whole_file
    from degcraft.status import page, text

    try:
        with whole_file(path) as temporary:
            temporary.write_text(page(status), encoding="utf-8")
    except DegcraftError as error:  # a full disk is the run's matter
        print(f"note: {error}", file=sys.stderr)
    clear = "\x1b[H\x1b[2J" if watch and sys.stdout.isatty() else ""
    print(f"{clear}{text(status)}", end="", flush=True)


class Observer:
    """Looks at a run again and again; what does not change is read once.

    Parameters
    ----------
    results : path
        Folder of the results.
    """

    def __init__(self, results: Path) -> None:
        self._journal = results / journal.JOURNAL
        self._seconds: dict[tuple[int, int], float | None] = {}
        self._usual = _usual(results / "benchmarks")

    def status(self, now: float) -> "Status | None":
        """How the run stands; None where there is none."""
        from degcraft.status import Status

        alive = journal.alive(self._journal)  # before the journal is read: an end that is written in between counts
        found = state(journal.read(self._journal), alive)
        if found is None:
            return None
        going = {number: job for number, job in found.jobs.items() if job.state in (RUNNING, STOPPED)}
        tails = {number: _tail(job) for number, job in going.items() if _seen(job)}
        trainings = {number: at for number, tail in tails.items() if (at := training(tail))}
        failed = {number: job for number, job in found.jobs.items() if job.state == FAILED}
        ends = {number: "\n".join(_tail(job).splitlines()[-_LINES:]) for number, job in failed.items()}
        waiting = [number for number, job in going.items() if job.state == RUNNING and number not in tails]
        measured = self._measured(found)
        running: dict[int, Training] = {n: at for n, at in trainings.items() if going[n].state == RUNNING}
        rest = left(found, now, measured, self._usual, running, tails)
        return Status(found, now, rest, trainings, waiting, ends)

    def _measured(self, found: Run) -> dict[str, list[float]]:
        """Seconds of the jobs that have finished, by kind."""
        measured: dict[str, list[float]] = defaultdict(list)
        for number, job in found.jobs.items():
            if job.state == FINISHED and job.ended is not None:
                key = (number, job.attempt)
                if key not in self._seconds:
                    self._seconds[key] = _benchmark(Path(job.benchmark)) if job.benchmark else None
                measured[job.kind].append(self._seconds[key] or job.ended - job.began)
        return measured


def _seen(job: Job) -> bool:
    """Whether a job has begun to write its log, which on a cluster may be long after it was sent there."""
    try:
        return any(Path(log).stat().st_mtime > job.began - _CLOCKS for log in job.logs) or not job.logs
    except OSError:
        return False


def _tail(job: Job) -> str:
    """The end of a job's logs."""
    parts = []
    for log in job.logs:
        try:
            with Path(log).open("rb") as file:
                file.seek(max(file.seek(0, os.SEEK_END) - _TAIL, 0))
                parts.append(file.read().decode("utf-8", "replace"))
        except OSError:
            continue
    return "\n".join(parts)


def _benchmark(file: Path) -> float | None:
    """Seconds of a job by the engine's own measurement; None where there is none."""
    try:
        head, line = file.read_text(encoding="utf-8").splitlines()[:2]
        return float(dict(zip(head.split("\t"), line.split("\t"), strict=False))["s"])
    except (OSError, ValueError, KeyError):
        return None


def _usual(folder: Path) -> dict[str, float]:
    """Median seconds of earlier jobs, by rule and by rule and first folder, the backbone where there is one."""
    seconds: dict[str, list[float]] = defaultdict(list)
    for file in sorted(folder.rglob("*.tsv")):
        taken = _benchmark(file)
        if taken is not None:
            rule, *rest = file.relative_to(folder).with_suffix("").parts
            for kind in (rule, f"{rule} {rest[0]}") if rest else (rule,):
                seconds[kind].append(taken)
    return {kind: median(taken) for kind, taken in seconds.items()}
