"""One training that is ended again and again, against the same one left alone."""

import re
import signal
import time
from pathlib import Path

import yaml

from degcraft.streams import stream
from tests.faults.runs import CONFIG, MODEL, Run, send, until

_WAYS = ("power cut", "SIGKILL", "SIGTERM", "SIGINT")


def repeated_kills(folder: Path, steps: int, kills: int, seed: int) -> bool:
    """Train twice, once with `kills` ends at random moments; True if both come to the same bytes."""
    config = folder / "longer.yaml"
    longer = yaml.safe_load(CONFIG.read_text())
    longer["train"] |= {"iterations": steps, "checkpoint_every": max(1, steps // 100), "log_every": max(1, steps // 50)}
    config.write_text(yaml.safe_dump(longer))
    whole = Run(folder / "whole", config, patience=86_400)
    whole.workdir.mkdir()
    if whole.do() != 0:
        print(whole.output[-3000:])
        return False
    seconds = float(
        (whole.results / "benchmarks" / "train_model" / f"{MODEL}.tsv").read_text().split("\n")[1].split()[0]
    )
    print(f"undisturbed: {steps} steps in {seconds:.0f} s; seed {seed}", flush=True)
    run = whole.copied(folder / "killed", "models")
    for number in range(kills):
        rng = stream(seed, "faults", "repeated-kill", number)
        way, wait = _WAYS[rng.integers(len(_WAYS))], rng.uniform(0.5, 1.4) * seconds / (kills + 1)
        if not _killed(run, way, wait):
            print(f"{number:4d} the training ended before")
            break
        print(f"{number:4d} {way} after {wait:.1f} s at {_step(run)}", flush=True)
    if not run.recover():
        print(run.output[-3000:])
        return False
    same = run.bytes() == whole.bytes()
    print(f"killed {number + 1} times: {'the same bytes' if same else 'OTHER BYTES'} as undisturbed")
    return same


def _killed(run: Run, way: str, wait: float) -> bool:
    """Go on with the training for some time, then end it; False if it was done before."""
    run.do("--unlock")
    engine = run.start()
    until(lambda: run.stages() or engine.poll() is not None, 60)
    log = run.results / "logs" / "train_model" / f"{MODEL}.log"
    until(lambda: engine.poll() is not None or (log.exists() and "step" in log.read_text()), 120)
    time.sleep(wait)
    if engine.poll() is not None:
        run.finish(engine)
        return False
    if way == "power cut":
        run.kill(engine)
    else:
        send(run.stages()[0], signal.Signals[way])
        run.finish(engine)
    run.settle()
    return True


def _step(run: Run) -> str:
    """The last step that the log tells of."""
    log = (run.results / "logs" / "train_model" / f"{MODEL}.log").read_text()
    return (re.findall(r"step \d+(?:/\d+)?", log) or ["no step"])[-1]
