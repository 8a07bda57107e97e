"""Pages of the reference that the code writes: options, commands and stages, in place of a comment of that name."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

from degcraft.commands import COMMANDS
from degcraft.schema import expected, options, schema

ROOT = Path(__file__).parents[2]


def on_page_markdown(markdown: str, **_: object) -> str:
    """Put in what the comments ask for."""
    for name, written in (("options", options_page), ("commands", commands_page), ("stages", stages_page)):
        comment = f"<!-- {name} -->"
        if comment in markdown:
            markdown = markdown.replace(comment, "\n".join(written()))
    return markdown


def options_page() -> Iterator[str]:
    """Each section of the config: as ``config.yaml`` has it, and the limits of its options."""
    defaults = sections((ROOT / "config.yaml").read_text(encoding="utf-8"))
    for name, text in defaults.items():
        rule = schema()["properties"][name]
        yield f"## {name}\n"
        yield f"{rule.get('description', '')}\n"
        yield f"```yaml\n{text}```\n"
        yield "| option | is | meaning | runs again |"
        yield "|---|---|---|---|"
        for path, option in options({"properties": {name: rule}}).items():
            unit = f" ({option['x-unit']})" if "x-unit" in option else ""
            stages = ", ".join(option["x-stages"]) or "nothing"
            kind = expected(option) if "x-expected" in option or "type" in option or "enum" in option else ""
            words = [cell(text) for text in (kind, option.get("description", "").rstrip(".") + unit, stages)]
            yield f"| `{path.removeprefix(f'{name}.')}` | {' | '.join(words)} |"
        yield ""


def sections(config: str) -> dict[str, str]:
    """The text of each section of ``config.yaml``, with the comment above it."""
    begins = [match.start() for match in re.finditer(r"^(?:#.*\n)*[a-z_]+:", config, flags=re.MULTILINE)]
    texts = [config[start:end].rstrip() + "\n" for start, end in zip(begins, [*begins[1:], None], strict=True)]
    return {str(re.search(r"^([a-z_]+):", text, flags=re.MULTILINE)[1]): text for text in texts}  # type: ignore[index]


def cell(text: str) -> str:
    """Text that does not end a cell, nor is taken for markup."""
    return re.sub(r"([|*_])", r"\\\1", " ".join(text.split())).replace("<", "&lt;")


def commands_page() -> Iterator[str]:
    """What each subcommand says of itself."""
    environment = {**os.environ, "COLUMNS": "100", "PYTHONPATH": str(ROOT / "workflow")}
    for name in COMMANDS:
        command = [sys.executable, "-m", "degcraft", name, "--help"]
        shown = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout
        yield f"## degcraft {name}\n\n```text\n{shown.rstrip()}\n```\n"


def stages_page() -> Iterator[str]:
    """Each file of rules: what its stage is, its rules, and the files that they make."""
    for path in included():
        rules = list(described(path.read_text(encoding="utf-8")))
        if not rules:
            continue
        stage = import_module(f"degcraft.stages.{path.stem}").__doc__
        yield f"## {path.stem}\n\n{stage}\n\n| rule | makes | files |\n|---|---|---|"
        for rule, meaning, files in rules:
            yield f"| `{rule}` | {cell(meaning)} | {'<br>'.join(f'`{file}`' for file in files)} |"
        yield ""


def included() -> list[Path]:
    """Files of rules, in the order of the flow."""
    names = re.findall(r'^include: "(.*)"', (ROOT / "Snakefile").read_text(encoding="utf-8"), flags=re.MULTILINE)
    return [ROOT / name for name in names]


def described(rules: str) -> Iterator[tuple[str, str, list[str]]]:
    """Name, docstring and outputs of each rule of a file."""
    for name, meaning, body in re.findall(r'^rule (\w+):\n    """(.*?)"""\n(.*?)(?=^\S|\Z)', rules, flags=re.M | re.S):
        outputs = re.search(r"^    output:\n((?:        .*\n)+)", body, flags=re.MULTILINE)
        files = re.findall(r'"((?:results|resources)/[^"]+)"', outputs[1]) if outputs else []
        yield name, meaning, files
