"""The claim of Table 2 on order: a larger backbone ranks the draws as a smaller one does."""

import itertools
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from degcraft.evidence.claims.gains import SOURCE, seed_means, settings_of, why_absent
from degcraft.evidence.claims.printed import ORACLE, UNIFORM, expected, printed_psnr
from degcraft.evidence.claims.verdicts import (
    FAILS,
    HOLDS,
    REPEATS,
    UNDECIDED,
    UNTESTED,
    Line,
    Statement,
    paired,
    t_interval,
    too_few,
)
from degcraft.phrases import counted

DECIDED = 0.5  # least share of the pairs of draws that both backbones must order beyond seed noise

Psnr = dict[str, "pd.Series[float]"]  # by draw, then by seed


def order_claims(metrics: Mapping[str, pd.DataFrame], spec: dict[str, Any], paper: pd.DataFrame) -> list[Line]:
    """Lines of "a larger backbone does not change the order of rows", one per setting and pair of backbones.

    Parameters
    ----------
    metrics : mapping from ``<backbone>/<target>/<draw>/seed<k>`` to DataFrame
        Column psnr_y, dB, one line per test image.
    spec : dict
        Config sections ``tables``, ``weights``, ``evaluate`` and ``train``; optionally
        ``parameters``, the number of parameters by backbone, without which backbones stay in the
        order of the paper and the config.
    paper : DataFrame
        The paper's Table 2.

    Notes
    -----
    A backbone orders two draws if the interval of their difference, paired by seed, excludes 0. The
    claim does not hold if two draws are ordered in opposite ways; it holds if all that both
    backbones order is ordered alike, and that is at least half of the pairs.
    """
    names = dict.fromkeys([*paper["backbone"].dropna(), *spec["tables"]["backbones"]])
    sizes = spec.get("parameters", {})
    backbones = sorted(names, key=lambda name: sizes.get(name, np.inf))
    return [
        _line(metrics, spec, paper, setting, small, large)
        for setting in settings_of(paper, spec)
        for small, large in itertools.combinations(backbones, 2)
    ]


def _line(
    metrics: Mapping[str, pd.DataFrame],
    spec: dict[str, Any],
    paper: pd.DataFrame,
    setting: str,
    small: str,
    large: str,
) -> Line:
    theirs = [printed_psnr(paper, backbone, setting) for backbone in (small, large)]
    statement = Statement(
        f"{large} orders the rows as {small} does on {setting} (Kendall's tau of mean psnr_y)",
        SOURCE,
        expected("1: no two rows exchanged", _tau(theirs[0], theirs[1])),
    )
    reasons = filter(None, (why_absent(backbone, setting, spec) for backbone in (small, large)))
    reason = next(reasons, None)
    if reason:
        return statement.not_tested(reason)
    listed = spec["tables"]["extractors"]
    draws = [UNIFORM, *(name for name in listed[small] if name in listed[large]), ORACLE]
    both = [seed_means(metrics, f"{backbone}/{setting}", draws, spec) for backbone in (small, large)]
    return _compared(statement, both[0], both[1])


def _compared(statement: Statement, small: Psnr, large: Psnr) -> Line:
    first, second = pd.DataFrame(small), pd.DataFrame(large)
    seeds = first.index.intersection(second.index).sort_values()
    first, second = first.loc[seeds], second.loc[seeds]
    if not (np.isfinite(first) & np.isfinite(second)).all(axis=None):
        return statement.not_tested("a row has no finite number for some seed")
    taus = [_tau(first.loc[seed], second.loc[seed]) for seed in seeds]
    measured = _tau(first.mean(), second.mean())
    spread = float(np.std(taus, ddof=1)) if len(taus) > 1 else np.nan
    if len(seeds) < REPEATS:
        return statement.line(UNTESTED, too_few(len(seeds), "seed"), measured, spread)
    pairs = list(itertools.combinations(small, 2))
    signs = [(_sign(small, *pair), _sign(large, *pair)) for pair in pairs]
    ordered = sum(a * b != 0 for a, b in signs)
    exchanged = [f"{a} and {b}" for (a, b), (one, other) in zip(pairs, signs, strict=True) if one * other < 0]
    why = (
        f"{counted(len(seeds), 'seed')}, {ordered} of {counted(len(pairs), 'pair')} of rows ordered beyond their noise "
        f"by both backbones, oppositely: {', '.join(exchanged) or 'none'}"
    )
    if not exchanged and ordered < DECIDED * len(pairs):
        return statement.line(UNTESTED, f"{UNDECIDED}: {why}", measured, spread)
    return statement.line(FAILS if exchanged else HOLDS, why, measured, spread)


def _sign(psnr: Psnr, first: str, second: str) -> int:
    """1 or -1 where the difference of two draws is beyond seed noise, else 0."""
    low, high = t_interval(paired(psnr[first], psnr[second]))
    return int(low > 0) - int(high < 0)


def _tau(first: "pd.Series[float]", second: "pd.Series[float]") -> float:
    """Kendall's tau-b over the draws that both have; NaN for fewer than two or where one is NaN."""
    common = [name for name in first.index if name in second.index]
    if len(common) < 2:
        return np.nan
    return float(stats.kendalltau(first[common], second[common]).statistic)
