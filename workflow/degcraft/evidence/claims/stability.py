"""The claims of Figure 3 c: how many images a distance needs."""

from collections.abc import Sequence
from typing import Any

import pandas as pd
from scipy import stats

from degcraft.evidence.claims.families import families, measured_lines, why_missing
from degcraft.evidence.claims.verdicts import LEVEL, REPEATS, Line, Statement, rank_correlation, too_few
from degcraft.phrases import counted

ENOUGH = (100, 150)  # images
# paper: Fig. 3 c "enough" has no number. Measured on photographs, ImageNet AlexNet separates bins least: its median bin
# is 20 % (setting 3) to 40 % farther than its nearest one. 10 % is half of that: near and middling bins stay two
# standard deviations apart.
SMALL = 0.1  # standard deviation of the distance over its mean
_TAILS = ((1 - LEVEL) / 2, (1 + LEVEL) / 2)


def stability_claims(table: pd.DataFrame, evidence: dict[str, Any], extractors: Sequence[str]) -> list[Line]:
    """Lines of the claims of Figure 3 c, two per family of extractors.

    Parameters
    ----------
    table : DataFrame
        As ``figure3.csv``: extractor, family, images, repeat, distance, note.
    evidence : dict
        Config section; ``extractors`` are the listed ones.
    extractors : sequence of str
        The paper's, first in the order of lines.

    Notes
    -----
    A family counts with the mean of its members. Intervals are those of standard deviations of
    normal variables (F and chi-squared), with the repeats of one member, since members share their
    images; ``spread`` is the standard error. Repeats draw from one pool of images and are the less
    independent the more of it they use.
    """
    lines = []
    for family in families(table, [*extractors, *evidence["extractors"]]):
        measured = measured_lines(table)
        members = measured[measured["family"] == family]
        if members.empty:
            why = why_missing(table, family, evidence["extractors"])
            lines += [statement.not_tested(why) for statement in (_falling(family), _little(family))]
        else:
            lines += [_falls(_falling(family), members), _small(_little(family), members)]
    return lines


def _falling(family: str) -> Statement:
    claim = "the spread of the distance falls with the number of images (ratio of standard deviations, most to fewest)"
    return Statement(f"{family}: {claim}", "Fig. 3 c", "below 1")


def _little(family: str) -> Statement:
    claim = f"the spread of the distance is small at {ENOUGH[0]} to {ENOUGH[1]} images (standard deviation over mean)"
    return Statement(f"{family}: {claim}", "Fig. 3 c", f"below {SMALL:g}; the paper: enough, without a number")


def _falls(statement: Statement, members: pd.DataFrame) -> Line:
    # Members have scales of their own: each counts in its own mean distance.
    spread = _by_images(members, members.groupby("extractor")["distance"].mean())
    if len(spread) < 2:
        return statement.not_tested("one number of images; two are needed")
    ratio, free = float(spread.iloc[-1] / spread.iloc[0]), _repeats(members) - 1
    low, high = (ratio / float(stats.f.ppf(tail, free, free)) ** 0.5 for tail in reversed(_TAILS))
    trend = f"rank correlation over {len(spread)} numbers of images {rank_correlation(spread):.2f}"
    what = f"{spread.index[-1]:g} against {spread.index[0]:g} images ({trend})"
    return _line(statement, members, ratio, ratio / free**0.5, (low, high), 1.0, what)


def _small(statement: Statement, members: pd.DataFrame) -> Line:
    spread = _by_images(members, members.groupby(["extractor", "images"])["distance"].mean())
    spread = spread[(spread.index >= ENOUGH[0]) & (spread.index <= ENOUGH[1])]
    if spread.empty:
        return statement.not_tested(f"no distances of {ENOUGH[0]} to {ENOUGH[1]} images")
    largest, free = float(spread.max(skipna=False)), _repeats(members) - 1
    low, high = (largest * (free / float(stats.chi2.ppf(tail, free))) ** 0.5 for tail in reversed(_TAILS))
    what = f"largest at {', '.join(f'{images:g}' for images in spread.index)} images"
    return _line(statement, members, largest, largest / (2 * free) ** 0.5, (low, high), SMALL, what)


def _by_images(members: pd.DataFrame, scale: "pd.Series[float]") -> "pd.Series[float]":
    """Standard deviation over repeats in units of `scale`, mean over members, by number of images; NaN stays."""
    deviation = members.groupby(["extractor", "images"])["distance"].agg(lambda x: x.std(ddof=1, skipna=False))
    deviation = deviation.where(deviation > 0)  # none at all: the repeats had the same images
    return (deviation / scale).groupby("images").agg(lambda x: x.mean(skipna=False))


def _repeats(members: pd.DataFrame) -> int:
    return int(members.groupby(["extractor", "images"]).size().min())


def _line(
    statement: Statement,
    members: pd.DataFrame,
    measured: float,
    error: float,
    interval: tuple[float, float],
    bar: float,
    what: str,
) -> Line:
    repeats, extractors = _repeats(members), counted(members["extractor"].nunique(), "extractor")
    if repeats < REPEATS:
        return statement.not_tested(too_few(repeats, "repeat"))
    what = f"{what}, {repeats} repeats, {extractors}"
    return statement.from_interval(measured, error, interval, bar, what, above=False)
