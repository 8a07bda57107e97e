"""Time and memory of the engine against the number of jobs: dry runs of Table 2 for so many settings and seeds.

    python -m tests.scale 1 25

runs one seed and 25 of 20 settings with every extractor of the paper's preset; no image is needed, nothing is computed.
"""

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import yaml

from tests.workflow.engine import ENVIRONMENT, ROOT, jobs

PAPER = ROOT / "workflow" / "presets" / "paper.yaml"


def config(settings: int, seeds: int, bins: int = 10, references: int = 1000) -> dict[str, Any]:
    """Ten times the paper: settings that tile the space, so many bins per parameter, so many references."""
    edges = [number / settings for number in range(settings)]
    tiles = {
        f"tile{number}": {
            "blur": [4 * edge, 4 * edge + 1],
            "noise": [40 * edge, 40 * edge + 10],
            "quality": [round(30 + 50 * edge, 6), round(40 + 50 * edge, 6)],
        }
        for number, edge in enumerate(edges)
    }
    return {
        "settings": tiles,
        "bins": {name: {"count": bins} for name in ("blur", "noise", "quality")},
        "prepare": {"references": {"count": references}, "bins": {"count": references}},
        "tables": {"settings": list(tiles), "methods": "none"},
        "train": {"seeds": list(range(seeds))},
    }


def measure(settings: int, seeds: int, profile: str) -> dict[str, float]:
    """Jobs, seconds and megabytes of one dry run of ``results/table2.csv``."""
    with tempfile.TemporaryDirectory() as folder:
        larger = Path(folder) / "larger.yaml"
        larger.write_text(yaml.safe_dump(config(settings, seeds)))
        command = ["snakemake", "--snakefile", str(ROOT / "Snakefile"), "--directory", folder, "--profile", profile]
        command += ["--configfile", str(PAPER), str(larger), "--dry-run", "results/table2.csv", "--quiet", "rules"]
        begun, used = time.monotonic(), processor()
        done = subprocess.run(
            command,
            cwd=folder,
            env=ENVIRONMENT,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
        )
        seconds, used = time.monotonic() - begun, processor() - used
    counts = jobs(done.stdout)
    if done.returncode or not counts:
        sys.exit(done.stdout[-3000:])
    # The largest child so far: dry runs are measured in order of size.
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1000
    return {
        "jobs": sum(counts.values()),
        "trainings": counts["train_model"],
        "seconds": seconds,
        "of the processor": used,
        "MB": peak,
    }


def processor() -> float:
    """Seconds of processor time of all children so far, which a busy machine does not change."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main() -> None:
    """Command line of the measurement."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("seeds", type=int, nargs="+", help="numbers of seeds, one dry run each")
    parser.add_argument("--settings", type=int, default=20)
    parser.add_argument("--profile", default="none", help="none, or the folder of a profile, whose groups then count")
    given = parser.parse_args()
    for seeds in sorted(given.seeds):
        profile = given.profile if given.profile == "none" else str(Path(given.profile).resolve())
        found = measure(given.settings, seeds, profile)
        print(f"{seeds} seeds: " + ", ".join(f"{value:,.0f} {name}" for name, value in found.items()), flush=True)


if __name__ == "__main__":
    main()
