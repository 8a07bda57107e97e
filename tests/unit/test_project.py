import os
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from snakemake.cli import get_argument_parser

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
TARGETS = set(re.search(r"^\.PHONY: (.*)$", MAKEFILE, re.MULTILINE)[1].split())
COMMANDS = [line for block in re.findall(r"^```sh\n(.*?)^```", README, re.M | re.S) for line in block.splitlines()]
PRESETS = sorted((ROOT / "workflow" / "presets").glob("*.yaml"))
SHOWN = [line for path in PRESETS for line in re.findall(r"^# +(snakemake .*)$", path.read_text(), re.M)]
SHOWN += [line for line in COMMANDS if line.startswith("snakemake")]
PAGES = sorted(path.name for path in ROOT.glob("*.md"))


def test_readme_has_commands_of_each_kind():
    assert {shlex.split(line)[0] for line in COMMANDS} == {"make", "source", "degcraft", "snakemake"}


@pytest.mark.parametrize("line", [line for line in COMMANDS if line.startswith("make")])
def test_readme_make_commands_name_a_target(line):
    assert set(shlex.split(line)[1:]) <= TARGETS


@pytest.mark.parametrize("line", SHOWN)
def test_shown_snakemake_commands_mean_what_they_say(line):
    options = get_argument_parser().parse_args(shlex.split(line)[1:])
    targets = {word for word in shlex.split(line) if word.startswith("results/") or word == "figures"}
    assert set(map(str, options.targets)) == targets  # not swallowed by an option before them
    assert all((ROOT / path).is_file() for path in options.configfile)
    assert all((ROOT / name / "profile.yaml").is_file() for name in options.profile or [])
    assert options.profile or options.cores


@pytest.mark.parametrize("page", PAGES)
def test_files_named_in_pages_exist(page):
    names = set(re.findall(r"`([\w./-]+\.(?:md|yaml|toml|lock|cff|py|smk|csv|tsv))`", (ROOT / page).read_text()))
    for name in names:
        inside = "/" not in name and list((ROOT / "workflow").rglob(name))
        assert name.startswith("results/") or inside or (ROOT / name).exists(), name


def test_make_lists_every_target():
    shown = subprocess.run(
        ["make", "--no-print-directory"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    assert {line.split()[1] for line in shown.splitlines()} == TARGETS


@pytest.mark.parametrize("version", ["3.10", "3.14", None])
def test_setup_refuses_other_pythons(version, tmp_path):
    python = tmp_path / "python3"
    if version:
        pretend = f"import sys; sys.version_info = ({version.replace('.', ', ')}); "
        python.write_text(f"#!/bin/sh\nexec {sys.executable} -c '{pretend}'\"$2\"\n")
        python.chmod(0o755)
    for name in ("Makefile", "requirements.lock", "pyproject.toml"):
        (tmp_path / name).symlink_to(ROOT / name)
    done = subprocess.run(["make", "setup", f"PYTHON={python}"], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode != 0
    assert "found no Python 3.11, 3.12 or 3.13" in done.stderr
    assert "make setup PYTHON=" in done.stderr
    assert not (tmp_path / ".venv").exists()


def test_version_is_the_same_everywhere():
    assert yaml.safe_load((ROOT / "CITATION.cff").read_text())["version"] == VERSION
    assert f"## [{VERSION.split('.dev')[0]}]" in (ROOT / "CHANGELOG.md").read_text()


def test_hooks_are_programs_of_the_lock():
    hooks = [
        hook
        for repo in yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
        for hook in repo["hooks"]
    ]
    assert hooks
    for hook in hooks:
        program = hook["entry"].split()[0]
        assert program.startswith(".venv/bin/")
        assert Path(sys.executable).with_name(Path(program).name).exists()


def test_ci_is_a_script():
    assert os.access(ROOT / ".ci" / "run", os.X_OK)
    subprocess.run(["bash", "-n", ".ci/run"], cwd=ROOT, check=True)


def test_links_lead_to_the_profile_and_the_snakefile():
    assert (ROOT / "slurm").resolve() == ROOT / "profiles" / "slurm"
    included = re.search(r'include: "(.*)"', (ROOT / "workflow" / "Snakefile").read_text())[1]
    assert (ROOT / "workflow" / included).resolve() == ROOT / "Snakefile"
