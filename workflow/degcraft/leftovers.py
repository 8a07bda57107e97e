"""Slurm jobs that outlived the engine which sent them: ended before another begins, so that none writes beside it."""

import re
import shutil
import subprocess
import time
from pathlib import Path

from degcraft.errors import DegcraftError

# As the engine names the jobs of one run (possibly after a prefix), and their comments.
_NAME = re.compile(r"(?:[\w-]*_)?[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_COMMENT = re.compile(r"(?:rule|group)_")
_LISTED = "%i|%j|%k|%Z"  # number, name, comment, folder


def end(folder: Path, patience: float = 300) -> list[str]:
    """Cancel the jobs that an engine which is gone sent from a folder, and wait until they have ended.

    The engine that calls this holds the folder's lock and has sent no job itself. A training that is cancelled keeps
    its state, so that nothing is lost but the place in the queue.

    Parameters
    ----------
    folder : path
        Working directory in which both engines were started.
    patience : float
        Seconds that the jobs may take to end; Slurm kills them after its KillWait, mostly 30.

    Returns
    -------
    list of str
        Numbers of the jobs; none where there is no Slurm, or where it does not answer.

    Raises
    ------
    DegcraftError
        A job does not end.
    """
    left = jobs(folder)
    if left:
        subprocess.run(["scancel", *left], capture_output=True, check=False)
    deadline = time.monotonic() + patience
    while remaining := jobs(folder) if left else []:
        if time.monotonic() > deadline:
            raise DegcraftError(
                f"Slurm jobs of an earlier run in this folder do not end: {' '.join(remaining)}; none may write beside "
                f"this one; type: scancel {' '.join(remaining)}, and run again when squeue lists them no more"
            )
        time.sleep(1)
    return left


def jobs(folder: Path) -> list[str]:
    """Numbers of the user's Slurm jobs, waiting or at work, that an engine sent from a folder."""
    if not shutil.which("squeue"):
        return []
    try:
        asked = subprocess.run(
            ["squeue", "--me", "--noheader", f"--format={_LISTED}"],
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return []
    rows = (line.split("|", 3) for line in asked.stdout.splitlines() if line.count("|") >= 3)
    return [
        number
        for number, name, comment, sent_from in rows
        if _NAME.fullmatch(name) and _COMMENT.match(comment) and Path(sent_from) == folder
    ]
