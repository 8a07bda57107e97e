"""What a finished run was: config, code, packages, devices, and checksums of all that its results rest on."""

import argparse
import json
import platform
import re
import shlex
import tomllib
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from degcraft import records
from degcraft.errors import DegcraftError
from degcraft.io import damaged, write_json
from degcraft.manifest import manifest
from degcraft.stages import enter, say

PROJECT = Path(__file__).parents[3] / "pyproject.toml"


def run(wanted: Sequence[str], config: dict[str, Any], output: Path) -> None:
    """Write the manifest of a run.

    Parameters
    ----------
    wanted : sequence of str
        Results; all that they were made from belongs to the run.
    config : dict
        The whole config.
    output : path
        The manifest, JSON.

    Raises
    ------
    DegcraftError
        One of the results, or of those that they rest on, is gone or has no record, or a damaged one.
    """
    for name in wanted:
        if _record(name) is None:
            raise DegcraftError(f"{name}: no record of how it was made; type: rm -r {name}, then run again")
    content = manifest(config, versions(), list(wanted), _record)
    gone = [name for name in content["inputs"] if output.parent in Path(name).parents]
    if gone:
        raise DegcraftError(
            f"{gone[0]} and {len(gone) - 1} more: gone, or without a record; results rest on them; "
            f"type: snakemake --cores 1 --force {' '.join(map(shlex.quote, gone))}, then run again"
        )
    write_json(output, content)
    say(f"manifest: {len(content['outputs'])} results from {len(content['inputs'])} inputs")


def _record(name: str) -> dict[str, Any] | None:
    try:
        return records.read(Path(name)) if Path(name).exists() else None
    except ValueError as error:
        raise damaged(name, error) from error


def versions() -> dict[str, str]:
    """Versions of Python and of the packages that the project names, as installed here."""
    named = tomllib.loads(PROJECT.read_text(encoding="utf-8"))["project"]["dependencies"]
    found = {"python": platform.python_version(), "machine": f"{platform.system()} {platform.machine()}"}
    for package in (re.split(r"[^\w-]", requirement)[0] for requirement in named):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "absent"
    return found


def main(argv: Sequence[str]) -> None:
    """Command line of the stage."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--made", nargs="+", required=True, help="results that the run was for")
    parser.add_argument("--spec", type=json.loads, required=True, help="the whole config")
    parser.add_argument("--code", required=True)
    parser.add_argument("--output", type=Path, required=True, help="manifest.json")
    given = parser.parse_args(argv)
    run(given.made, given.spec, given.output)


if __name__ == "__main__":
    enter(main)
