"""The paper's Table 2 by backbone, draw and setting."""

import numpy as np
import pandas as pd

UNIFORM, ORACLE = "uniform", "oracle"
_DRAWS = {"baseline": UNIFORM, "oracle": ORACLE}


def printed_psnr(paper: pd.DataFrame, backbone: str, setting: str) -> "pd.Series[float]":
    """PSNR, dB, by draw: uniform, the extractors of the crafted rows, oracle; empty where the paper has none."""
    lines = paper[(paper["backbone"] == backbone) & (paper["setting"] == setting) & (paper["metric"] == "psnr")]
    draws = lines["type"].map(_DRAWS).fillna(lines["extractor"])
    return pd.Series(lines["value"].to_numpy(dtype=float), index=draws.tolist(), dtype=float)


def gain(paper: pd.DataFrame, backbone: str, first: str, second: str, setting: str) -> float:
    """The paper's PSNR of one draw over another, dB; NaN where it prints none."""
    psnr = printed_psnr(paper, backbone, setting)
    return float(psnr.get(first, np.nan)) - float(psnr.get(second, np.nan))


def expected(bar: str, printed: float, of: str = "the paper") -> str:
    """What a claim expects: its bar, and the paper's number if there is one.

    Examples
    --------
    >>> expected("above 0 dB", 0.714), expected("above 0 dB", float("nan"))
    ('above 0 dB; the paper +0.71', 'above 0 dB')
    """
    return f"{bar}; {of} {printed:+.2f}" if np.isfinite(printed) else bar
