"""Extractors as Figures 3 c and 4 list them: families that differ in their seed alone, and why one is missing."""

from collections.abc import Sequence

import pandas as pd


def measured_lines(table: pd.DataFrame) -> pd.DataFrame:
    """Lines of a table that hold measurements; the others carry a note."""
    return table[table["note"].isna()]


def family_of(table: pd.DataFrame, extractor: str) -> str:
    """Family of an extractor; its own name where the table does not tell."""
    known = table.loc[table["extractor"] == extractor, "family"].dropna()
    return extractor if known.empty else str(known.iloc[0])


def families(table: pd.DataFrame, extractors: Sequence[str]) -> list[str]:
    """Families of `extractors` and then of those that only the table has, each once."""
    return list(dict.fromkeys(family_of(table, name) for name in [*extractors, *table["extractor"].dropna()]))


def why_missing(table: pd.DataFrame, family: str, listed: Sequence[str]) -> str:
    """Reason why a family has no measurements: its note, or the list of the config that leaves it out."""
    named = table[(table["family"] == family) | (table["extractor"] == family)]
    notes = named["note"].dropna()
    if not notes.empty:
        return f"{family}: {notes.iloc[0]}"
    if named.empty and family not in listed:
        return f"{family} is not in evidence.extractors"
    return f"no measurements of {family}"
