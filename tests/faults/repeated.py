"""One training that is ended again and again, against the same one left alone."""

import re
import signal
import time
from pathlib import Path

import numpy as np
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
    # By steps, not by seconds: a machine may be faster the second time.
    after = np.sort(stream(seed, "faults", "repeated-kill").uniform(0, 0.98, kills)) * steps
    killed = 0
    for number, step in enumerate(after):
        rng = stream(seed, "faults", "repeated-kill", number)
        way = _WAYS[rng.integers(len(_WAYS))]
        if not _killed(run, way, int(step), rng.uniform(0, seconds / 100)):
            print(f"{number:4d} the training ended before step {step:.0f}")
            continue
        killed += 1
        print(f"{number:4d} {way} at step {_step(run)}", flush=True)
    if not run.recover():
        print(run.output[-3000:])
        return False
    same = run.bytes() == whole.bytes()
    print(f"killed {killed} times: {'the same bytes' if same else 'OTHER BYTES'} as undisturbed")
    return same and killed > 0


def _killed(run: Run, way: str, step: int, pause: float) -> bool:
    """Go on with the training to a step and for some seconds, then end it; False if it was done before."""
    run.do("--unlock")
    engine = run.start()
    until(lambda: engine.poll() is not None or (run.stages() and _step(run) >= step), run.patience, 0.2)
    time.sleep(pause)
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


def _step(run: Run) -> int:
    """The last step that the log tells of, 0 before one."""
    log = run.results / "logs" / "train_model" / f"{MODEL}.log"
    return int((re.findall(r"step (\d+)", log.read_text() if log.exists() else "") or [0])[-1])
