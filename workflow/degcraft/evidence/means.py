"""Means over test images, as the figures of trained models show them."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from degcraft.errors import DegcraftError

SHOWN = ("psnr_y", "ssim_y")


def image_means(metrics: pd.DataFrame) -> dict[str, Any]:
    """Number of test images, and the mean of each metric that figures show.

    Parameters
    ----------
    metrics : DataFrame
        One line per image, columns psnr_y (dB) and ssim_y; a metric that was not computed may be absent.

    Returns
    -------
    dict
        images, psnr_y and ssim_y; NaN for a metric that is absent. Images that are
        restored without error (infinite PSNR) are left out of the mean, as in Table 2.

    Examples
    --------
    >>> image_means(pd.DataFrame({"psnr_y": [20.0, 30.0, np.inf], "ssim_y": [0.5, 0.7, 1.0]}))["psnr_y"]
    25.0
    """
    means = {"images": len(metrics)}
    return means | {name: _finite_mean(metrics[name]) if name in metrics else np.nan for name in SHOWN}


def _finite_mean(values: pd.Series) -> float:
    numbers = values.to_numpy(dtype=np.float64)
    finite = numbers[np.isfinite(numbers)]
    return float(finite.mean() if finite.size else numbers.mean())


def model_metrics(measured: Mapping[str, pd.DataFrame], model: str) -> pd.DataFrame:
    """Metrics of one model.

    Raises
    ------
    DegcraftError
        They are not among those measured.
    """
    if model not in measured:
        raise DegcraftError(
            f"results/metrics/<backbone>/{model}.csv: not given; the figure needs every model that the section "
            "evidence names; type: snakemake --cores 8 figures"
        )
    return measured[model]
