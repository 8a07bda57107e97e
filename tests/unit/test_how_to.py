import re
import shlex
import subprocess
import sys

import pytest

from tests.workflow.engine import ENVIRONMENT, ROOT

PAGES = ["extend.md", "add-extractor.md", "add-backbone.md", "add-degradation.md", "add-method.md"]
BLOCK = re.compile(r'^```(\w+)(?: title="(.*?)")?\n(.*?)^```', re.MULTILINE | re.DOTALL)


def edited(text, diff):
    """The text with the one place changed that a diff shows, without line numbers; as it is where that was done."""
    lines = diff.splitlines(keepends=True)
    before = "".join(line[1:] for line in lines if not line.startswith("+"))
    after = "".join(line[1:] for line in lines if not line.startswith("-"))
    if before not in text and after in text:
        return text
    assert text.count(before) == 1, f"{text.count(before)} times in the file, not once:\n{before}"
    return text.replace(before, after)


def follow(page, clone):
    """Do in a copy of the project what a page says: new files and edits; returns these files and its commands."""
    written, commands = [], []
    for kind, title, content in BLOCK.findall((ROOT / "docs" / page).read_text(encoding="utf-8")):
        if kind == "sh":
            commands += [shlex.split(line) for line in content.splitlines()]
        elif title:
            path = clone / title
            written.append(title)
            path.parent.mkdir(exist_ok=True)
            path.write_text(edited(path.read_text(), content) if kind == "diff" else content)
    return written, commands


@pytest.fixture
def clone(tmp_path):
    """What the commands of a page need of the project, as copies where the page may write."""
    names = subprocess.run(
        ["git", "ls-files", "workflow", "tests", "Snakefile", "config.yaml", "pyproject.toml", "resources", "envs"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout.splitlines()  # fmt: skip
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes((ROOT / name).read_bytes())
    return tmp_path


@pytest.mark.parametrize("page", PAGES)
def test_a_page_does_what_it_says(page, clone):
    written, commands = follow(page, clone)
    assert [name for name in written if name.startswith("tests/unit/")]
    python = [name for name in written if name.endswith(".py")]
    run = [[sys.executable, "-m", "ruff", *options, *python] for options in (["check"], ["format", "--check"])]
    run += [[sys.executable, *command[1:], "-q"] for command in commands if command[0] == "python"]
    run += [[sys.executable, "-m", *command] for command in commands if command[0] == "snakemake" and "-n" in command]
    assert len(run) >= 4
    environment = ENVIRONMENT | {"PYTHONPATH": str(clone / "workflow")}
    for command in run:
        done = subprocess.run(command, cwd=clone, capture_output=True, text=True, env=environment)
        assert done.returncode == 0, f"{shlex.join(command)}\n{done.stdout[-3000:]}{done.stderr[-3000:]}"
