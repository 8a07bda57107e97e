"""Validation of the config: every problem in a plain line of its own."""

import contextlib
import difflib
import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import yaml
from jsonschema import Draft202012Validator, ValidationError
from jsonschema.protocols import Validator
from jsonschema.validators import extend

from degcraft import consistency
from degcraft.consistency import is_number, value_at
from degcraft.errors import DegcraftError, unknown
from degcraft.schema import expected, options, reruns_table, schema

_MOST_VALUES, _MOST_LEVELS = 100_000, 32  # of a config whose aliases are followed; the default has some 1,000, and 6


def validate(config: dict[str, Any]) -> None:
    """Refuse a config that has any problem, and tell all of them at once.

    Parameters
    ----------
    config : dict
        The merged config, as Snakemake loads it.

    Raises
    ------
    DegcraftError
        One line per problem: option, what was found, what is needed, what to type.
    """
    _refuse_unreadable(config)
    problems: list[str] = []
    config = _with_text_keys(config, "", problems)
    validator = _validator(config)
    for error in validator.iter_errors(config):
        problems.extend(_lines(error, validator))
    problems.extend(consistency.problems(config))
    if problems:
        raise DegcraftError("\n".join(f"config.yaml: {_printable(line)}" for line in dict.fromkeys(problems)))


def merge(config: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """Config with `changes`, as Snakemake merges config files: maps key by key, lists and values whole."""
    merged = dict(config)
    for key, value in changes.items():
        both = isinstance(value, dict) and isinstance(merged.get(key), dict)
        merged[key] = merge(merged[key], value) if both else value
    return merged


def with_chosen_methods(config: dict[str, Any], files: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """Config whose ``methods``, where it is a choice and no map, became ``tables.methods``: ``--config methods=all``.

    Parameters
    ----------
    config : dict
        The merged config.
    files : iterable of dict
        Contents of its files in the order of merging: the map that the choice has replaced is there.
    """
    if isinstance(config.get("methods"), dict):
        return config
    sections: dict[str, Any] = {}
    for content in files:
        sections = merge(sections, {"methods": content.get("methods", {})})
    return merge({**config, **sections}, {"tables": {"methods": config.get("methods")}})


def leaves(config: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any], Any]]:
    """Every option of a config: its dotted path, its part of the schema, its value."""
    for pattern, option in options().items():
        for path, value in _matches(config, pattern.split(".")):
            yield path, option, value


def _matches(value: Any, keys: list[str], path: str = "") -> Iterator[tuple[str, Any]]:
    if not keys:
        yield path, value
        return
    for name, item in value.items():
        if name == keys[0] or keys[0].startswith("<"):
            yield from _matches(item, keys[1:], f"{path}.{name}".lstrip("."))


def _printable(line: str) -> str:
    """The line, with what a terminal would obey instead of show as escapes."""
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in line)


def _refuse_unreadable(config: Any) -> None:
    """Refuse what has no end once its YAML aliases are followed, or nearly none, and text that nobody can read."""
    values, waiting = 0, [(config, 0)]
    while waiting:
        value, level = waiting.pop()
        values += 1
        if values > _MOST_VALUES or level > _MOST_LEVELS:
            raise DegcraftError(
                f"config.yaml: more than {_MOST_VALUES} values or {_MOST_LEVELS} levels; no option needs so many; "
                "remove nested lists, and aliases (*name) of what holds aliases"
            )
        if isinstance(value, str) and not value.isprintable():
            shown = ascii(value[:60])
            raise DegcraftError(f"config.yaml: text with control characters or strange spaces, {shown}; remove them")
        inner = value.values() if isinstance(value, Mapping) else value
        if isinstance(inner, Iterable) and not isinstance(inner, str | bytes):
            waiting += [(item, level + 1) for item in inner]


def _with_text_keys(value: Any, path: str, problems: list[str]) -> Any:
    """Copy with all keys as text; YAML reads some names (1, on, null) as something else."""
    if not isinstance(value, Mapping):
        return value
    copy = {}
    for key, item in value.items():
        where = f"{path}.{key}".lstrip(".")
        if not isinstance(key, str):
            problems.append(f'{where}: the name is not text; put it in quotes (write "{key}")')
        copy[str(key)] = _with_text_keys(item, where, problems)
    return copy


def _validator(config: dict[str, Any]) -> Validator:
    """Validator with our keywords, in which numbers are finite and 5.0 is no integer."""

    def order(_: Any, sign: str, pair: Any, __: Any) -> Iterator[ValidationError]:
        if isinstance(pair, list) and len(pair) == 2 and all(map(is_number, pair)):
            low, high = pair
            if low > high or (low == high and sign == "<"):
                yield ValidationError("order")

    def names_of(_: Any, section: str, name: Any, __: Any) -> Iterator[ValidationError]:
        known = value_at(config, section)
        if isinstance(name, str) and isinstance(known, dict) and name not in known:
            yield ValidationError(unknown(section.removesuffix("s"), name, known))

    def reserved(_: Any, names: list[str], section: Any, __: Any) -> Iterator[ValidationError]:
        for name in names:
            if isinstance(section, dict) and name in section:
                yield ValidationError(f'"{name}" has a meaning of its own in file names; choose another name')

    def without(_: Any, options: list[str], entry: Any, __: Any) -> Iterator[ValidationError]:
        for option in options:
            if isinstance(entry, dict) and option in entry:
                beside = [f"{key}: {entry[key]}" for key in ("kind", "weights") if key in entry]
                yield ValidationError(f"{option} does not go with {', '.join(beside)}; remove it")

    checker = Draft202012Validator.TYPE_CHECKER.redefine_many(
        {"number": lambda _, value: is_number(value), "integer": lambda _, value: type(value) is int}
    )
    keywords = {"x-order": order, "x-names-of": names_of, "x-reserved": reserved, "x-without": without}
    validator: type[Validator] = extend(Draft202012Validator, keywords, type_checker=checker)  # type: ignore[no-untyped-call]
    return validator(schema())


def _lines(error: ValidationError, validator: Validator) -> Iterator[str]:
    """Plain lines of one error of the schema."""
    path = "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in error.absolute_path).lstrip(".")
    rule: Any = error.schema
    found: Any = error.instance
    if error.validator == "additionalProperties":
        for key in found:
            if key in rule.get("properties", {}):
                continue
            if "patternProperties" not in rule:
                yield f"{path}.{key}: unknown key; {_nearest_key(key, rule)}".lstrip(".")
            elif "x-expected" in rule and not any(re.search(name, key) for name in rule["patternProperties"]):
                yield f"{path}.{key}: unknown key; expected {rule['x-expected']}"
            elif not any(re.search(pattern, key) for pattern in rule["patternProperties"]):
                plain = re.sub("[^a-z0-9]+", "-", key.lower()).strip("-") or "name"
                needed = f"use lower-case letters, digits and hyphens (write {plain})"
                yield f"{path}: {_shown(key)} cannot name files; {needed}"
    elif error.validator == "required":
        for key in rule["required"]:
            if key not in found:
                where = f"{path}.{key}".lstrip(".")
                yield f"{where}: missing; add it{_needed_there(where)}"
    elif error.validator in ("x-names-of", "x-reserved", "x-without"):
        yield f"{path}: {error.message}"
    else:
        yield f"{path}: expected {expected(rule)}, got {_shown(found)}{_suggestion(found, rule, validator)}"


def _nearest_key(key: str, rule: dict[str, Any]) -> str:
    known = list(rule["properties"])
    near = difflib.get_close_matches(key, known, n=1) or [path for path in options() if path.split(".")[-1] == key]
    return f'did you mean "{near[0]}"?' if near else f"known here: {', '.join(known)}"


def _needed_there(path: str) -> str:
    """What a missing option needs, with the names of maps replaced by their kind."""
    for known, option in options().items():
        if re.fullmatch(re.sub("<[a-z]+>", "[^.]+", known.replace(".", r"\.")), path):
            return f", {expected(option)}"
    return " with all its options, as config.yaml has it"


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 80 else f"{text[:77]}..."


def _suggestion(value: Any, rule: dict[str, Any], validator: Validator) -> str:
    """The nearest value that would be right, as it is typed in YAML, where there is one."""
    nearest: list[Any] = [[value]]
    if isinstance(value, str):
        words = [word for word in rule.get("enum", []) if isinstance(word, str)]
        nearest += difflib.get_close_matches(value, words, n=1)
        with contextlib.suppress(ValueError):
            nearest.append(json.loads(value))
    elif isinstance(value, float) and value.is_integer():
        nearest.append(int(value))
    elif isinstance(value, list) and all(map(is_number, value)):
        nearest.append(sorted(value))
    for candidate in nearest:
        if validator.evolve(schema=rule).is_valid(candidate):
            text = yaml.safe_dump(candidate, default_flow_style=True, width=math.inf, allow_unicode=True)
            plain = text.removesuffix("...\n").strip()  # YAML ends a lone scalar with dots.
            return f" (write {plain})"
    return ""


if __name__ == "__main__":
    print(reruns_table(), end="")
