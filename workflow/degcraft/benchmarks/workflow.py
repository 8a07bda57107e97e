"""The workflow's own time: a dry run at the paper's scale, and what Snakemake takes for each job."""

import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from degcraft.benchmarks.files import ROOT, job_seconds, preset
from degcraft.benchmarks.measurement import Line, held
from degcraft.benchmarks.processes import Finished, run

ROUNDS = 5
SETTINGS = ("setting1", "setting2", "setting3", "setting4")
TINY = ROOT / "tests" / "config" / "tiny.yaml"


def lines() -> Iterator[Line]:
    """The dry run, then the overhead per job."""
    with TemporaryDirectory() as folder:
        yield _dry_run(Path(folder))
        yield _overhead(Path(folder))


def snakemake(folder: Path, config: Path, *arguments: str) -> Finished:
    """Run Snakemake in a folder of its own."""
    options = ["--snakefile", str(ROOT / "Snakefile"), "--configfile", str(config), "--quiet", "all"]
    return run([sys.executable, "-m", "snakemake", *arguments, *options], folder)


def _dry_run(folder: Path) -> Line:
    def dry() -> float:
        return snakemake(folder, preset("paper"), "--dry-run", "results/table2.csv").seconds

    dry()  # compiles modules
    seconds = [dry() for _ in range(ROUNDS)]
    note = "snakemake -n results/table2.csv with the paper's preset, modules compiled before"
    return held("workflow: dry run of the paper's table", seconds, "<= 5 s", note)


def _overhead(folder: Path) -> Line:
    """Time of a run of small jobs, one after the other, less theirs and less that of a dry run."""
    targets = [f"results/weights/{setting}/dct.frechet-a25.csv" for setting in SETTINGS]
    start = min(snakemake(folder, TINY, "--dry-run", *targets).seconds for _ in range(ROUNDS))
    whole = snakemake(folder, TINY, "--cores", "1", *targets).seconds
    times = job_seconds(folder)
    each = (whole - start - sum(times)) / len(times)
    note = f"{len(times)} jobs of {sum(times):.0f} s in {whole:.0f} s less {start:.1f} s of a dry run, best of {ROUNDS}"
    return Line("workflow: Snakemake's overhead per job", each, float("nan"), "s", float("nan"), "", note)
