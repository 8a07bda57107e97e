"""A finished run as an RO-Crate: its results, the workflow that made them, and a description for other programs."""

import argparse
import json
import shutil
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from degcraft import records
from degcraft.crate import Part, crate
from degcraft.errors import DegcraftError
from degcraft.io import read_json, whole_folder, write_json
from degcraft.stages import enter, say

CHECKOUT = Path(__file__).parents[3]
COPIED = ("workflow", "resources/paper", "resources/checksums.tsv")  # what a run reads besides the config


def run(manifest: Path, workflow: Path, output: Path) -> None:
    """Describe the run of a manifest, and copy the workflow to the results.

    Parameters
    ----------
    manifest : path
        ``manifest.json`` of the run.
    workflow : path
        Folder for the copy of the workflow, with the run's config.
    output : path
        ``ro-crate-metadata.json``; its folder is the crate.

    Raises
    ------
    DegcraftError
        A result is no more what it was when the manifest was written.
    """
    described = read_json(manifest)
    with whole_folder(workflow) as folder:
        copy(folder)
        config = json.dumps(described["config"], indent=2, sort_keys=True)  # JSON is YAML, too
        (folder / "config.yaml").write_text(config + "\n", encoding="utf-8")
    root = output.parent
    results = [*map(Path, sorted(described["outputs"]))]
    parts = [_part(path, root, described["outputs"][path.as_posix()]) for path in results]
    parts.append(Part(manifest.name, manifest.stat().st_size, records.sha256(manifest)))
    # When the run ended is what its youngest file says; no clock is asked.
    newest = max(path.stat().st_mtime for path in [manifest, *results])
    finished = datetime.fromtimestamp(int(newest), UTC).isoformat()
    places = tuple((workflow.relative_to(root) / name).as_posix() for name in ("Snakefile", "config.yaml"))
    write_json(output, crate(described, _version(), parts, (places[0], places[1]), finished))
    say(f"crate: {len(parts)} results")


def copy(folder: Path) -> None:
    """Copy all that the workflow consists of into a folder."""
    shutil.copy(CHECKOUT / "Snakefile", folder)
    for name in COPIED:
        place = folder / name
        if (CHECKOUT / name).is_dir():
            shutil.copytree(CHECKOUT / name, place, ignore=shutil.ignore_patterns("__pycache__", ".*"))
        else:
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(CHECKOUT / name, place)


def _part(path: Path, root: Path, checksum: str) -> Part:
    record = records.read(path) if path.exists() else None
    if record is None or record["sha256"] != checksum:
        raise DegcraftError(
            f"{path}: another one than when the manifest was written; a manifest of these results is needed; "
            f"type: rm {root / 'manifest.json'}, then run again"
        )
    return Part(path.relative_to(root).as_posix() + "/" * path.is_dir(), record["size"], checksum)


def _version() -> str:
    try:
        return version("degcraft")
    except PackageNotFoundError:  # run from a checkout that is not installed
        return "unknown"


def main(argv: Sequence[str]) -> None:
    """Command line of the stage."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--manifest", type=Path, required=True, help="results/manifest.json")
    parser.add_argument("--spec", type=json.loads, required=True)
    parser.add_argument("--code", required=True)
    parser.add_argument("--workflow", type=Path, required=True, help="folder for a copy of the workflow")
    parser.add_argument("--output", type=Path, required=True, help="ro-crate-metadata.json")
    given = parser.parse_args(argv)
    run(given.manifest, given.workflow, given.output)


if __name__ == "__main__":
    enter(main)
