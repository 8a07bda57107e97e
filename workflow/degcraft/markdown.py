"""Table 2 as Markdown: measured beside the paper's numbers, in its layout."""

from collections.abc import Sequence
from typing import Any

import pandas as pd

from degcraft.tables import PRINTED

DASH = "\N{EN DASH}"
_DECIMALS = {"psnr_y": 2, "ssim_y": 4, "lpips": 4}
_SMALLER_IS_BETTER = ("lpips",)


def table2_markdown(table: pd.DataFrame, spec: dict[str, Any]) -> str:
    """Table 2 for reading, in the paper's layout: measured (paper), reasons of missing cells below.

    Parameters
    ----------
    table : DataFrame
        From `table2`.
    spec : dict
        Config sections ``tables``, ``backbones``, ``evaluate`` and ``train``.
    """
    shown = table[table["metric"].isin(PRINTED)]
    reasons = dict.fromkeys(shown.loc[shown["measured"].isna() | shown["status"].str.contains("infinite"), "status"])
    marks = {reason: f" [{number}]" for number, reason in enumerate(reasons, 1)}
    best = _best(shown)
    cells = [
        _markdown_cell(line, index in best, marks.get(line["status"], ""))
        for index, line in zip(shown.index, shown.to_dict("records"), strict=True)
    ]
    columns = list(dict.fromkeys(zip(shown["setting"], shown["metric"], strict=True)))
    methods = list(dict.fromkeys(shown["method"]))
    lines = [["Method", *(f"{setting} {PRINTED[metric].upper()}" for setting, metric in columns)]]
    lines.append(["---"] * (len(columns) + 1))
    lines += [[name, *cells[i * len(columns) : (i + 1) * len(columns)]] for i, name in enumerate(methods)]
    body = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    notes = "\n".join(f"-{mark} {reason}" for reason, mark in marks.items())
    return "\n\n".join(filter(None, ["# Table 2: measured (paper)", _conventions(shown, spec), body, notes])) + "\n"


def _best(shown: pd.DataFrame) -> set[int]:
    own = shown[shown["type"].isin(["baseline", "crafted"]) & shown["measured"].notna()]
    best: set[int] = set()
    for (_, _, metric), cells in own.groupby(["backbone", "setting", "metric"]):
        values = cells["measured"]
        best |= set(values.index[values == (values.min() if metric in _SMALLER_IS_BETTER else values.max())])
    return best


def _markdown_cell(line: dict[Any, Any], best: bool, mark: str) -> str:
    ours, theirs = (
        DASH if pd.isna(line[name]) else f"{line[name]:.{_DECIMALS[line['metric']]}f}" for name in ("measured", "paper")
    )
    return f"**{ours}** ({theirs}){mark}" if best else f"{ours} ({theirs}){mark}"


def _conventions(shown: pd.DataFrame, spec: dict[str, Any]) -> str:
    evaluate, train = spec["evaluate"], spec["train"]
    counts = sorted(set(shown["images"].dropna()))
    sizes = [
        f"{name}: " + ", ".join(f"{key} {value}" for key, value in spec["backbones"][name].items())
        for name in spec["tables"]["backbones"]
    ]
    return (
        f"PSNR and SSIM: on luma (psnr_y, ssim_y), {evaluate['crop']} pixels cut from each border; the paper does not "
        f"state its channel. LPIPS: v0.1, {evaluate['lpips']['net']}. Test images per setting: "
        f"{_listed(counts) or 'none'}; seeds: {_listed(train['seeds'])}; iterations: {train['iterations']}. "
        f"Backbones: {'; '.join(sizes)}. Bold: the best of the baseline and crafted rows of a backbone."
    )


def _listed(values: Sequence[Any]) -> str:
    return ", ".join(map(str, values))
