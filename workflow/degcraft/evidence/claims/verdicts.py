"""When a claim holds: one rule for every comparison, and the line of the table that it gives.

What was repeated (trainings with other seeds, random extractors, draws of images) has a 95 % interval. A claim holds
if the whole interval lies on the claimed side of its bar, does not hold if the whole interval lies on the other side,
and is not tested if the interval includes the bar (the reason begins with "undecided"), with fewer than three repeats,
or where a number is missing or not finite. Rows are judged one by one: of many claims whose difference is exactly at
the bar, one in forty is expected to hold by chance. An interval covers the repeats, not the choice of test images.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy import stats

from degcraft.phrases import counted

COLUMNS = ("claim", "source", "measured", "spread", "expected", "verdict", "why")
HOLDS, FAILS, UNTESTED = "holds", "does not hold", "not tested"
UNDECIDED = "undecided"  # how a reason begins where the bar lies within the interval
LEVEL = 0.95
REPEATS = 3  # fewest trainings, members or draws that decide a claim

Line = dict[str, Any]
Interval = tuple[float, float]


def t_interval(values: ArrayLike) -> Interval:
    """Interval of a mean at `LEVEL`, by Student's t.

    Parameters
    ----------
    values : array_like of shape (n,)
        Repeats. With fewer than `REPEATS`, or if one is not finite, both ends are NaN.

    Examples
    --------
    >>> [round(end, 3) for end in t_interval([1.0, 2.0, 3.0])]
    [-0.484, 4.484]
    """
    x = np.asarray(values, dtype=float)
    if x.size < REPEATS or not np.isfinite(x).all():
        return np.nan, np.nan
    mean = float(x.mean())
    half = float(stats.t.ppf((1 + LEVEL) / 2, x.size - 1)) * float(x.std(ddof=1)) / x.size**0.5
    return mean - half, mean + half


def judged(interval: Interval, bar: float, above: bool = True) -> str:
    """Verdict on "above (or below) the bar" from an interval; not tested where it includes the bar or is NaN.

    Examples
    --------
    >>> judged((0.1, 0.3), 0.0), judged((0.1, 0.3), 0.2), judged((0.1, 0.3), 0.0, above=False)
    ('holds', 'not tested', 'does not hold')
    """
    low, high = interval
    claimed, opposite = (low > bar, high < bar) if above else (high < bar, low > bar)
    return HOLDS if claimed else FAILS if opposite else UNTESTED


def paired(first: "pd.Series[float]", second: "pd.Series[float]") -> "pd.Series[float]":
    """Differences of two results indexed by seed, for the seeds that both have, in their order."""
    common = first.index.intersection(second.index).sort_values()
    return first.loc[common] - second.loc[common]


def rank_correlation(values: "pd.Series[float]") -> float:
    """Spearman correlation of values with their index; NaN if they are all equal or one is not finite.

    Examples
    --------
    >>> round(rank_correlation(pd.Series([2.0, 3.0, 2.5], index=[0.0, 1.0, 25.0])), 3)
    0.5
    """
    if not np.isfinite(values).all() or values.nunique() < 2:
        return np.nan
    return float(values.rank().corr(values.index.to_series().rank()))


def too_few(number: int, noun: str) -> str:
    """Reason why so many repeats decide nothing.

    Examples
    --------
    >>> too_few(1, "seed")
    '1 seed, 3 are needed'
    """
    return f"{counted(number, noun)}, {REPEATS} are needed"


@dataclass(frozen=True)
class Statement:
    """A claim of the paper.

    Attributes
    ----------
    claim : str
        What is claimed, with the unit of the measured number.
    source : str
        Figure or table of the paper.
    expected : str
        What would confirm it, and the paper's number where it prints one.
    """

    claim: str
    source: str
    expected: str

    def line(self, verdict: str, why: str, measured: float = np.nan, spread: float = np.nan) -> Line:
        """Line of the table; without a finite `measured` nothing is decided."""
        if verdict != UNTESTED and not np.isfinite(measured):
            verdict, why = UNTESTED, f"not a finite number: {why}"
        cells = (self.claim, self.source, float(measured), float(spread), self.expected, verdict, why)
        return dict(zip(COLUMNS, cells, strict=True))

    def not_tested(self, why: str) -> Line:
        """Line of a claim whose measurements are missing."""
        return self.line(UNTESTED, why)

    def from_interval(
        self, measured: float, spread: float, interval: Interval, bar: float, what: str, above: bool = True
    ) -> Line:
        """Line of a number with an interval, claimed to lie above (or below) `bar`; `what` says what it is."""
        if not np.isfinite([measured, *interval]).all():
            return self.not_tested(f"{what}: not a finite number")
        verdict = judged(interval, bar, above)
        ends = f"{LEVEL:.0%} interval {interval[0]:.3f} to {interval[1]:.3f}"
        why = f"{what}: {measured:.3f}, {ends}, claimed {'above' if above else 'below'} {bar:g}"
        return self.line(verdict, f"{UNDECIDED}: {why}" if verdict == UNTESTED else why, measured, spread)

    def from_repeats(
        self, values: "Sequence[float] | pd.Series[float]", what: str, bar: float = 0.0, noun: str = "seed"
    ) -> Line:
        """Line of a mean over repeats, claimed to lie above `bar`; the spread is their standard deviation.

        Parameters
        ----------
        values : sequence of float, length n
            One number per repeat; paired differences where two models are compared.
        what : str
            What was compared, for the reason.
        bar : float
            What the mean must exceed by its interval, in the unit of `values`.
        noun : str
            What was repeated.
        """
        x = np.asarray(values, dtype=float)
        unknown = int((~np.isfinite(x)).sum())
        if x.size == 0 or unknown:
            missing = f"no finite number for {unknown} of {counted(x.size, noun)}" if unknown else f"no {noun} has both"
            return self.not_tested(f"{what}: {missing}")
        mean, spread = float(x.mean()), float(x.std(ddof=1)) if x.size > 1 else np.nan
        if x.size < REPEATS:
            return self.line(UNTESTED, too_few(x.size, noun), mean, spread)
        return self.from_interval(mean, spread, t_interval(x), bar, f"{what}, mean over {counted(x.size, noun)}")
