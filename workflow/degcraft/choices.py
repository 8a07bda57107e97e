"""Where the code departs from the paper or chooses what it leaves open: the comments that begin with ``# paper:``."""

import re
from pathlib import Path

_PACKAGE = Path(__file__).parent


def choices(package: Path = _PACKAGE) -> str:
    """All choices as a Markdown table: module, and section of the paper with the choice and its reason."""
    rows = [
        f"| `{path.relative_to(package).as_posix()}` | {' '.join(found.split())} |"
        for path in sorted(package.rglob("*.py"))
        for found in _comments(path.read_text(encoding="utf-8"))
    ]
    return "\n".join(["| where | section of the paper: choice and reason |", "|---|---|", *rows]) + "\n"


def _comments(source: str) -> list[str]:
    """Comments that begin with the tag, with the comment lines that continue them."""
    found = re.findall(r"^ *# paper: (.*(?:\n *# .*)*)", source, flags=re.MULTILINE)
    return [re.sub(r"\n *# ", " ", text) for text in found]


if __name__ == "__main__":
    print(choices(), end="")
