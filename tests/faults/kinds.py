"""Kinds of faults: each disturbs a run once and tells where it hit, or None if the moment had passed."""

import os
import shutil
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import yaml

from tests.faults.disk import Disk, used
from tests.faults.runs import MODEL, PARTS, Run, send, until

Rng = np.random.Generator


@dataclass(frozen=True)
class Scene:
    """A run to disturb: a copy of the finished one without its later parts, and how long a whole one takes."""

    run: Run
    rng: Rng
    whole: Run
    seconds: float


Fault = Callable[[Scene], str | None]


def _engine_signal(number: signal.Signals, *, group: bool) -> Fault:
    """The engine, alone or with its jobs, is sent a signal at a random moment."""

    def fault(scene: Scene) -> str | None:
        engine = scene.run.start()
        time.sleep(scene.rng.uniform(0.3, scene.seconds))
        where = _at_work(scene.run)
        hit = engine.poll() is None and send(engine.pid, number, group=group)
        scene.run.finish(engine)
        return f"during {where}" if hit else None

    return fault


def _power_cut(scene: Scene) -> str | None:
    """The engine and all its jobs are gone at once."""
    engine = scene.run.start()
    time.sleep(scene.rng.uniform(0.3, scene.seconds))
    where, hit = _at_work(scene.run), engine.poll() is None
    scene.run.kill(engine)
    scene.run.settle()
    return f"during {where}" if hit else None


def _stage_signal(number: signal.Signals) -> Fault:
    """One stage is sent a signal at a random moment; the engine lives on."""

    def fault(scene: Scene) -> str | None:
        engine = scene.run.start()
        time.sleep(scene.rng.uniform(0.3, scene.seconds))
        until(lambda: scene.run.stages() or engine.poll() is not None, scene.seconds)
        time.sleep(scene.rng.uniform(0, 0.5))
        stages = scene.run.stages()
        where = _at_work(scene.run)
        hit = bool(stages) and send(stages[scene.rng.integers(len(stages))], number)
        scene.run.finish(engine)
        return f"during {where}" if hit else None

    return fault


def _training_signal(number: signal.Signals) -> Fault:
    """A training is sent a signal after its first checkpoint; on SIGTERM and SIGINT it keeps its state before it ends."""

    def fault(scene: Scene) -> str | None:
        run = scene.run
        _forget(run, "models")
        engine = run.start()
        until(lambda: run.checkpoints(written=True) or engine.poll() is not None, scene.seconds * 3)
        time.sleep(scene.rng.uniform(0, 1))
        stages, begun = run.stages(), run.checkpoints(written=True)
        hit = bool(stages and begun) and send(stages[0], number)
        run.finish(engine)
        if not hit or "train_model" not in run.output or not run.checkpoints(written=True):
            return None
        told = f"ended by {number.name} after step" in run.output
        return f"in training, {'its state was kept' if told else 'the last checkpoint counts'}"

    return fault


def _writing_checkpoint(scene: Scene) -> str | None:
    """A training is killed while a checkpoint is half on the disk."""
    run = scene.run
    _forget(run, "models")
    engine = run.start()
    after = int(scene.rng.integers(1, 40))
    seen: set[str] = set()

    def due() -> bool:
        seen.update(file.name for file in run.checkpoints(written=False))
        return len(seen) >= after or engine.poll() is not None

    until(due, scene.seconds * 3)
    hit = bool(run.checkpoints(written=False)) and all(send(pid, signal.SIGKILL) for pid in run.stages())
    left = len(run.checkpoints(written=False))
    run.finish(engine)
    return f"at checkpoint {after}, {left} half-written left behind" if hit and left else None


def _damaged_checkpoint(scene: Scene) -> str | None:
    """After a power cut in training the checkpoint is cut short, or some of its bits are flipped."""
    run = scene.run
    _forget(run, "models")
    engine = run.start()
    until(lambda: run.checkpoints(written=True) or engine.poll() is not None, scene.seconds * 3)
    time.sleep(scene.rng.uniform(0, 0.5))
    run.kill(engine)
    run.settle()
    kept = run.checkpoints(written=True)
    if not kept:
        return None
    way = damage(kept[0], scene.rng)
    if not run.recover():
        return f"{way}, and no way on"
    log = (run.results / "logs" / "train_model" / f"{MODEL}.log").read_text()
    if "damaged" not in log:
        raise AssertionError(f"a damaged checkpoint was trusted ({way})")
    return way


def damage(file: Path, rng: Rng) -> str:
    """Cut a file short or flip some of its bits; its times stay as they were."""
    content, times = bytearray(file.read_bytes()), file.stat()
    if rng.random() < 0.5:
        content, way = content[: rng.integers(len(content))], "cut short"
    else:
        places = rng.integers(len(content), size=rng.integers(1, 5))
        for place in places:
            content[place] ^= 1 << int(rng.integers(8))
        way = "bits flipped"
    file.write_bytes(bytes(content))
    os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))
    return way


def _corrupt_result(scene: Scene) -> str | None:
    """A finished file or its record is damaged, and what comes later is gone; `degcraft verify` finds what no job reads."""
    run, rng = scene.run, scene.rng
    part = PARTS[rng.integers(len(PARTS))]
    files = [file for file in sorted((run.results / part).rglob("*")) if file.is_file() and file.stat().st_size]
    way = damage(file := files[rng.integers(len(files))], rng)
    for following in PARTS[PARTS.index(part) + 1 :]:
        shutil.rmtree(run.results / following)
    told = f"{file.relative_to(run.results)} {way}, found by {'a job' if run.do() else 'verify'}"
    if not run.recover() or not run.verify() or not any(command.startswith("rm ") for command in run.commands):
        raise AssertionError(f"{told}, and not mended: {run.output[-500:]}")
    return told


def _full_disk(scene: Scene) -> str | None:
    """The disk of the results is full before they are all written; then there is space again."""
    run, rng = scene.run, scene.rng
    gone = next(part for part in PARTS if not (run.results / part).exists())
    size = used(run.results) + int(rng.uniform(0, 0.9) * used(scene.whole.results / gone)) + 4096
    with Disk(run.results, size) as disk:
        engine = run.start()
        run.finish(engine)
        failed, output = engine.returncode != 0, run.output
        disk.grow()
        if not failed:
            return None
        recovered = run.recover()
        shutil.rmtree(run.workdir / "kept", ignore_errors=True)
        shutil.copytree(run.results, run.workdir / "kept", symlinks=True)
    shutil.rmtree(run.results, ignore_errors=True)
    (run.workdir / "kept").rename(run.results)
    told = "told plainly" if "could not be written" in output else "told by the system"
    stage = next(
        (line.split()[-1].rstrip(":") for line in output.splitlines() if "Error in rule" in line), "the engine"
    )
    return f"in {stage}, {told}" + ("" if recovered else ", and no way on")


def _clock(scene: Scene) -> str | None:
    """The clock was wrong: some files are from another day, before or after their own inputs."""
    run, rng = scene.run, scene.rng
    files = [file for file in sorted(run.results.rglob("*")) if file.is_file()]
    if not files:
        return None
    chosen = rng.choice(len(files), size=max(1, len(files) // 3), replace=False)
    for number in chosen:
        moment = time.time() + rng.uniform(-10, 10) * 86_400
        os.utime(files[number], (moment, moment))
    return f"{len(chosen)} files moved by up to ten days"


def _two_engines(scene: Scene) -> str | None:
    """The same command is typed twice."""
    run = scene.run
    first = run.start()
    time.sleep(scene.rng.uniform(0, scene.seconds))
    if first.poll() is not None:
        run.finish(first)
        return None
    second = run.start(note=False)
    codes = [run.finish(first), run.finish(second)]
    if codes == [0, 0]:
        return None  # one after the other
    refused = "cannot be locked" in run.output or "lock" in run.output
    return f"{codes.count(0)} finished, the other {'was refused' if refused else 'failed'}"


def _edited_config(scene: Scene) -> str | None:
    """The config is edited while the engine runs; then that is run, and then the edit is taken back."""
    run, rng = scene.run, scene.rng
    run.config = run.workdir / "mine.yaml"
    before = scene.whole.config.read_text()
    run.config.write_text(before)
    engine = run.start()
    log = run.workdir / "output.log"
    until(lambda: engine.poll() is not None or "Building DAG" in log.read_text(), 60)  # the config has been read
    time.sleep(rng.uniform(0, scene.seconds))
    hit = engine.poll() is None
    edited = yaml.safe_load(before)
    edited["train"]["iterations"] -= int(rng.integers(1, 20))
    run.config.write_text(yaml.safe_dump(edited))
    if run.finish(engine) != 0 or run.bytes() != scene.whole.bytes():
        raise AssertionError("the run that was begun before the edit did not end as it was begun")
    if run.do() != 0 or run.bytes() == scene.whole.bytes():
        raise AssertionError("the edit was not computed by the next run")
    run.config.write_text(before)
    return "the run ended as it was begun" if hit else None


def _forget(run: Run, first: str) -> None:
    for part in PARTS[PARTS.index(first) :]:
        shutil.rmtree(run.results / part, ignore_errors=True)


def _at_work(run: Run) -> str:
    names = set()
    for pid in run.stages():
        try:
            line = Path("/proc", str(pid), "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        names |= {
            word.decode().removeprefix("degcraft.stages.") for word in line if word.startswith(b"degcraft.stages.")
        }
    return " and ".join(sorted(names)) or "the engine's own work"


KINDS: dict[str, Fault] = {
    "kill-engine": _engine_signal(signal.SIGKILL, group=False),
    "power-cut": _power_cut,
    "term-engine": _engine_signal(signal.SIGTERM, group=False),
    "interrupt": _engine_signal(signal.SIGINT, group=True),
    "preempt": _engine_signal(signal.SIGTERM, group=True),
    "kill-stage": _stage_signal(signal.SIGKILL),
    "term-stage": _stage_signal(signal.SIGTERM),
    "kill-training": _training_signal(signal.SIGKILL),
    "term-training": _training_signal(signal.SIGTERM),
    "interrupt-training": _training_signal(signal.SIGINT),
    "kill-checkpoint": _writing_checkpoint,
    "damaged-checkpoint": _damaged_checkpoint,
    "full-disk": _full_disk,
    "clock": _clock,
    "two-engines": _two_engines,
    "edited-config": _edited_config,
    "corrupt-result": _corrupt_result,
}
