"""An entry of the config's section ``applications`` as text, put into a config file whose other bytes stay."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from degcraft.config import merge, with_chosen_methods
from degcraft.errors import DegcraftError

# What the Snakefile reads that a run from here takes: the one of this folder, else that beside this package.
_FOLDERS = (Path.cwd(), Path(__file__).resolve().parents[2])
DEFAULT = next((folder for folder in _FOLDERS if (folder / "Snakefile").is_file()), _FOLDERS[1]) / "config.yaml"
SECTION = "applications"
_INDENT = 2


def inserted(text: str, name: str, entry: Mapping[str, Any], remarks: Mapping[str, str]) -> str:
    r"""Text of a config file with one more application; its comments, order and line ends stay as they are.

    Parameters
    ----------
    text : str
        The file; it need not have the section yet.
    name : str
        Of the application, not taken.
    entry : dict
        The application's options.
    remarks : dict
        Comment above an option, by its name; "" is the comment above the entry. Left out in a section that is
        written in braces.

    Returns
    -------
    str
        Parses as before, but for the new entry.

    Raises
    ------
    DegcraftError
        The text is no YAML map, the name is taken, or the section is written in a way that cannot be added to.

    Examples
    --------
    >>> print(inserted("applications:  # mine\n  one: {}\n\nseed: 0", "two", {"count": 8}, {"": "Film."}))
    applications:  # mine
      one: {}
      # Film.
      two:
        count: 8
    <BLANKLINE>
    seed: 0
    """
    before = parsed(text)
    if name in (before.get(SECTION) or {}):
        raise DegcraftError(f"{SECTION}.{name}: the name is taken; choose another name, or edit that entry")
    result = _with_entry(text, name, entry, remarks)
    expected = {**before, SECTION: {**(before.get(SECTION) or {}), name: dict(entry)}}
    try:
        found: Any = yaml.safe_load(result)
    except yaml.YAMLError:
        found = None
    if found != expected:
        whole = "\n".join([f"{SECTION}:", *_block(name, entry, remarks, _INDENT)])
        raise DegcraftError(f"{SECTION}: written in a way that cannot be added to; add this yourself:\n{whole}")
    return result


def parsed(text: str) -> dict[str, Any]:
    """What a config file says.

    Raises
    ------
    DegcraftError
        It is no YAML map.
    """
    try:
        content: Any = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise DegcraftError(f"not a YAML file ({' '.join(str(error).split())}); correct the line") from None
    if content is not None and not isinstance(content, dict):
        raise DegcraftError(f"{type(content).__name__} instead of options; needed are lines such as seed: 0")
    options: dict[str, Any] = content or {}
    if not isinstance(options.get(SECTION) or {}, dict):
        raise DegcraftError(f"{SECTION}: {options[SECTION]!r}; needed are entries by name; remove it")
    return options


def merged(texts: Sequence[str]) -> dict[str, Any]:
    """Config of several files as Snakemake merges them, the later ones over the earlier; not validated.

    Raises
    ------
    DegcraftError
        One is no YAML map.
    """
    contents = [parsed(text) for text in texts]
    config: dict[str, Any] = {}
    for content in contents:
        config = merge(config, content)
    return with_chosen_methods(config, contents)


def _with_entry(text: str, name: str, entry: Mapping[str, Any], remarks: Mapping[str, str]) -> str:
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    pairs = root.value if root is not None else []
    section = next((value for key, value in reversed(pairs) if key.value == SECTION), None)
    line_end = "\r\n" if "\r\n" in text else "\n"
    if section is None:
        start = text if not text or text.endswith("\n") else text + line_end
        lines = [*([""] if text.strip() else []), f"{SECTION}:", *_block(name, entry, remarks, _INDENT)]
        return start + "".join(line + line_end for line in lines)
    if not section.value or isinstance(section, yaml.ScalarNode):  # {}, null or nothing: the entry takes its place
        start, end = section.start_mark.index, section.end_mark.index
        return _with_lines(text[:start] + text[end:], start, _block(name, entry, remarks, _INDENT), line_end)
    if section.flow_style:
        end = section.value[-1][1].end_mark.index
        return f"{text[:end]}, {_scalar({name: dict(entry)})[1:-1]}{text[end:]}"
    indent = section.value[0][0].start_mark.column
    return _with_lines(text, _end(text, section), _block(name, entry, remarks, indent), line_end)


def _end(text: str, node: yaml.Node) -> int:
    """Where the last value of a block ends; PyYAML's own end of a block lies behind the comments that follow it."""
    while isinstance(node, yaml.CollectionNode) and node.value and not node.flow_style:
        last = node.value[-1]
        node = last[1] if isinstance(last, tuple) else last
    return len(text[: node.end_mark.index].rstrip())


def _with_lines(text: str, position: int, lines: list[str], line_end: str) -> str:
    """Lines put behind the line of `position`, and behind the indented comments that belong to it."""
    before, rest = text[:position], text[position:].splitlines(keepends=True)
    taken = 1
    while taken < len(rest) and rest[taken][:1].isspace() and rest[taken].lstrip().startswith("#"):
        taken += 1
    before += "".join(rest[:taken])
    before += "" if before.endswith("\n") else line_end
    return before + "".join(line + line_end for line in lines) + "".join(rest[taken:])


def _block(name: str, entry: Mapping[str, Any], remarks: Mapping[str, str], indent: int) -> list[str]:
    """Lines of one entry."""
    outer, inner = " " * indent, " " * (indent + _INDENT)
    lines = [*_comment(remarks.get(""), outer), f"{outer}{_scalar(name)}:"]
    for option, value in entry.items():
        lines += _comment(remarks.get(option), inner)
        if isinstance(value, list) and value:
            lines += [f"{inner}{option}:", *(f"{inner}  - {_scalar(item)}" for item in value)]
        else:
            lines.append(f"{inner}{option}: {_scalar(value)}")
    return lines


def _comment(remark: str | None, indent: str) -> list[str]:
    return [f"{indent}# {line}" for line in remark.splitlines()] if remark else []


def _scalar(value: Any) -> str:
    """A value on one line of YAML, of which braces and lists may be parts."""
    text = yaml.safe_dump(value, default_flow_style=True, width=math.inf, allow_unicode=True, sort_keys=False)
    return text.removesuffix("...\n").strip()
