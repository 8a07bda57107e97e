"""Runs that are disturbed: starting the engine, watching its jobs, ending either, and going on as a user would."""

import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Self

from tests.workflow.engine import ENVIRONMENT, ROOT

CONFIG = Path(__file__).with_name("config.yaml")
MODEL = "srresnet/setting1/dct.frechet-a25/seed0"
TARGET = f"results/metrics/{MODEL}.csv"
# What must be the same bytes as without a fault.
COMPARED = (TARGET, f"results/models/{MODEL}/model.safetensors", f"results/models/{MODEL}/loss.csv")
# Folders of results in the order in which they come about; a run may be taken up anywhere.
PARTS = ("images", "degraded", "features", "distances", "weights", "models", "restored", "metrics")
_STAGE = b"degcraft.stages."


@dataclass
class Run:
    """A working directory, and the commands that were typed in it."""

    workdir: Path
    config: Path = CONFIG
    commands: list[str] = field(default_factory=list)
    output: str = ""  # of the last command
    patience: float = 300  # seconds until a command counts as hanging
    # How jobs are run: here, as many at a time as a small machine has cores.
    options: tuple[str, ...] = ("--profile", str(ROOT / "profiles" / "default"), "--cores", "2")
    environment: dict[str, str] = field(default_factory=dict)  # beside the usual one

    @property
    def results(self) -> Path:
        """Its folder of results."""
        return self.workdir / "results"

    def start(self, *arguments: str, note: bool = True) -> "subprocess.Popen[bytes]":
        """Start the engine in a session of its own, so that signals reach it and its jobs and nothing else."""
        command = ["snakemake", "--snakefile", str(ROOT / "Snakefile"), "--directory", str(self.workdir)]
        command += ["--configfile", str(self.config), *self.options]
        if note:
            self.commands.append(" ".join(arguments) or "same")
            (self.workdir / "output.log").unlink(missing_ok=True)
        with (self.workdir / "output.log").open("ab") as log:
            return subprocess.Popen(
                [*command, *(arguments or (TARGET,))],
                stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
                env={**ENVIRONMENT, **self.environment}, cwd=self.workdir, start_new_session=True,
            )  # fmt: skip

    def finish(self, engine: "subprocess.Popen[bytes]") -> int:
        """Wait for the engine; a run that hangs is killed and counts as failed."""
        try:
            engine.wait(self.patience)
        except subprocess.TimeoutExpired:
            self.kill(engine)
            engine.returncode = -1
        self.output = (self.workdir / "output.log").read_text(errors="replace")
        return engine.returncode

    def do(self, *arguments: str) -> int:
        """Type one command and wait for it."""
        return self.finish(self.start(*arguments))

    def recover(self) -> bool:
        """Type the same command again, and what its message names, until it is done: True if it is."""
        for _ in range(4):
            if self.do() == 0:
                return True
            if "--unlock" in self.output:
                if self.do("--unlock", TARGET) != 0:
                    return False
            elif named := re.search(r"type: (rm -r? ?\S+), then run again", self.output):
                self.remove(named[1])
            else:
                return False
        return False

    def verify(self) -> bool:
        """Check all results, and type the command that the check names: True if all are whole then."""
        command = [sys.executable, "-m", "degcraft", "verify"]
        command += ["--results", str(self.results), "--configfile", str(self.config)]
        for _ in range(2):
            done = subprocess.run(command, capture_output=True, text=True, env=ENVIRONMENT, cwd=ROOT, check=False)
            self.output = done.stdout + done.stderr
            named = re.search(r"type: (rm -r .*?) && snakemake --cores 1 (.*?) --directory", self.output)
            if done.returncode == 0 or not named:
                return done.returncode == 0
            self.remove(named[1])
            if self.do(*shlex.split(named[2])) != 0:
                return False
        return False

    def remove(self, command: str) -> None:
        """Type an `rm` command; a path that is not one of this run's results is an error of the message."""
        self.commands.append(command)
        for name in shlex.split(command)[1:]:
            path = (self.workdir / name).resolve()
            if name == "-r":
                continue
            if self.results.resolve() not in path.parents:
                raise AssertionError(f"told to remove what is no result: {command}")
            if not path.exists():
                raise AssertionError(f"told to remove what is not there: {command}")
            shutil.rmtree(path) if path.is_dir() else path.unlink()

    def stages(self) -> list[int]:
        """Process ids of the stages of this run that are at work, their first processes first."""
        return sorted(
            pid for pid, line in _processes(self.workdir) if _STAGE in line and b"bash" not in line.split(b"\0")[0]
        )

    def kill(self, engine: "subprocess.Popen[bytes] | None" = None) -> None:
        """End everything of this run at once, as a power cut would."""
        if engine is not None and engine.poll() is None:
            os.killpg(engine.pid, signal.SIGKILL)
            engine.wait()
        for pid, _ in _processes(self.workdir):
            send(pid, signal.SIGKILL)

    def settle(self) -> None:
        """Wait until no process of this run is left."""
        until(lambda: not list(_processes(self.workdir)), self.patience)

    def bytes(self) -> dict[str, bytes]:
        """What is compared."""
        return {name: (self.workdir / name).read_bytes() for name in COMPARED if (self.workdir / name).exists()}

    def copied(self, workdir: Path, first: str | None = None) -> Self:
        """A copy, without what comes about from folder `first` on."""
        shutil.copytree(self.workdir, workdir, symlinks=True)
        copy = replace(self, workdir=workdir, commands=[], output="")
        for part in PARTS[PARTS.index(first) :] if first else ():
            shutil.rmtree(copy.results / part, ignore_errors=True)
        return copy

    def checkpoints(self, *, written: bool) -> list[Path]:
        """Checkpoints of the training: those that are whole, or those that are being written."""
        folder = self.results / "models" / MODEL / ".checkpoint"
        return [file for file in folder.glob("*.pt") if file.name.startswith(".") != written]


def _processes(workdir: Path) -> Iterator[tuple[int, bytes]]:
    """Processes that work in a directory, with their command lines."""
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if (process / "cwd").resolve() == workdir and (line := (process / "cmdline").read_bytes()):
                yield int(process.name), line
        except OSError:
            continue


def send(pid: int, number: signal.Signals, *, group: bool = False) -> bool:
    """Send a signal to a process or to its group; False if it has ended before."""
    try:
        os.killpg(pid, number) if group else os.kill(pid, number)
    except ProcessLookupError:
        return False
    return True


def until(done: Callable[[], object], seconds: float, every: float = 0.002) -> bool:
    """Wait until something is so, which is asked for `every` so many seconds; False if it is not in time."""
    deadline = time.monotonic() + seconds
    while not done():
        if time.monotonic() > deadline:
            return False
        time.sleep(every)
    return True
