"""The paper's tables beside our numbers: every row and cell of the paper, and why one of ours is missing."""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from degcraft import compared
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


@dataclass(frozen=True)
class Row:
    """One row of Table 2; `type` is compared, baseline, crafted or oracle.

    A compared row that is not computed has no backbone; the backbone of another is a network of the config or the
    method itself, its weighting the draw.
    """

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
        Config sections ``tables``, ``weights``, ``evaluate``, ``train`` and, of ``methods``, the chosen entries.
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
    images = max((len(table) for table in measured.values()), default=0)
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
                    seeds = compared.seeds(row.draw, spec["train"]["seeds"])
                    models = [measured[f"{place}/seed{seed}"] for seed in seeds]
                    ours = _summary([model[metric].to_numpy(dtype=float) for model in models])
                    steps, learnt = _training(row, spec)
                    ours["iterations"] = pd.NA if steps is None else steps
                    part = f"; {ours['images']} of {images} test images" if ours["images"] < images else ""
                    ours["status"] += learnt + part + _remark((row.method, setting, "psnr") in printed, metric)
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
    rows = _compared_rows([row.method for row in printed if row.type == "compared"], spec)
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


def _compared_rows(printed: Sequence[str], spec: dict[str, Any]) -> list[Row]:
    """Rows of the compared methods: the paper's in its order, then others of the config."""
    filed = compared.filed(spec)
    return [
        Row(method, "compared", *((backbone, None, draw) if backbone else (None, None)))
        for method in dict.fromkeys([*printed, *filed])
        for backbone, draw in [filed.get(method, (None, None))]
    ]


def _further(label: str, backbone: str, draw: str) -> Row:
    """Row of a draw that is not the paper's."""
    extractor, _, weighting = draw.partition(".")
    if weighting:
        return Row(f"{label} {draw}", "crafted", backbone, extractor, weighting)
    return Row(f"{label} {draw}", "baseline", backbone, None, draw)


def why_not_run(row: Row, setting: str, metric: str, spec: dict[str, Any], absent: AbstractSet[str]) -> str | None:
    """Reason why a cell is not computed, or None if it is."""
    wanted = spec["tables"]
    if row.type == "compared":
        if row.backbone is None:
            return "not among tables.methods"
        return _why_not_measured(setting, metric, spec)
    if row.backbone not in wanted["backbones"]:
        return f"{row.backbone} is not in tables.backbones"
    listed = [*wanted["extractors"][row.backbone], *wanted.get("draws", {}).get(row.backbone, [])]
    if row.extractor and row.extractor not in listed and row.draw not in listed:
        missing = f"{row.extractor} is not in tables.extractors.{row.backbone}"
        return f"no weights for {row.extractor}" if row.extractor in absent else missing
    return _why_not_measured(setting, metric, spec)


def _why_not_measured(setting: str, metric: str, spec: dict[str, Any]) -> str | None:
    evaluate = spec["evaluate"]
    if setting not in spec["tables"]["settings"]:
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


def _training(row: Row, spec: dict[str, Any]) -> tuple[int | None, str]:
    """Iterations of the training behind a row (None: not ours), and what a compared one learnt from."""
    if row.type != "compared":
        return spec["train"]["iterations"], ""
    method = next(method for method in spec["methods"].values() if method["row"] == row.method)
    told = {
        compared.PUBLISHED: "; published weights",
        compared.REFERENCES: "; trained here on the references",
        compared.IMAGE: "; learnt here from each test image",
    }
    return compared.iterations(method, spec["train"]), told.get(row.draw, "; trained here")


def _remark(in_paper: bool, metric: str) -> str:
    if not in_paper:
        return "; not in the paper"
    # The paper prints one PSNR and one SSIM and does not state their channel.
    return "" if metric in PRINTED else f"; compared under {metric.replace('_rgb', '_y')}"
