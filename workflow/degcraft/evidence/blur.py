"""Accuracy over blur width of networks trained on narrow, wide and matched blur (paper, Figures 1 and 2)."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from degcraft.bins import Range, Region
from degcraft.errors import DegcraftError
from degcraft.evidence.means import image_means, model_metrics
from degcraft.targets import tested


def blur_table(
    measured: Mapping[str, pd.DataFrame], settings: dict[str, Any], seeds: Sequence[int], blur: dict[str, Any]
) -> pd.DataFrame:
    """Accuracy of every training on the test range and on every single width.

    Parameters
    ----------
    measured : mapping from ``<test>/<draw>/seed<k>`` to DataFrame
        One line per test image; the draw of the model trained on T is ``oracle``
        where the test is T, else ``oracle@T``.
    settings : dict
        The config section of that name.
    seeds : sequence of int
        Trainings of each model.
    blur : dict
        Names of settings: ``trainings``, ``test`` (a range) and ``widths`` (single ones).

    Returns
    -------
    DataFrame
        training, test (names), their blur ranges (training_low to test_high, HR
        pixels), seed, images, and the means over images psnr_y (dB) and ssim_y.

    Raises
    ------
    DegcraftError
        A model was not measured, the test is a single width, or a width is not.
    """
    ranges = {name: Region.from_config(setting).blur for name, setting in settings.items()}
    _check(blur, ranges)
    lines = []
    for training in blur["trainings"]:
        for test in dict.fromkeys([blur["test"], *blur["widths"]]):
            place = {"training": training, **_ends("training", ranges[training])}
            place |= {"test": test, **_ends("test", ranges[test])}
            for seed in seeds:
                metrics = model_metrics(measured, f"{test}/{tested('oracle', training, test)}/seed{seed}")
                lines.append({**place, "seed": seed, **image_means(metrics)})
    return pd.DataFrame(lines)


def fit(training: Range, test: Range) -> str:
    """How a training range lies to the test range: matched, wide, narrow or shifted.

    Examples
    --------
    >>> fit((2, 2), (1.5, 2.5)), fit((0, 4), (1.5, 2.5)), fit((1.5, 2.5), (1.5, 2.5)), fit((2, 3), (1.5, 2.5))
    ('narrow', 'wide', 'matched', 'shifted')
    """
    (low, high), (test_low, test_high) = training, test
    if (low, high) == (test_low, test_high):
        return "matched"
    if low <= test_low and high >= test_high:
        return "wide"
    return "narrow" if low >= test_low and high <= test_high else "shifted"


def _ends(name: str, ends: Range) -> dict[str, float]:
    return {f"{name}_low": ends[0], f"{name}_high": ends[1]}


def _check(blur: dict[str, Any], ranges: Mapping[str, Range]) -> None:
    """Refuse what makes range and single widths indistinguishable in the table."""
    for place, name, single in [("test", blur["test"], False), *(("widths", name, True) for name in blur["widths"])]:
        low, high = ranges[name]
        if (low == high) != single:
            found = f"{name} has blur {low:g} to {high:g}"
            needed = "low and high that are equal" if single else "low < high"
            raise DegcraftError(
                f"config.yaml: evidence.blur.{place}: {found}; {needed} are needed; name another of settings"
            )
