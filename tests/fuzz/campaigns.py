"""Cases one by one in a child process with limits; what it does with each of them is counted."""

import argparse
import os
import re
import resource
import signal
import sys
import tempfile
import traceback
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from degcraft.errors import DegcraftError

Case = Callable[[int, Path], None]  # number of the case, scratch folder: returns if accepted, DegcraftError if refused
ACCEPTED, REFUSED, UNCLEAN = "accepted", "refused", "unclean"


@dataclass(frozen=True)
class Limits:
    """What one case may take, beyond what the process had before the first one."""

    seconds: float = 20
    memory: int = 2_000_000_000
    remarks: str = "(?!)"  # pattern of lines that a library may write to stderr, such as a decoder's


@dataclass
class Outcome:
    """How many cases ended how, and what was wrong with the unclean ones, by number."""

    counts: Counter[str] = field(default_factory=Counter)
    unclean: dict[int, str] = field(default_factory=dict)

    def add(self, number: int, verdict: str) -> None:
        kind = verdict.split(" ", 1)[0]
        self.counts[kind] += 1
        if kind == UNCLEAN:
            self.unclean[number] = verdict


def campaign(case: Case, numbers: Sequence[int], limits: Limits) -> Outcome:
    """Run the cases in child processes; one that dies or hangs is an unclean case, and a new child goes on after it."""
    outcome, left = Outcome(), list(numbers)
    while left:
        reading, writing = os.pipe()
        sys.stdout.flush()
        child = os.fork()
        if child == 0:
            os.close(reading)
            _child(case, left, limits, writing)
        os.close(writing)
        begun = _collect(reading, outcome, left)
        _, status = os.waitpid(child, 0)
        if begun is not None:
            died = signal.Signals(os.WTERMSIG(status)).name if os.WIFSIGNALED(status) else f"exit {status >> 8}"
            outcome.add(begun, f"{UNCLEAN} the process ended: {died}")
    return outcome


def _collect(reading: int, outcome: Outcome, left: list[int]) -> int | None:
    """Read a child's verdicts; the number of the case that it did not survive, if any."""
    begun: int | None = None
    with os.fdopen(reading, encoding="utf-8", errors="replace") as lines:
        for line in lines:
            if line == "begin\n":
                begun = left.pop(0)
            elif begun is not None:
                outcome.add(begun, line.rstrip("\n"))
                begun = None
    return begun


def _child(case: Case, numbers: list[int], limits: Limits, writing: int) -> None:
    """Run cases until the end or death; never returns."""
    os.setsid()
    memory_disk = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # cases are many and write whole files
    folders = tempfile.TemporaryDirectory(prefix="degcraft-fuzz-", dir=memory_disk)
    with folders as folder, tempfile.TemporaryFile() as noise:
        os.dup2(noise.fileno(), 2)
        signal.signal(signal.SIGALRM, signal.SIG_DFL)  # a hang within C code ends, too
        most = limits.memory + _address_space()
        resource.setrlimit(resource.RLIMIT_AS, (most, most))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        for number in numbers:
            os.write(writing, b"begin\n")
            signal.setitimer(signal.ITIMER_REAL, limits.seconds)
            verdict = judge(case, number, Path(folder))
            signal.setitimer(signal.ITIMER_REAL, 0)
            sys.stderr.flush()
            noise.seek(0)
            lines = [line for line in noise.read().decode(errors="replace").splitlines() if line]
            noise.seek(0)
            noise.truncate()
            if strange := [line for line in lines if not re.fullmatch(limits.remarks, line)]:
                verdict = f"{UNCLEAN} wrote to stderr: {strange[:3]!r}"
            os.write(writing, f"{verdict}\n".encode(errors="replace"))
    os._exit(0)


def _address_space() -> int:
    return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()


def judge(case: Case, number: int, folder: Path) -> str:
    """Verdict on one case, in one line."""
    try:
        case(number, folder)
    except DegcraftError as error:
        return _judge_refusal(error)
    except BaseException as error:
        return f"{UNCLEAN} {type(error).__name__}: {' '.join(str(error).split())[:300]}"
    return ACCEPTED


def _own_assertion(error: BaseException) -> bool:
    """Whether an assertion of ours failed; those of libraries are their way to refuse."""
    frames = traceback.extract_tb(error.__traceback__)
    return isinstance(error, AssertionError) and not (frames and "site-packages" in frames[-1].filename)


def _judge_refusal(error: DegcraftError) -> str:
    """A refusal is clean if its message says what to do, and if no limit of this machine is behind it."""
    behind: BaseException | None = error
    while behind is not None:
        if isinstance(behind, MemoryError | RecursionError) or _own_assertion(behind):
            return f"{UNCLEAN} {type(behind).__name__} behind: {' '.join(str(error).split())[:300]}"
        behind = behind.__cause__ or (None if behind.__suppress_context__ else behind.__context__)
    if not re.search(";|expected", str(error)):
        return f"{UNCLEAN} a message that does not say what to do: {str(error)[:300]!r}"
    return REFUSED


def main(name: str, case_of: Callable[[int], Case], limits: Limits) -> None:
    """Command line of a campaign; exit code 1 after any unclean case."""
    parser = argparse.ArgumentParser(prog=f"python -m tests.fuzz.{name}")
    parser.add_argument("--count", type=int, default=1000, help="number of cases")
    parser.add_argument("--first", type=int, default=0, help="number of the first case, to repeat one")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    outcome = campaign(case_of(given.seed), range(given.first, given.first + given.count), limits)
    for number, verdict in list(outcome.unclean.items())[:40]:
        print(f"case {number}: {verdict}")
    counts = ", ".join(f"{outcome.counts[kind]} {kind}" for kind in (ACCEPTED, REFUSED, UNCLEAN))
    print(f"{name}: seed {given.seed}, {given.count} cases: {counts}")
    sys.exit(1 if outcome.unclean else 0)
