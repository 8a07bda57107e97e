"""Other processes, timed: what a user would start."""

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from degcraft.benchmarks.files import ROOT
from degcraft.errors import DegcraftError

_SINGLE = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")  # as jobs have it
_SHOWN = 2000  # last characters of a failure's output
# A small process starts the command, since a process's peak memory is at least that of its parent at the start.
_LAUNCHER = """
import resource, subprocess, sys, time
interval, own = float(sys.argv[1]), float("nan")
begin = time.perf_counter()
process = subprocess.Popen(sys.argv[2:])
while interval:
    try:
        told = open(f"/proc/{process.pid}/status").read()
        if "RssAnon:" in told:
            own = max(0 if own != own else own, 1024 * int(told.split("RssAnon:")[1].split()[0]))
        process.wait(interval)
        break
    except subprocess.TimeoutExpired:
        pass
    except OSError:
        break
status = process.wait()
seconds = time.perf_counter() - begin
usage = resource.getrusage(resource.RUSAGE_CHILDREN)
peak = usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
print(f"{chr(10)}{status} {seconds} {usage.ru_utime + usage.ru_stime} {peak / 1e6} {own / 1e6}")
"""


@dataclass(frozen=True)
class Finished:
    """What a process took.

    Attributes
    ----------
    seconds, processor : float
        From start to end, and on all cores together.
    peak : float
        Largest resident memory, MB (1e6 bytes).
    output : str
        What it printed.
    own : float
        Largest resident memory without mapped files, which the system may take back, MB; NaN where it was not looked
        at, or the system does not tell.
    """

    seconds: float
    processor: float
    peak: float
    output: str
    own: float = float("nan")


def run(
    command: Sequence[str], folder: Path, variables: Mapping[str, str] | None = None, interval: float = 0
) -> Finished:
    """Run a command in `folder` to its end, with one thread of linear algebra; look at its memory at intervals (s).

    Python keeps compiled modules in `folder`, as it does beside them by default: only the first process compiles.

    Raises
    ------
    DegcraftError
        It fails.
    """
    inherited = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    programs = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    paths = {"PATH": programs, "PYTHONPATH": str(ROOT / "workflow"), "PYTHONPYCACHEPREFIX": str(folder / "compiled")}
    done = subprocess.run(
        [sys.executable, "-S", "-c", _LAUNCHER, str(interval), *command],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        env={**inherited, **_SINGLE, **paths, **(variables or {})},
        check=True,
    )
    output, _, told = done.stdout.rstrip().rpartition("\n")
    status, seconds, processor, peak, own = (float(number) for number in told.split())
    if status:
        raise DegcraftError(f"{' '.join(command[:4])} ...: failed; it must run to its end; see:\n{output[-_SHOWN:]}")
    return Finished(seconds, processor, peak, output.rstrip(), own)


def stage(name: str, folder: Path, *options: str, interval: float = 0) -> Finished:
    """Run the stage `name` in `folder`, as its rule does."""
    return run([sys.executable, "-m", f"degcraft.stages.{name}", *options], folder, interval=interval)
