"""The one exception users are meant to read, and the words that its messages share."""

import difflib
from collections.abc import Iterable


class DegcraftError(Exception):
    """Wrong input: the message says what was found, what is needed, and what to type."""


def unknown(noun: str, name: str, known: Iterable[str]) -> str:
    """Tell that `name` is not a known `noun`, with the nearest that is, or all where none is near."""
    known = list(known)
    near = difflib.get_close_matches(name, known, n=1)
    hint = f'did you mean "{near[0]}"?' if near else f"known: {', '.join(known)}"
    return f'unknown {noun} "{name}"; {hint}'
