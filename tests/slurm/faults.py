"""Campaign of faults on a one-node Slurm cluster: `python -m tests.slurm.faults --count 27 --seed 1`."""

import argparse
import re
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tests.faults.__main__ import campaign, conclude, reference
from tests.faults.kinds import Fault, Scene
from tests.faults.runs import MODEL, PARTS, Run, send, until
from tests.slurm import cluster
from tests.slurm.cluster import Job, cancel, kill_daemon, start_daemon
from tests.workflow.engine import ROOT

Engine = subprocess.Popen[bytes]
# Slurm jobs that are still to be sent when a part of the results is the first that is missing.
_TO_COME = {"images": 4, "degraded": 4, "features": 3, "distances": 3, "weights": 3, "models": 2}
_PATIENCE = 900.0  # seconds until a run counts as hanging; a lost node's jobs wait for two minutes alone


@dataclass
class SlurmRun(Run):
    """A run whose jobs are Slurm jobs."""

    def jobs(self) -> list[Job]:
        """Its jobs that are in the queue or at work."""
        return [job for job in cluster.jobs(self.workdir) if not job.ended]

    def finish(self, engine: Engine) -> int:
        """Wait for the engine, and see to the node meanwhile."""

        def ended() -> bool:
            cluster.put_back_node()
            return engine.poll() is not None

        until(ended, self.patience, 2)
        return super().finish(engine)

    def kill(self, engine: Engine | None = None) -> None:
        """End everything of this run, jobs of the cluster included."""
        cancel(*(job.number for job in self.jobs()))
        super().kill(engine)
        until(lambda: not self.jobs(), 60)


def slurm_run(whole: Run) -> SlurmRun:
    """The finished run, to be gone on with on the cluster by the profile that users edit."""
    profile = whole.workdir.parent / "slurm" / "profile.yaml"
    profile.parent.mkdir()
    profile.write_text(cluster.site_profile((ROOT / "profiles" / "slurm" / "profile.yaml").read_text()))
    # The engine asks for states first after this time, then ever more seldom until a job has finished.
    options = ("--workflow-profile", str(ROOT / "profiles" / "default"), "--profile", str(profile.parent))
    options += ("--slurm-init-seconds-before-status-checks", "8")
    return SlurmRun(whole.workdir, whole.config, patience=_PATIENCE, options=options)


def _working(scene: Scene) -> tuple[Engine, list[Job]]:
    """Start; some moment at which jobs are at work, the first ones or later ones: those jobs, none if it has passed."""
    run = scene.run
    assert isinstance(run, SlurmRun)
    seen: set[str] = set()
    missing = next(part for part in PARTS if not (run.results / part).exists())
    wanted = int(scene.rng.integers(_TO_COME.get(missing, 1))) + 1
    engine = run.start()

    def due() -> bool:
        time.sleep(0.5)
        seen.update(job.number for job in run.jobs() if job.state == "RUNNING")
        return len(seen) >= wanted or engine.poll() is not None

    until(due, _PATIENCE)
    time.sleep(scene.rng.uniform(0, 4))
    return engine, [job for job in run.jobs() if job.state == "RUNNING"]


def _named(jobs: list[Job]) -> str:
    """What jobs do, by their rules or groups."""
    return " and ".join(sorted({re.sub(r"^rule_|_wildcards_.*|_[0-9a-f-]{36}$", "", job.comment) for job in jobs}))


def _training(scene: Scene, *options: str) -> tuple[Engine, int | None, list[Job]]:
    """Start with the training; some moment after its first checkpoint: its process, if it is at work, and its job."""
    run = scene.run
    assert isinstance(run, SlurmRun)
    run.options = (*options, *run.options)
    for part in ("models", "restored", "metrics"):
        subprocess.run(["rm", "-rf", run.results / part], check=True)
    engine = run.start()
    until(lambda: run.checkpoints(written=True) or engine.poll() is not None, _PATIENCE)
    time.sleep(scene.rng.uniform(0, 1))
    stages = run.stages() if run.checkpoints(written=True) else []
    return engine, stages[0] if stages else None, [job for job in run.jobs() if "train_model" in job.comment]


def _continued(run: Run) -> str:
    """How a training that was disturbed went on, from its log."""
    log = (run.results / "logs" / "train_model" / f"{MODEL}.log").read_text()
    found = re.search(r"continuing from step \d+", log)
    return found[0] if found else "begun anew"


def _scancel(scene: Scene) -> str | None:
    """A random job is cancelled."""
    engine, working = _working(scene)
    chosen = working[scene.rng.integers(len(working))] if working else None
    if chosen:
        cancel(chosen.number)
    scene.run.finish(engine)
    return chosen and f"during {_named([chosen])}"


def _scancel_training(scene: Scene) -> str | None:
    """A training is cancelled; it keeps its state and the next attempt goes on from it."""
    engine, stage, jobs = _training(scene)
    if stage and jobs:
        cancel(jobs[0].number)
    scene.run.finish(engine)
    return f"in training, {_continued(scene.run)}" if stage and jobs else None


def _kill_slurmd(scene: Scene) -> str | None:
    """The daemon of the node is killed while a job runs, and started again some time later; the job lives on."""
    (engine, working), away = _working(scene), scene.rng.uniform(0, 20)
    kill_daemon("slurmd")
    time.sleep(away)
    start_daemon("slurmd")
    scene.run.finish(engine)
    return f"during {_named(working)}, away for {away:.0f} s" if working else None


def _lose_node(scene: Scene) -> str | None:
    """The node is gone with all that runs on it, and comes back some time later; Slurm starts its jobs again."""
    (engine, working), away = _working(scene), scene.rng.uniform(0, 20)
    cluster.kill_node(scene.run.workdir)
    time.sleep(away)
    start_daemon("slurmd")
    scene.run.finish(engine)
    return f"during {_named(working)}, away for {away:.0f} s" if working else None


def _restart_slurmctld(scene: Scene) -> str | None:
    """The controller is killed while a job runs, and started again up to 90 seconds later."""
    (engine, working), away = _working(scene), scene.rng.uniform(0, 90)
    kill_daemon("slurmctld")
    time.sleep(away)
    start_daemon("slurmctld")
    scene.run.finish(engine)
    return f"during {_named(working)}, away for {away:.0f} s" if working else None


def _time_limit(scene: Scene) -> str | None:
    """A training is not done within its minute, since its node stands still; the next attempt has two."""
    engine, stage, jobs = _training(scene, "--set-resources", "train_model:runtime=attempt")
    if stage:
        send(stage, signal.SIGSTOP)  # Slurm lets it go on when it sends SIGTERM
    scene.run.finish(engine)
    ended = {job.state for job in cluster.jobs(scene.run.workdir) if job.number in {job.number for job in jobs}}
    return f"in training, {_continued(scene.run)}" if stage and "TIMEOUT" in ended else None


def _out_of_memory(scene: Scene) -> str | None:
    """A training asks for less memory than it takes and is ended by Slurm; the next attempt asks for more."""
    first = int(scene.rng.integers(200, 500))
    engine, _, _ = _training(scene, "--set-resources", f"train_model:mem_mb={first} + 3000 * (attempt - 1)")
    scene.run.finish(engine)
    states = {job.state for job in cluster.jobs(scene.run.workdir) if "train_model" in job.comment}
    return f"in training with {first} MB, {_continued(scene.run)}" if "OUT_OF_MEMORY" in states else None


def _kill_engine(scene: Scene) -> str | None:
    """The engine is killed while its jobs run on; the same command is typed at once."""
    engine, working = _working(scene)
    hit = engine.poll() is None and send(engine.pid, signal.SIGKILL)
    scene.run.finish(engine)
    return f"during {_named(working)}" if hit and working else None


def _late_files(scene: Scene, library: Path) -> str | None:
    """New results are seen late by the engine and by other jobs, up to 25 of the 30 seconds of the profile."""
    late = scene.rng.uniform(5, 25)
    time.sleep(late)  # the copied results are there already
    scene.run.environment = {"LD_PRELOAD": str(library), "LATE_SECONDS": f"{late:.1f}"}
    if scene.run.do() != 0:
        raise AssertionError(f"files that come {late:.0f} s late were not waited for")
    return f"by {late:.0f} s"


def _late_library(folder: Path) -> Path:
    """The shared library that shows results late."""
    library = folder / "late.so"
    source = Path(__file__).with_name("late.c")
    subprocess.run(["gcc", "-O1", "-shared", "-fPIC", "-o", library, source, "-ldl"], check=True)
    return library


def kinds(folder: Path) -> dict[str, Fault]:
    """All kinds of faults by name."""
    return {
        "scancel": _scancel,
        "scancel-training": _scancel_training,
        "kill-slurmd": _kill_slurmd,
        "lose-node": _lose_node,
        "restart-slurmctld": _restart_slurmctld,
        "time-limit": _time_limit,
        "out-of-memory": _out_of_memory,
        "kill-engine": _kill_engine,
        "late-files": partial(_late_files, library=folder / "late.so"),
    }


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.slurm.faults", description=__doc__)
    names = list(kinds(Path()))
    parser.add_argument("--count", type=int, default=len(names), help="number of faults")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--kind", action="append", choices=names, help="may be given several times")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="degcraft-slurm-faults-") as name, cluster.cluster() as reason:
        if reason:
            sys.exit(f"skipped: {reason}")
        folder = Path(name).resolve()
        _late_library(folder)
        whole = Run(folder / "whole")
        seconds = reference(whole)
        found = campaign(
            {kind: fault for kind, fault in kinds(folder).items() if kind in (given.kind or names)},
            given.count, given.seed, slurm_run(whole), seconds,
        )  # fmt: skip
    conclude(found)


if __name__ == "__main__":
    main()
