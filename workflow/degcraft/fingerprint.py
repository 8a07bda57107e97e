"""Which code a stage depends on, as a short hash that prose and layout do not move."""

import ast
import functools
import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from degcraft.errors import DegcraftError

_PACKAGE = Path(__file__).parent
# Fields that say how code was written, not what it does.
_PROSE = {"kind", "type_comment", "type_ignores"}


@functools.cache
def code(stage: str, *plugins: str, root: Path = _PACKAGE) -> str:
    """Hash of a stage's source and of all package modules that it imports.

    Imports are read from the source, inside functions too; nothing is imported.
    Comments, docstrings and formatting do not count.

    Parameters
    ----------
    stage : str
        Module in ``degcraft.stages``.
    *plugins : str
        Modules that the stage loads by name, such as ``extractors.dct``.
    root : Path
        Folder of the package.

    Returns
    -------
    str
        16 hexadecimal digits, the same on Python 3.11 to 3.13.

    Raises
    ------
    DegcraftError
        There is no such module.
    """
    pending = [f"degcraft.stages.{stage}", *(f"degcraft.{plugin}" for plugin in plugins)]
    for name in pending:
        if _source(root, name) is None:
            raise DegcraftError(f"{name}: no such module in {root}; check the name of the stage or plugin")
    found: dict[str, str] = {}
    while pending:
        name = pending.pop()
        source = _source(root, name)
        if name in found or source is None:
            continue
        # The package itself only names its parts for users: no stage needs a name of its own, or the modules behind it.
        content = b"" if name == _PACKAGE.name else source.read_bytes()
        found[name], imports = _read(content, str(source))
        pending += [".".join(name.split(".")[:length]) for length in range(1, name.count(".") + 1)]
        pending += imports
    text = "\n".join(f"{name} {found[name]}" for name in sorted(found))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


@functools.cache
def _read(content: bytes, file: str) -> tuple[str, list[str]]:
    """A module's code as text, and what it imports; most modules belong to many stages and are parsed once."""
    tree = ast.parse(content, filename=file)
    return _text(tree), list(_imports(tree))


def _source(root: Path, name: str) -> Path | None:
    """File of module `name`, None where there is none in the package."""
    place = root.joinpath(*name.split(".")[1:])
    candidates = (place / "__init__.py", place.with_name(f"{place.name}.py"))
    return next((file for file in candidates if file.is_file()), None)


def _imports(tree: ast.Module) -> Iterator[str]:
    """Names that may be package modules; of ``from a import b`` both a and a.b, for b may be a module."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        else:
            continue
        yield from (name for name in names if name.split(".")[0] == "degcraft")


def _text(node: Any) -> str:
    """Syntax tree as text.

    Not `ast.unparse`: Python 3.11 and 3.12 quote nested strings differently; nor
    `ast.dump`, which changes with fields that newer versions add. Empty fields
    are left out for the same reason.
    """
    if isinstance(node, list):
        return f"[{','.join(map(_text, node))}]"
    if not isinstance(node, ast.AST):
        return ascii(node)
    fields = {name: value for name, value in ast.iter_fields(node) if name not in _PROSE}
    if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and _has_docstring(node):
        fields["body"] = node.body[1:]
    if isinstance(node, ast.JoinedStr):  # Python 3.12 ends some f-strings with an empty constant.
        fields["values"] = [part for part in node.values if not isinstance(part, ast.Constant) or part.value]
    filled = (f"{name}={_text(value)}" for name, value in fields.items() if value is not None and value != [])
    return f"{type(node).__name__}({','.join(filled)})"


def _has_docstring(node: ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    return ast.get_docstring(node, clean=False) is not None
