"""Check every result against its record: its bytes, and the config, code and inputs that made it.

whole    the bytes that were written, by this config and code
stale    whole, but another config, code or input made it; snakemake makes it anew when it is asked for
corrupt  not the bytes that were written: to be deleted and made anew
foreign  not a result of this config, or without a record, so that nothing can be said of its bytes
"""

import argparse
import json
import shlex
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from degcraft import manifest, records
from degcraft.errors import DegcraftError

HELP = "check all results against their checksums, config and code"
EXAMPLES = """examples:
  degcraft verify                             results/ against config.yaml
  degcraft verify --configfile mine.yaml      the same config files as in the run
  degcraft verify --manifest elsewhere.json   is the run of that manifest the same computation as this one?
"""
SNAKEFILE = Path(__file__).parents[3] / "Snakefile"
LARGE = 20  # of the lines of one kind, those that are shown


def options(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    parser.add_argument("--results", type=Path, default=Path("results"), help="folder of the results (results)")
    parser.add_argument("--configfile", type=Path, nargs="+", default=[], help="as given to snakemake")
    parser.add_argument("--manifest", type=Path, help="results/manifest.json of another run, to compare with")


def run(given: argparse.Namespace) -> None:
    """Print what was found.

    Raises
    ------
    DegcraftError
        There are no results, some are corrupt, or the other run is another computation.
    """
    if not given.results.is_dir():
        raise DegcraftError(
            f"{given.results}: no such folder; needed are results; type: degcraft verify --results FOLDER"
        )
    if given.manifest:
        return compare(given.manifest, given.results / "manifest.json")
    jobs = Jobs(given.configfile)
    found = [(*verdict(path, given.results, jobs), path) for path in records.results(given.results)]
    counts = Counter(state for state, _, _ in found)
    for state in ("stale", "foreign", "corrupt"):
        lines = [f"{path}: {reason}" for kind, reason, path in found if kind == state]
        for line in shortened(lines):
            print(f"{state:8} {line}")
    print(", ".join(f"{counts[state]} {state}" for state in ("whole", "stale", "corrupt", "foreign")))
    if counts["corrupt"]:
        wrong = [path for state, _, path in found if state == "corrupt"]
        raise DegcraftError(
            f"{len(wrong)} of {len(found)} results are not as they were written; they have to be made anew; "
            f"type: {repair(wrong, given, jobs)}"
        )
    return None


def repair(wrong: list[Path], given: argparse.Namespace, jobs: "Jobs") -> str:
    """Command that brings results back: those that this config makes are made, the others are only removed."""
    names = [name_of(path, given.results) for path in wrong]
    made = [name for name in names if any(jobs.making(name))]
    words = ["rm", "-r", *map(str, wrong)]
    if made:
        words += ["&&", "snakemake", "--cores", "1", *made]
        words += ["--directory", str(given.results.parent)] * (given.results.parent != Path())
        words += ["--configfile", *map(str, given.configfile)] * bool(given.configfile)
    return " ".join(word if word == "&&" else shlex.quote(word) for word in words)


def name_of(path: Path, root: Path) -> str:
    """Path of a result as rules name it."""
    return Path("results", path.relative_to(root)).as_posix()


def compare(there: Path, here: Path) -> None:
    """Say part by part how another run differs from this one.

    Raises
    ------
    DegcraftError
        One of the manifests is missing, or the runs are different computations.
    """
    from degcraft.io import read_json

    if not here.exists():
        raise DegcraftError(f"{here}: no such file; this run has no manifest; type: snakemake --cores 1 {here}")
    found = manifest.differences(read_json(there), read_json(here))
    for part, lines in found.items():
        print(f"{part:9} {'differs' if lines else 'same'}")
        for line in shortened(lines):
            print(f"          {line}")
    defining = [part for part in manifest.DEFINING if found[part]]
    if defining:
        raise DegcraftError(
            f"another computation: {', '.join(defining)} differ (there: {there}, here: {here}); take over "
            "what differs, then run snakemake again"
        )
    bits = "with the same results" if not found["outputs"] else "but results differ, as they may on other devices"
    print(f"the same computation, {bits}")


def shortened(lines: list[str]) -> list[str]:
    """The first of many lines, and how many more there are."""
    return lines[:LARGE] + [f"and {len(lines) - LARGE} more"] * (len(lines) > LARGE)


def verdict(path: Path, root: Path, jobs: "Jobs") -> tuple[str, str]:
    """Whether a result is whole, stale, corrupt or foreign, and why."""
    if problem := records.problem(path):
        return "corrupt", problem
    record = records.read(path)
    if record is None:
        return "foreign", "no record of how it was made"
    made = list(jobs.making(name_of(path, root)))
    if not made:
        return "foreign", "no rule of this config makes it"
    reasons = [reason for spec, code in made if (reason := _outdated(record, spec, code))]
    if len(reasons) == len(made):
        return "stale", reasons[0]
    for name, sum_then in record["inputs"].items():
        if _checksum(root.parent / name) not in (None, sum_then):
            return "stale", f"made from another {name}"
    return "whole", ""


def _checksum(source: Path) -> str | None:
    """That of a result that is there, by its record; None without one, or with a damaged one, which is told itself."""
    try:
        record = records.read(source) if source.exists() else None
    except ValueError:
        return None
    return record["sha256"] if record else None


def _outdated(record: dict[str, Any], spec: dict[str, Any], code: str) -> str:
    """What is not as in the record: options by name, or the code; empty where nothing is."""
    lines = manifest.changed(record["spec"], spec)
    return f"made with another {lines[0]}" if lines else "made by other code" if record["code"] != code else ""


class Jobs:
    """The jobs that the workflow would run under a config.

    Parameters
    ----------
    configfiles : list of path
        As given to snakemake.

    Raises
    ------
    DegcraftError
        The config is not valid.
    """

    def __init__(self, configfiles: list[Path]) -> None:
        # Snakemake's own rules, so that no second list of results can differ from them.
        from snakemake.api import SnakemakeApi
        from snakemake.exceptions import WorkflowError
        from snakemake.iocontainers import Wildcards
        from snakemake.settings.types import ConfigSettings, OutputSettings, Quietness, ResourceSettings

        self._wildcards = Wildcards
        try:
            with SnakemakeApi(OutputSettings(quiet={Quietness.ALL})) as api:
                loaded = api.workflow(
                    ResourceSettings(cores=1),
                    config_settings=ConfigSettings(configfiles=configfiles),
                    snakefile=SNAKEFILE,
                )
                loaded.dag()
                self._rules = list(loaded._workflow.rules)
        except WorkflowError as error:
            raise DegcraftError(str(error)) from error

    def making(self, path: str) -> Iterator[tuple[dict[str, Any], str]]:
        """Spec and code of each job that would make a file."""
        for rule in self._rules:
            if not rule.is_producer(path):
                continue
            wildcards = self._wildcards(fromdict=rule.get_wildcards(path))
            params = {name: value(wildcards) if callable(value) else value for name, value in self._of(rule).items()}
            yield json.loads(params.get("spec", "{}")), params.get("code", "")

    @staticmethod
    def _of(rule: Any) -> dict[str, Any]:
        return {name: value for name, value in rule.params.items() if name in ("spec", "code")}
