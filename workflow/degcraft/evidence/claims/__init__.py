"""The paper's claims, each with what was measured here and a verdict."""

from collections import Counter
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any

import pandas as pd

from degcraft.evidence.claims.blur import blur_claims
from degcraft.evidence.claims.concentration import alpha_claims
from degcraft.evidence.claims.gains import gain_claims
from degcraft.evidence.claims.maps import map_claims
from degcraft.evidence.claims.order import order_claims
from degcraft.evidence.claims.stability import stability_claims
from degcraft.evidence.claims.verdicts import COLUMNS, FAILS, HOLDS, LEVEL, REPEATS, UNDECIDED, UNTESTED
from degcraft.phrases import counted


@dataclass(frozen=True)
class Claimed:
    """What the claims are about.

    Attributes
    ----------
    blur, stability, maps, alpha : DataFrame
        As ``figure2.csv``, ``figure3.csv``, ``figure4.csv`` and ``figure5.csv``.
    metrics : mapping from ``<backbone>/<target>/<draw>/seed<k>`` to DataFrame
        Per test image, of the models of Table 2; column psnr_y, dB.
    paper : DataFrame
        The paper's Table 2: method, type, backbone, extractor, setting, metric, value.
    absent : set of str
        Extractors whose weights file is not there.
    """

    blur: pd.DataFrame
    stability: pd.DataFrame
    maps: pd.DataFrame
    alpha: pd.DataFrame
    metrics: Mapping[str, pd.DataFrame]
    paper: pd.DataFrame
    absent: AbstractSet[str] = frozenset()


def claims(tables: Claimed, spec: dict[str, Any]) -> pd.DataFrame:
    """The paper's claims with verdicts, in the order of its figures, then Table 2.

    Parameters
    ----------
    tables : Claimed
        Measurements.
    spec : dict
        Config sections ``tables``, ``train``, ``weights``, ``evaluate``, ``evidence``; optionally
        ``parameters``, the number of parameters by backbone.

    Returns
    -------
    DataFrame
        claim (with the unit of the numbers), source, measured (mean over seeds), spread (standard
        deviation over seeds, over members of a family of random extractors, or standard error of
        Figure 3 c), expected, verdict, why. ``measured`` and ``spread`` are float64, NaN if missing.

    Notes
    -----
    Trained models are compared by differences paired by seed. A claim holds if the 95 % t-interval
    of the mean difference lies on the claimed side of its bar, and does not hold if it lies on the
    other; with the bar inside, fewer than three seeds or a number missing it is not tested. See
    `degcraft.evidence.claims.verdicts`.
    """
    extractors = tables.paper["extractor"].dropna().unique().tolist()
    lines = [
        *blur_claims(tables.blur, spec["evidence"]),
        *stability_claims(tables.stability, spec["evidence"], extractors),
        *map_claims(tables.maps, spec, extractors),
        *alpha_claims(tables.alpha, spec, tables.paper),
        *gain_claims(tables.metrics, spec, tables.paper, tables.absent),
        *order_claims(tables.metrics, spec, tables.paper),
    ]
    return pd.DataFrame(lines, columns=list(COLUMNS))


def claims_markdown(table: pd.DataFrame) -> str:
    """Claims for reading: counts and the rule, what was measured, and why the others are not tested.

    Parameters
    ----------
    table : DataFrame
        From `claims`.
    """
    hold, fail, untested = ((table["verdict"] == verdict).sum() for verdict in (HOLDS, FAILS, UNTESTED))
    summary = (
        f"Of {len(table)} claims {hold} hold, {fail} do not hold and {untested} are not tested. Trained models are "
        f"compared by differences paired by seed, decided where their {LEVEL:.0%} t-interval over at least {REPEATS} "
        "seeds excludes the bar. In brackets: spread. Why, with the intervals: `results/claims.csv`."
    )
    lines = [["claim", "source", "measured", "expected", "verdict"], ["---"] * 5]
    for line in table[table["measured"].notna()].to_dict("records"):
        undecided = " (undecided)" if line["why"].startswith(UNDECIDED) else ""
        cells = (line["claim"], line["source"], _number(line), line["expected"], line["verdict"] + undecided)
        lines.append([cell.replace("|", "/") for cell in cells])
    body = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    rest = table[(table["verdict"] == UNTESTED) & ~table["why"].str.startswith(UNDECIDED)]
    reasons = Counter(zip(rest["source"], rest["why"], strict=True))
    items = [f"- {source}: {why} ({counted(count, 'claim')})" for (source, why), count in reasons.items()]
    parts = ["## Claims of the paper", summary, body, "Not tested:" if items else "", "\n".join(items)]
    return "\n\n".join(filter(None, parts)) + "\n"


def _number(line: dict[Any, Any]) -> str:
    measured, spread = (f"{round(line[name], 3) + 0.0:.3f}" for name in ("measured", "spread"))
    return measured if pd.isna(line["spread"]) else f"{measured} ({spread})"
