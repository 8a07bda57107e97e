"""Running the workflow from tests."""

import json
import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
TINY = ROOT / "tests" / "config" / "tiny.yaml"
EVERYTHING = ("all", "exhibits")
ENVIRONMENT = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}

# Which stage a rule belongs to: the name of its rule file.
STAGES = {
    name: file.stem
    for file in (ROOT / "workflow" / "rules").glob("*.smk")
    for name in re.findall(r"^rule (\w+):", file.read_text(), flags=re.MULTILINE)
}


def command(workdir: Path, *arguments: str, config: Path = TINY) -> list[str]:
    base = ["snakemake", "--snakefile", str(ROOT / "Snakefile"), "--directory", str(workdir)]
    profile = ["--profile", "none"]  # profiles/default belongs to the working directory of a checkout
    return [*base, *profile, "--show-failed-logs", "--configfile", str(config), *arguments]


def snakemake(workdir: Path, *arguments: str, config: Path = TINY, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run the engine in `workdir` with the tiny config; stdout and stderr come back as one text."""
    return subprocess.run(
        command(workdir, *arguments, config=config),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=ENVIRONMENT,
        check=False,
        cwd=workdir,
        **options,
    )


def jobs(output: str) -> dict[str, int]:
    """Job counts of a dry run by rule, without the total and without rule all."""
    table = re.search(r"Job stats:\n.*?\n[- ]+\n(.*?)\ntotal", output, flags=re.DOTALL)
    rows = (line.split() for line in table.group(1).splitlines()) if table else ()
    return {name: int(count) for name, count in rows if name != "all"}


def dry_runs(workdir: Path, configs: list[dict[str, Any]], folder: Path, *targets: str) -> list[dict[str, int]]:
    """Job counts of one dry run of `targets` per config, each in a fork of a process that has loaded the engine."""
    paths = []
    for number, config in enumerate(configs):
        paths.append(folder / f"{number}.yaml")
        paths[-1].write_text(yaml.safe_dump(config))
    halves = [half for half in (paths[::2], paths[1::2]) if half]
    with ThreadPoolExecutor(2) as pool:
        found: dict[str, str] = {}
        for part in pool.map(lambda half: _forked(workdir, half, targets), halves):
            found |= part
    return [jobs(found[str(path)]) for path in paths]


def _forked(workdir: Path, configs: list[Path], targets: tuple[str, ...]) -> dict[str, str]:
    arguments = [command(workdir, "-n", *targets, config=path)[1:] for path in configs]
    result = subprocess.run(
        [sys.executable, str(Path(__file__).with_name("forks.py"))],
        input=json.dumps(arguments), stdout=subprocess.PIPE, text=True, env=ENVIRONMENT, check=True, cwd=workdir,
    )  # fmt: skip
    return dict(zip(map(str, configs), json.loads(result.stdout), strict=True))
