"""The claims of Figure 2: blur alone, trained on one width, on many, and on the test's own range."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pandas as pd

from degcraft.bins import Range
from degcraft.evidence.blur import fit
from degcraft.evidence.claims.verdicts import Line, Statement, paired

SINGLE, WIDE, MATCHED = "single", "wide", "matched"  # the last two as `degcraft.evidence.blur.fit` says


@dataclass(frozen=True)
class Tests:
    """Names of the tests: the average over the range, and single widths by where they lie."""

    average: list[str]
    inside: list[str]
    beside: list[str]
    outside: list[str]


@dataclass(frozen=True)
class Comparison:
    """A claim on two trainings; `chosen` names its tests, `worst` takes their worst instead of their mean."""

    statement: Statement
    first: str
    second: str
    chosen: Callable[[Tests], list[str]]
    worst: bool = False


def _statement(claim: str, source: str) -> Statement:
    return Statement(f"blur: {claim}", source, "above 0 dB")


COMPARISONS = (
    Comparison(
        _statement("matched training beats wide training on the test range (dB psnr_y, matched - wide)", "Fig. 2 a"),
        *(MATCHED, WIDE, lambda tests: tests.average),
    ),
    Comparison(
        _statement(
            "wide training beats training on a single width on the test range (dB psnr_y, wide - single)", "Fig. 2 a"
        ),
        *(WIDE, SINGLE, lambda tests: tests.average),
    ),
    Comparison(
        _statement(
            "matched training stays good across its range (dB psnr_y, matched - wide at the worst width inside)",
            "Fig. 2 b",
        ),
        *(MATCHED, WIDE, lambda tests: tests.inside, True),
    ),
    Comparison(
        _statement(
            "training on a single width is brittle (dB psnr_y, matched - single, mean of the other widths of the "
            "matched range)",
            "Fig. 2 b",
        ),
        *(MATCHED, SINGLE, lambda tests: tests.beside),
    ),
    Comparison(
        _statement(
            "wide training generalises (dB psnr_y, wide - matched, mean of the widths of the wide range outside the "
            "matched one)",
            "Fig. 2 b",
        ),
        *(WIDE, MATCHED, lambda tests: tests.outside),
    ),
)


def blur_claims(table: pd.DataFrame, evidence: dict[str, Any]) -> list[Line]:
    """Lines of the claims of Figure 2, each on differences paired by seed.

    Parameters
    ----------
    table : DataFrame
        As ``figure2.csv``: training, training_low, training_high, test, test_low, test_high (HR
        pixels), seed, psnr_y (dB, mean over images).
    evidence : dict
        Config section; ``blur.test`` names the test range. Which training is matched, wide or
        single follows from the ranges.
    """
    average = table[table["test"] == evidence["blur"]["test"]]
    if average.empty:
        why = f"no model was tested on {evidence['blur']['test']}"
        return [comparison.statement.not_tested(why) for comparison in COMPARISONS]
    matched = _ranges(average, "test")[evidence["blur"]["test"]]
    trainings = _ranges(table, "training")
    roles: dict[str, str] = {}
    for name, ends in trainings.items():
        roles.setdefault(SINGLE if ends[0] == ends[1] else fit(ends, matched), name)
    single, wide = (trainings[roles[role]] if role in roles else matched for role in (SINGLE, WIDE))
    tests = _tests(_ranges(table, "test"), evidence["blur"]["test"], matched, single[0], wide)
    psnr = table.pivot(index=["training", "seed"], columns="test", values="psnr_y")
    return [_line(comparison, psnr, roles, tests) for comparison in COMPARISONS]


def _ranges(table: pd.DataFrame, noun: str) -> dict[str, Range]:
    """Blur range by name of the trainings or tests."""
    named = table[[noun, f"{noun}_low", f"{noun}_high"]].drop_duplicates()
    return {str(name): (float(low), float(high)) for name, low, high in named.itertuples(index=False)}


def _tests(ranges: dict[str, Range], average: str, matched: Range, single: float, wide: Range) -> Tests:
    widths = {test: low for test, (low, high) in sorted(ranges.items(), key=lambda item: item[1]) if low == high}
    inside = [test for test, width in widths.items() if matched[0] <= width <= matched[1]]
    return Tests(
        average=[average],
        inside=inside,
        beside=[test for test in inside if widths[test] != single],
        outside=[test for test, width in widths.items() if wide[0] <= width <= wide[1] and test not in inside],
    )


def _line(comparison: Comparison, psnr: pd.DataFrame, roles: dict[str, str], tests: Tests) -> Line:
    statement, chosen = comparison.statement, comparison.chosen(tests)
    absent = [role for role in (MATCHED, comparison.first, comparison.second) if role not in roles]
    if absent:
        return statement.not_tested(f"no {absent[0]} training for this test range")
    if not chosen:
        return statement.not_tested("no test width lies there")
    first, second = roles[comparison.first], roles[comparison.second]
    difference = pd.DataFrame({test: paired(psnr[test].loc[first], psnr[test].loc[second]) for test in chosen})
    means = difference.mean(skipna=False)
    if comparison.worst and means.notna().all():
        chosen = [str(means.idxmin())]
    what = f"{first} - {second} on {', '.join(chosen)}"
    return statement.from_repeats(difference[chosen].mean(axis=1, skipna=False), what)
