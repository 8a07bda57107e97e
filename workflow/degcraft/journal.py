"""What the engine does, written as it happens: a line of JSON per event, which `degcraft status` reads.

The file is locked as long as the engine lives, so that a run that was killed is known from one that goes on.
"""

import contextlib
import fcntl
import json
import logging
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from io import FileIO
from pathlib import Path
from typing import Any

JOURNAL = Path("logs", "run.jsonl")  # below the folder of results
_CRASH = Path("logs", "status.log")  # what a page writer that failed has to say
_LONGEST = 2000  # characters of a message
_PATIENCE = 5  # seconds that a run waits for its last page, at most
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")
_kept: list[tuple["Journal", "subprocess.Popen[bytes]"]] = []  # of this process's run, and who follows it


def kind(rule: str, wildcards: Mapping[str, str]) -> str:
    """Jobs of a kind take about the same time: those of one rule, and of one backbone.

    Examples
    --------
    >>> kind("train_model", {"backbone": "rrdb", "seed": "0"}), kind("table2", {})
    ('train_model rrdb', 'table2')
    """
    return " ".join([rule, *([wildcards["backbone"]] if "backbone" in wildcards else [])])


class Journal(logging.Handler):
    """Handler of the engine's log that keeps its events; it never raises, for a run must not end with it.

    Parameters
    ----------
    path : path
        The file, written anew.
    planned : mapping from str to int
        Number of jobs by `kind`.

    Raises
    ------
    OSError
        The file cannot be written.
    """

    def __init__(self, path: Path, planned: Mapping[str, int]) -> None:
        super().__init__(logging.INFO)
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file: FileIO | None = path.open("wb", buffering=0)
        _lock(self._file)
        self._write({"event": "begin", "planned": dict(planned)})

    def emit(self, record: logging.LogRecord) -> None:
        """Keep what a record of the engine says about jobs."""
        told = _told(record)
        if told:
            self._write(told)

    def end(self, success: bool) -> None:
        """The last line; nothing is kept after it."""
        self._write({"event": "end", "success": success})
        self._file = None

    def _write(self, event: dict[str, Any]) -> None:
        if self._file is not None:
            line = json.dumps({"time": round(time.time(), 3), **event}, default=str) + "\n"
            with contextlib.suppress(OSError):  # a full disk; it may have room again for the next one
                self._file.write(line.encode())


def _lock(file: FileIO) -> None:
    """Lock a file as long as it is open, where the file system can; where not, a killed run seems to go on."""
    for _ in range(20):
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            time.sleep(0.05)  # `alive` of another process holds it for a moment
        except OSError:
            return


def _told(record: logging.LogRecord) -> dict[str, Any] | None:
    """A record's event as a line of the journal; None for what is not kept."""
    given = vars(record)
    match getattr(given.get("event"), "name", None):
        case "JOB_INFO":
            names = {"job": "jobid", "rule": "rule_name", "log": "log", "benchmark": "benchmark"}
            told = {name: given.get(key) for name, key in names.items()}
            return {"event": "start", **told, "wildcards": dict(given.get("wildcards") or {})}
        case "JOB_FINISHED":
            return {"event": "finish", "job": given.get("job_id")}
        case "JOB_ERROR":
            return {"event": "fail", "job": given.get("jobid"), "log": given.get("log")}
        case "ERROR" if "CalledProcessError" not in record.getMessage():  # that is a job's failure, told already
            return {"event": "error", "text": record.getMessage()[:_LONGEST]}
    return None


def begin(results: Path, logger: logging.Logger, rules: Iterable[Any], jobs: Iterable[Any]) -> None:
    """Begin the journal of a run and the page about it; where that cannot be written, the run has none.

    Parameters
    ----------
    results : path
        Folder of the results, which ``status.html`` comes to lie in.
    logger : logging.Logger
        The engine's.
    rules, jobs : iterable
        Rules in the order in which they are to be shown, each with a ``name``; planned jobs, each with a ``rule`` and
        a ``wildcards_dict``.
    """
    order = {rule.name: number for number, rule in enumerate(rules)}
    counts = Counter((order[job.rule.name], kind(job.rule.name, job.wildcards_dict)) for job in jobs)
    planned = {name: counts[number, name] for number, name in sorted(counts)}
    try:
        journal = Journal(results / JOURNAL, planned)
        _kept.append((journal, _follow(results)))
        logger.addHandler(journal)
    except OSError as error:
        print(f"warning: no {results}/status.html ({error})", file=sys.stderr)


def end(success: bool) -> None:
    """End the journal of a run, if it has one, and let its page be written."""
    for journal, follower in _kept:
        journal.end(success)
        with contextlib.suppress(subprocess.TimeoutExpired):
            follower.wait(_PATIENCE)


def _follow(results: Path) -> "subprocess.Popen[bytes]":
    """Start what keeps the page up to date; it ends by itself once this process has ended."""
    package = str(Path(__file__).resolve().parents[1])
    paths = os.pathsep.join(filter(None, [package, os.environ.get("PYTHONPATH")]))
    with (results / _CRASH).open("w") as crash:
        return subprocess.Popen(
            [sys.executable, "-m", "degcraft", "status", "--watch", "--results", str(results)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=crash,
            # The safe path, as in jobs: nothing is imported from the working directory.
            env={**os.environ, "PYTHONPATH": paths, "PYTHONSAFEPATH": "1"} | dict.fromkeys(_THREADS, "1"),
            start_new_session=True,  # Ctrl-C is for the engine; the page still has to say how the run ended
        )


def read(path: Path) -> list[dict[str, Any]]:
    """Lines of a journal; none where there is no file. A last line that is still being written is left out."""
    try:
        lines = path.read_bytes().split(b"\n")[:-1]
    except FileNotFoundError:
        return []
    events = []
    for line in lines:
        try:
            events.append(json.loads(line))
        except ValueError:
            continue  # cut by a full disk
    return [event for event in events if isinstance(event, dict)]


def alive(path: Path) -> bool:
    """Whether the engine that writes a journal still lives; True where that cannot be known."""
    try:
        with path.open("rb") as file:
            fcntl.lockf(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except OSError:
        return True
    return False
