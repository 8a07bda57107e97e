"""Accuracy against alpha, inside the target and outside it (paper, Figure 5)."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from degcraft.compared import BESIDE_ALPHA
from degcraft.evidence.means import image_means
from degcraft.spec import weighting_name
from degcraft.targets import tested

PAPER_ALPHA = 25  # of all crafted rows of the paper's Table 2
COLUMNS = (
    *("row", "alpha", "extractor", "test", "inside", "seed", "images", "psnr_y", "ssim_y"),
    *("paper_psnr", "paper_ssim", "note"),
)


@dataclass(frozen=True)
class _Row:
    """One row of the figure: `name` alpha, uniform, oracle or a method; `type` and `extractor` as in Table 2."""

    name: str
    type: str
    draw: str
    alpha: float | None = None
    extractor: str | None = None
    missing: str = "not measured"


def alpha_table(measured: Mapping[str, pd.DataFrame], paper: pd.DataFrame, spec: dict[str, Any]) -> pd.DataFrame:
    """Accuracy of one extractor's models over alpha, beside uniform, oracle and compared methods.

    Parameters
    ----------
    measured : mapping from ``<test>/<draw>/seed<k>`` to DataFrame
        One line per test image, all of ``evidence.backbone``. Draws of crafted and
        oracle models tested outside their target end in ``@<target>``; uniform and
        compared methods serve every target and have their own name.
    paper : DataFrame
        The paper's Table 2: method, type, backbone, extractor, setting, metric, value.
    spec : dict
        ``evidence`` (backbone, extractor, setting, alphas, outside) and ``train`` (seeds).

    Returns
    -------
    DataFrame
        row, alpha, extractor, test, inside (of the target), seed, images, the means over
        images psnr_y (dB) and ssim_y, the paper's numbers for the target itself, note;
        a line with a note and no measurement for a row and test that was not measured.
    """
    evidence = spec["evidence"]
    lines = []
    for row in _rows(evidence):
        for test in dict.fromkeys([evidence["setting"], *evidence["outside"]]):
            inside = test == evidence["setting"]
            place = {"row": row.name, "alpha": row.alpha, "extractor": row.extractor, "test": test, "inside": inside}
            place |= _printed(row, paper, evidence) if inside else {}
            draw = row.draw if row.type == "compared" else tested(row.draw, evidence["setting"], test)
            models = {seed: f"{test}/{draw}/seed{seed}" for seed in spec["train"]["seeds"]}
            lines += [
                {**place, "seed": seed, **image_means(measured[model])}
                for seed, model in models.items()
                if model in measured
            ]
            missing = [seed for seed, model in models.items() if model not in measured]
            if missing:
                lines.append({**place, "note": _reason(row, missing, len(models))})
    table = pd.DataFrame(lines).reindex(columns=list(COLUMNS))
    return table.astype({"alpha": "float64", "seed": "Int64", "images": "Int64"})


def _rows(evidence: dict[str, Any]) -> Iterator[_Row]:
    extractor = evidence["extractor"]
    for alpha in sorted(set(evidence["alphas"])):
        draw = f"{extractor}.{weighting_name({'weights': {'alpha': alpha}})}"
        yield _Row("alpha", "crafted", draw, float(alpha), extractor)
    yield _Row("uniform", "baseline", "uniform")
    yield _Row("oracle", "oracle", "oracle")
    for method in BESIDE_ALPHA:
        yield _Row(method, "compared", method, missing="not among tables.methods")


def _printed(row: _Row, paper: pd.DataFrame, evidence: dict[str, Any]) -> dict[str, float]:
    """The paper's PSNR and SSIM of a row for the target; NaN where it prints none."""
    of_row = paper["method"] == row.name if row.type == "compared" else paper["backbone"] == evidence["backbone"]
    found = paper[of_row & (paper["type"] == row.type) & (paper["setting"] == evidence["setting"])]
    if row.type == "crafted":
        found = found[(found["extractor"] == row.extractor) & (row.alpha == PAPER_ALPHA)]
    values = found.set_index("metric")["value"]
    return {f"paper_{metric}": float(values.get(metric, np.nan)) for metric in ("psnr", "ssim")}


def _reason(row: _Row, missing: list[int], wanted: int) -> str:
    if len(missing) == wanted:
        return row.missing
    return f"not measured: seed {', '.join(map(str, missing))}"
