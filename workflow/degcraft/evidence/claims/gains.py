"""The claims of Table 2 on gains: crafted over uniform, crafted beside the oracle, oracle over uniform."""

from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from typing import Any

import pandas as pd

from degcraft.evidence.claims.printed import ORACLE, UNIFORM, expected, gain
from degcraft.evidence.claims.verdicts import Line, Statement, paired
from degcraft.spec import weighting_name
from degcraft.tables import Row, table_rows, why_not_run

SOURCE, METRIC = "Table 2", "psnr_y"
NEAR = 0.1  # dB; so near to its upper bound are the paper's crafted rows with ImageNet AlexNet, on these settings
NEAR_ON = ("setting1", "setting2", "setting3")


def gain_claims(
    metrics: Mapping[str, pd.DataFrame], spec: dict[str, Any], paper: pd.DataFrame, absent: AbstractSet[str]
) -> list[Line]:
    """Lines of the claims of Table 2 on gains, one per row and setting; differences are paired by seed.

    Parameters
    ----------
    metrics : mapping from ``<backbone>/<target>/<draw>/seed<k>`` to DataFrame
        Column psnr_y, dB, one line per test image.
    spec : dict
        Config sections ``tables``, ``weights``, ``evaluate`` and ``train``.
    paper : DataFrame
        The paper's Table 2.
    absent : set of str
        Extractors whose weights file is not there.
    """
    rows = table_rows(paper, spec)
    crafted, oracles = ([row for row in rows if row.type == kind] for kind in ("crafted", "oracle"))
    settings = settings_of(paper, spec)
    near = f"is within {NEAR:g} dB of the oracle"
    wanted = [(row, setting, UNIFORM, "beats uniform", 0.0) for row in crafted for setting in settings]
    wanted += [(row, setting, ORACLE, near, -NEAR) for row in crafted for setting in NEAR_ON]
    wanted += [(row, setting, UNIFORM, "beats uniform", 0.0) for row in oracles for setting in settings]
    lines = []
    for row, setting, second, does, bar in wanted:
        first, backbone = row.extractor or ORACLE, str(row.backbone)
        printed = gain(paper, backbone, first, second, setting)
        claim = f"{backbone}, {first} {does} on {setting} (dB {METRIC}, {first} - {second})"
        statement = Statement(claim, SOURCE, expected(f"above {bar:g} dB", printed))
        reason = why_not_run(row, setting, METRIC, spec, absent)
        if reason:
            lines.append(statement.not_tested(reason))
        else:
            psnr = seed_means(metrics, f"{backbone}/{setting}", [first, second], spec)
            lines.append(statement.from_repeats(paired(psnr[first], psnr[second]), f"{first} - {second}", bar))
    return lines


def settings_of(paper: pd.DataFrame, spec: dict[str, Any]) -> list[str]:
    """Settings of the paper's Table 2 and then those that the config adds."""
    return list(dict.fromkeys([*paper["setting"], *spec["tables"]["settings"]]))


def why_absent(backbone: str, setting: str, spec: dict[str, Any]) -> str | None:
    """Reason why no model of a backbone was tested on a setting, or None."""
    return why_not_run(Row("", "baseline", backbone, None), setting, METRIC, spec, frozenset())


def seed_means(
    metrics: Mapping[str, pd.DataFrame], folder: str, names: Iterable[str], spec: dict[str, Any]
) -> "dict[str, pd.Series[float]]":
    """PSNR by draw and seed, dB, mean over test images; seeds without metrics are left out, NaN stays NaN.

    Parameters
    ----------
    metrics : mapping from ``<backbone>/<target>/<draw>/seed<k>`` to DataFrame
        As `gain_claims` takes them.
    folder : str
        ``<backbone>/<target>``.
    names : iterable of str
        uniform, oracle, and extractors for their crafted draws.
    spec : dict
        Config sections ``weights`` and ``train``.
    """
    weighting, seeds = weighting_name(spec), spec["train"]["seeds"]
    psnr = {}
    for name in names:
        model = f"{folder}/{name if name in (UNIFORM, ORACLE) else f'{name}.{weighting}'}"
        tables = {seed: metrics[f"{model}/seed{seed}"] for seed in seeds if f"{model}/seed{seed}" in metrics}
        means = {seed: table[METRIC].mean(skipna=False) for seed, table in tables.items()}
        psnr[name] = pd.Series(means, dtype=float)
    return psnr
