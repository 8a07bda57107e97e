"""The schema of the config: its options, and what re-runs after an edit of each."""

import functools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

_SCHEMA = Path(__file__).parents[1] / "schemas" / "config.schema.yaml"
_WORDS = {
    "integer": "an integer",
    "number": "a number",
    "string": "text",
    "array": "a list",
    "object": "a section of options",
    "boolean": "true or false",
}
_LIMITS = {"minimum": ">=", "exclusiveMinimum": ">", "maximum": "<=", "exclusiveMaximum": "<"}


@functools.cache
def schema() -> dict[str, Any]:
    """The schema ``workflow/schemas/config.schema.yaml``, read once."""
    loaded: dict[str, Any] = yaml.safe_load(_SCHEMA.read_text(encoding="utf-8"))
    return loaded


def options(node: dict[str, Any] | None = None, path: str = "") -> dict[str, dict[str, Any]]:
    """All options of the schema: dotted path (names in maps as ``<setting>``) to its own schema.

    A section that names its stages itself is one option.

    Parameters
    ----------
    node : dict, optional
        Part of the schema to list; all of it by default.
    path : str
        Where `node` is.
    """
    node = _resolved(schema() if node is None else node)
    children = _children(node)
    if not children or "x-stages" in node:
        return {path: node}
    return {
        key: option
        for name, child in children.items()
        for key, option in options(child, f"{path}.{name}".lstrip(".")).items()
    }


def expected(rule: dict[str, Any]) -> str:
    """What a value must be, in words.

    Parameters
    ----------
    rule : dict
        Schema of one option, from `options`.

    Examples
    --------
    >>> expected({"type": "integer", "minimum": 32, "multipleOf": 4})
    'an integer >= 32, a multiple of 4'
    """
    if "x-expected" in rule:
        return str(rule["x-expected"])
    if "enum" in rule:
        return f"one of {', '.join(map(str, rule['enum']))}"
    limits = " and ".join(f"{sign} {rule[key]}" for key, sign in _LIMITS.items() if key in rule)
    multiple = f", a multiple of {rule['multipleOf']}" if "multipleOf" in rule else ""
    return f"{_WORDS[rule['type']]} {limits}".rstrip() + multiple


def reruns_table() -> str:
    """The table "if I edit this, these stages re-run", as Markdown.

    Options with the same stages share the line of their section where the section has a description.
    """
    rows = "".join(
        f"| `{path}` | {meaning} | {', '.join(stages) or 'nothing'} |\n" for path, meaning, stages in _rows(schema())
    )
    return f"| option | meaning | re-runs, and then what reads its files |\n|---|---|---|\n{rows}"


def _rows(node: dict[str, Any], path: str = "") -> Iterator[tuple[str, str, list[str]]]:
    node = _resolved(node)
    below = list(options(node, path).values())
    stages: list[str] = below[0]["x-stages"]
    if "description" in node and all(option["x-stages"] == stages for option in below):
        unit = f" ({node['x-unit']})" if "x-unit" in node else ""
        yield path, node["description"].rstrip(".") + unit, stages
        return
    for name, child in _children(node).items():
        yield from _rows(child, f"{path}.{name}".lstrip("."))


def _resolved(node: dict[str, Any]) -> dict[str, Any]:
    if "$ref" not in node:
        return node
    return {**schema()["$defs"][node["$ref"].removeprefix("#/$defs/")], **node}


def _children(node: dict[str, Any]) -> dict[str, dict[str, Any]]:
    named = {f"<{child['title']}>": child for child in node.get("patternProperties", {}).values()}
    return {**node.get("properties", {}), **named}
