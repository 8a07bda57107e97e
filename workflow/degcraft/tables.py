"""The paper's tables beside our numbers: every row and cell of the paper, and why one of ours is missing."""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from degcraft.bins import PARAMETERS, Region
from degcraft.errors import DegcraftError
from degcraft.metrics import METRICS
from degcraft.spec import weighting_name
from degcraft.targets import table_models

# paper: Table 2 does not state the channel of PSNR and SSIM; its size of loss fits luma, not RGB.
PRINTED = {"psnr_y": "psnr", "ssim_y": "ssim", "lpips": "lpips"}
TRAINING_SPACE = "training space"  # listed beside the paper's settings; a setting's own name has no space

_ORDER = (*PRINTED, *(name for name in METRICS if name not in PRINTED))
COLUMNS = (
    *("method", "type", "backbone", "extractor", "weighting", "setting", "metric"),
    *("measured", "paper", "difference", "images", "seeds", "iterations", "status"),
)
_COUNTS = ("images", "seeds", "iterations")
_DECIMALS = {"psnr_y": 2, "ssim_y": 4, "lpips": 4}
DASH = "\N{EN DASH}"
_SMALLER_IS_BETTER = ("lpips",)


@dataclass(frozen=True)
class Row:
    """One row of Table 2; `type` is compared, baseline, crafted or oracle."""

    method: str
    type: str
    backbone: str | None
    extractor: str | None
    weighting: str | None = None

    @property
    def draw(self) -> str:
        """Its training distribution, as files name it."""
        if self.type == "crafted":
            return f"{self.extractor}.{self.weighting}"
        return "oracle" if self.type == "oracle" else self.weighting or "uniform"


def table1(
    paper: pd.DataFrame, references: Mapping[str, pd.DataFrame], test: Mapping[str, pd.DataFrame], spec: dict[str, Any]
) -> pd.DataFrame:
    """Ranges of the settings, and what was drawn from them (paper, Table 1).

    Parameters
    ----------
    paper : DataFrame
        Columns setting, parameter, low, high; the paper's ranges.
    references, test : mapping from setting to DataFrame
        Columns blur, noise and quality, one line per image; every setting of `spec`.
    spec : dict
        ``settings``: the ranges of the settings of ``tables.settings``.

    Returns
    -------
    DataFrame
        One line per setting and parameter: low and high of the config and of the
        paper, least and greatest drawn values, status. Blur in HR pixels, noise in
        grey levels of 255, quality 1 to 100.
    """
    printed = paper[paper["setting"] != TRAINING_SPACE].set_index(["setting", "parameter"])
    stated = {key: (float(low), float(high)) for key, low, high in printed[["low", "high"]].itertuples()}
    used_ranges = {name: vars(Region.from_config(ranges)) for name, ranges in spec["settings"].items()}
    lines = []
    for setting in dict.fromkeys([*(setting for setting, _ in stated), *spec["settings"]]):
        for name in PARAMETERS:
            used, theirs = used_ranges.get(setting, {}).get(name), stated.get((setting, name))
            line = {"setting": setting, "parameter": name, **_ends("low", "high", used)}
            line |= _ends("paper_low", "paper_high", theirs)
            for label, drawn in (("references", references), ("test", test)):
                values = (drawn[setting][name].min(), drawn[setting][name].max()) if used else None
                line |= _ends(f"{label}_min", f"{label}_max", values)
            lines.append({**line, "status": _range_status(setting, used, theirs)})
    return pd.DataFrame(lines)


def _ends(low: str, high: str, values: Sequence[float] | None) -> dict[str, Any]:
    return {low: float(values[0]), high: float(values[1])} if values else {low: np.nan, high: np.nan}


def _range_status(setting: str, used: Sequence[float] | None, stated: Sequence[float] | None) -> str:
    if not used:
        return f"not run: {setting} is not in tables.settings"
    if not stated:
        return "run; not in the paper"
    return "run" if tuple(used) == tuple(stated) else "run; not the paper's range"


def table2(
    paper: pd.DataFrame, measured: Mapping[str, pd.DataFrame], spec: dict[str, Any], absent: AbstractSet[str]
) -> pd.DataFrame:
    """Accuracy of every method on every setting, tidy (paper, Table 2).

    Parameters
    ----------
    paper : DataFrame
        Columns method, type, backbone, extractor, setting, metric, value; in the
        paper's order: compared methods, then per backbone baseline, crafted, oracle.
    measured : mapping from ``<backbone>/<target>/<draw>/seed<k>`` to DataFrame
        One line per test image, one column per metric of ``evaluate.metrics``.
    spec : dict
        Config sections ``tables``, ``weights``, ``evaluate`` and ``train``.
    absent : set of str
        Extractors whose weights file is not there.

    Returns
    -------
    DataFrame
        One line per row, setting and metric. ``measured`` is the mean over seeds of
        the mean over images; ``status`` tells why it is missing.

    Raises
    ------
    DegcraftError
        The metrics of a wanted model are missing.
    """
    lost = [model for model in table_models(spec) if model not in measured]
    if lost:
        raise DegcraftError(
            f"results/metrics/{lost[0]}.csv: not given; Table 2 needs the metrics of every model that the section "
            "tables names; type: snakemake --cores 8 results/table2.csv"
        )
    printed = paper.set_index(["method", "setting", "metric"])["value"].to_dict()
    lines = []
    for row in table_rows(paper, spec):
        for setting in dict.fromkeys([*paper["setting"], *spec["tables"]["settings"]]):
            for metric in _ORDER:
                reason = why_not_run(row, setting, metric, spec, absent)
                ours: dict[str, Any] = {
                    "measured": np.nan,
                    **dict.fromkeys(_COUNTS, pd.NA),
                    "status": f"not run: {reason}",
                }
                if reason is None:
                    place = f"{row.backbone}/{setting}/{row.draw}"
                    models = [measured[f"{place}/seed{seed}"] for seed in spec["train"]["seeds"]]
                    ours = _summary([model[metric].to_numpy(dtype=float) for model in models])
                    ours["iterations"] = spec["train"]["iterations"]
                    ours["status"] += _remark((row.method, setting, "psnr") in printed, metric)
                theirs = printed.get((row.method, setting, PRINTED.get(metric)), np.nan)
                cell = {"setting": setting, "metric": metric, "paper": theirs}
                lines.append({**vars(row), **cell, **ours, "difference": ours["measured"] - theirs})
    return pd.DataFrame(lines)[list(COLUMNS)].astype(dict.fromkeys(_COUNTS, "Int64"))


def table_rows(paper: pd.DataFrame, spec: dict[str, Any]) -> list[Row]:
    """Rows of Table 2: the paper's in its order, ours that it lacks before the upper bound of their backbone."""
    wanted = spec["tables"]
    named = paper[["method", "type", "backbone", "extractor"]].drop_duplicates()
    weighting = weighting_name(spec)
    printed = [
        Row(method, kind, backbone, extractor, weighting if kind == "crafted" else None)
        for method, kind, backbone, extractor in named.astype(object).where(named.notna(), None).to_numpy().tolist()
    ]
    rows = [row for row in printed if row.backbone is None]
    backbones = [row.backbone for row in printed if row.backbone is not None]
    for backbone in dict.fromkeys([*backbones, *wanted["backbones"]]):
        block = [row for row in printed if row.backbone == backbone] or [
            Row(f"{backbone} baseline", "baseline", backbone, None),
            Row(f"{backbone} upper bound", "oracle", backbone, None),
        ]
        label, known = block[0].method.removesuffix(" baseline"), {row.extractor for row in block}
        listed = wanted["extractors"][backbone] if backbone in wanted["backbones"] else []
        ours = [Row(f"{label} {name}", "crafted", backbone, name, weighting) for name in listed if name not in known]
        further = wanted.get("draws", {}).get(backbone, []) if backbone in wanted["backbones"] else []
        beyond = [_further(label, backbone, draw) for draw in further]
        rows += [*block[:-1], *ours, *beyond, block[-1]]
    return rows


def _further(label: str, backbone: str, draw: str) -> Row:
    """Row of a draw that is not the paper's."""
    extractor, _, weighting = draw.partition(".")
    if weighting:
        return Row(f"{label} {draw}", "crafted", backbone, extractor, weighting)
    return Row(f"{label} {draw}", "baseline", backbone, None, draw)


def why_not_run(row: Row, setting: str, metric: str, spec: dict[str, Any], absent: AbstractSet[str]) -> str | None:
    """Reason why a cell is not computed, or None if it is."""
    wanted, evaluate = spec["tables"], spec["evaluate"]
    if row.type == "compared":
        return "method not implemented yet"
    if row.backbone not in wanted["backbones"]:
        return f"{row.backbone} is not in tables.backbones"
    listed = [*wanted["extractors"][row.backbone], *wanted.get("draws", {}).get(row.backbone, [])]
    if row.extractor and row.extractor not in listed and row.draw not in listed:
        missing = f"{row.extractor} is not in tables.extractors.{row.backbone}"
        return f"no weights for {row.extractor}" if row.extractor in absent else missing
    if setting not in wanted["settings"]:
        return f"{setting} is not in tables.settings"
    if metric not in evaluate["metrics"]:
        return f"{metric} is not in evaluate.metrics"
    if metric == "lpips" and evaluate["lpips"]["weights"] == "none":
        return "no LPIPS weights (evaluate.lpips.weights)"
    return None


def _summary(values: Sequence[NDArray[np.float64]]) -> dict[str, Any]:
    """Mean over seeds of the mean over images, from one array of shape (images,) per seed."""
    means = [one[np.isfinite(one)].mean() for one in values if np.isfinite(one).any()]
    infinite, total = sum(int(np.isinf(one).sum()) for one in values), sum(one.size for one in values)
    return {
        "measured": float(np.mean(means)) if means else float("inf"),
        "images": len(values[0]),
        "seeds": len(values),
        "status": f"run; infinite for {infinite} of {total} images, left out of the mean" if infinite else "run",
    }


def _remark(in_paper: bool, metric: str) -> str:
    if not in_paper:
        return "; not in the paper"
    # The paper prints one PSNR and one SSIM and does not state their channel.
    return "" if metric in PRINTED else f"; compared under {metric.replace('_rgb', '_y')}"


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
