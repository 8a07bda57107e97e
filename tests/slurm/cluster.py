"""The one-node cluster of the tests: its daemons, its queue, and the profile of a site that has it."""

import os
import re
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.faults.runs import send, until
from tests.workflow.engine import ROOT

HERE = Path(__file__).parent
STATE = Path(os.environ.get("SLURM_TEST_DIR", Path(tempfile.gettempdir()) / "degcraft-slurm"))
_ENVIRONMENT = {**os.environ, "PATH": f"{os.environ['PATH']}{os.pathsep}/usr/sbin", "SLURM_TEST_DIR": str(STATE)}
_ENDED = {"COMPLETED", "CANCELLED", "FAILED", "TIMEOUT", "OUT_OF_MEMORY", "NODE_FAIL"}


@dataclass(frozen=True)
class Job:
    """A job as the queue lists it; jobs that ended stay listed for ten minutes."""

    number: str
    state: str
    comment: str

    @property
    def ended(self) -> bool:
        """Nothing of it runs any more."""
        return self.state in _ENDED


@contextmanager
def cluster() -> Iterator[str]:
    """A cluster of one node for a while; yields why there is none, or "". One that is up already is used and left up."""
    if (STATE / "slurmctld.pid").exists() and not subprocess.run(["scontrol", "ping"], capture_output=True).returncode:
        yield ""
        return
    try:
        started = subprocess.run(
            [HERE / "start-cluster.sh"], env=_ENVIRONMENT, capture_output=True, text=True, check=False
        )
        yield started.stderr.strip() if started.returncode else ""
    finally:
        subprocess.run([HERE / "stop-cluster.sh"], env=_ENVIRONMENT, check=True)


def site_profile(text: str) -> str:
    """The Slurm profile with its two lines edited, as a user of this cluster does."""
    names = {"account": "test", "partition": "main"}
    edited, count = re.subn(r": my(account|partition) # EDIT", lambda line: f": {names[line[1]]}", text)
    if count != 2:
        raise AssertionError(f"{count} lines marked EDIT in {ROOT / 'profiles' / 'slurm'}")
    return edited


def jobs(folder: Path) -> list[Job]:
    """Jobs that were sent from a folder, oldest first; none while the controller is away."""
    asked = subprocess.run(
        ["squeue", "--noheader", "--states=all", "--sort=i", "--format=%i|%T|%Z|%k"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    rows = (line.split("|", 3) for line in asked.stdout.splitlines())
    return [Job(number, state, comment) for number, state, workdir, comment in rows if workdir == str(folder)]


def cancel(*numbers: str) -> None:
    """Cancel jobs as a user or an administrator does."""
    if numbers:
        subprocess.run(["scancel", *numbers], check=False)


def kill_daemon(name: str) -> None:
    """End slurmd or slurmctld by SIGKILL and wait until it is gone."""
    pid = int((STATE / f"{name}.pid").read_text())
    send(pid, signal.SIGKILL)
    until(lambda: _program(pid) != name, 10)


def start_daemon(name: str) -> None:
    """Start slurmd or slurmctld as its machine does when it boots; they go to the background by themselves."""
    options = ["-N", os.uname().nodename.split(".")[0]] if name == "slurmd" else []
    subprocess.run([name, *options], env=_ENVIRONMENT, check=True)


def kill_node(workdir: Path) -> None:
    """Everything on the node is gone at once: its daemon, the keepers of jobs, and the jobs of a run."""
    kill_daemon("slurmd")
    for process in Path("/proc").glob("[0-9]*"):
        if _program(int(process.name)) == "slurmstepd" or _in_job(process, workdir):
            send(int(process.name), signal.SIGKILL)


def put_back_node() -> None:
    """Resume the node where Slurm drained it, as its administrator does: jobs would wait for ever.

    A node that was lost and came back may be sent the job that it had before it is clear of it ("Duplicate jobid").
    """
    node = os.uname().nodename.split(".")[0]
    shown = subprocess.run(["scontrol", "show", "node", node], capture_output=True, text=True, check=False).stdout
    if "Reason=Duplicate jobid" in shown:
        subprocess.run(["scontrol", "update", f"nodename={node}", "state=resume"], check=False)


def _program(pid: int) -> str:
    try:
        status = Path("/proc", str(pid), "status").read_text()
    except OSError:
        return ""
    return "" if "State:\tZ" in status else status.split("\n")[0].removeprefix("Name:\t")


def _in_job(process: Path, workdir: Path) -> bool:
    try:
        return (process / "cwd").resolve() == workdir and b"\0SLURM_JOB_ID=" in (process / "environ").read_bytes()
    except OSError:
        return False
