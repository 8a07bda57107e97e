import numpy as np
import pandas as pd
import pytest
from scipy import stats

from degcraft.evidence.claims.stability import stability_claims
from tests.claimed import EXTRACTORS, claims_spec, only, stability_lines

COUNTS = (10, 50, 100, 150, 200)


@pytest.fixture
def spec(default_config):
    return claims_spec(default_config)


def stability(spec, *tables):
    return stability_claims(pd.concat(tables), spec["evidence"], EXTRACTORS)


def falling(largest, smallest):
    return dict(zip(COUNTS, np.linspace(largest, smallest, len(COUNTS)), strict=True))


@pytest.mark.parametrize(
    ("ratio", "verdict"),
    [(0.3, "holds"), (0.66, "holds"), (0.67, "not tested"), (1.49, "not tested"), (1.52, "does not hold")],
)
def test_spread_falls_beyond_its_own_error(spec, ratio, verdict):
    line = only(
        stability(spec, stability_lines("vgg22", falling(1.0, ratio))), "vgg22: the spread of the distance falls"
    )
    critical = stats.f.ppf(0.975, 24, 24) ** 0.5
    assert 0.66 < 1 / critical < 0.67
    assert line["verdict"] == verdict
    assert line["measured"] == pytest.approx(ratio, rel=1e-9)
    assert line["spread"] == pytest.approx(ratio * (1 / 48 + 1 / 48) ** 0.5, rel=1e-9)
    assert f"interval {ratio / critical:.3f} to {ratio * critical:.3f}" in line["why"]


@pytest.mark.parametrize(
    ("deviation", "verdict"),
    [(0.3, "holds"), (0.71, "holds"), (0.73, "not tested"), (1.27, "not tested"), (1.29, "does not hold")],
)
def test_small_is_a_tenth_of_the_mean_distance(spec, deviation, verdict):
    spreads = {10: 5.0, 50: 4.0, 100: deviation, 150: deviation / 2, 200: 3.0}
    line = only(stability(spec, stability_lines("dasr", spreads)), "dasr: the spread of the distance is small")
    assert line["verdict"] == verdict
    assert line["measured"] == pytest.approx(deviation / 10, rel=1e-9)
    ends = [deviation / 10 * (24 / stats.chi2.ppf(p, 24)) ** 0.5 for p in (0.975, 0.025)]
    assert f"interval {ends[0]:.3f} to {ends[1]:.3f}" in line["why"]


def test_a_family_counts_once_with_the_mean_of_its_members(spec):
    members = [
        stability_lines("alexnet-random", falling(1.0, 0.2), mean=10, family="alexnet-random"),
        stability_lines("alexnet-random-1", falling(300.0, 120.0), mean=1000, family="alexnet-random"),
    ]
    lines = stability(spec, *members)
    falls, small = (only(lines, f"alexnet-random: the spread of the distance {does}") for does in ("falls", "is small"))
    assert falls["measured"] == pytest.approx((0.02 + 0.12) / (0.1 + 0.3), rel=1e-9)
    assert small["measured"] == pytest.approx((0.06 + 0.21) / 2, rel=1e-9)
    assert falls["why"].startswith(
        "200 against 10 images (rank correlation over 5 numbers of images -1.00), 25 repeats, 2 ext"
    )


@pytest.mark.parametrize(
    ("table", "why"),
    [
        (stability_lines("vgg22", falling(1, 0.3), repeats=2), ["2 repeats, 3 are needed"] * 2),
        (stability_lines("vgg22", {100: 0.1}), ["one number of images; two are needed", None]),
        (stability_lines("vgg22", {10: 0.1, 50: 0.05}), [None, "no distances of 100 to 150 images"]),
        (stability_lines("vgg22", {**falling(1, 0.3), 150: np.nan, 200: np.nan}), ["not a finite number"] * 2),
        (stability_lines("vgg22", {10: 0.0, 100: 0.0, 200: 0.0}), ["not a finite number"] * 2),
        (stability_lines("vgg22", {10: 1.0, 100: 0.3, 200: 0.0}), ["not a finite number", None]),
        (pd.DataFrame([{"extractor": "vgg22", "note": "no weights"}]), ["vgg22: no weights"] * 2),
        (pd.DataFrame([{"extractor": "dct", "note": "x"}]), ["no measurements of vgg22"] * 2),
    ],
)
def test_stability_that_is_not_tested(spec, table, why):
    lines = stability(spec, table.reindex(columns=stability_lines("a", {1: 0.0}).columns))
    for line, reason in zip([line for line in lines if line["claim"].startswith("vgg22:")], why, strict=True):
        assert (line["verdict"] == "not tested") == (reason is not None)
        assert reason is None or reason in line["why"]


def test_stability_lists_the_papers_extractors_then_the_configs(spec):
    lines = stability(spec, stability_lines("dct", falling(1, 0.3)))
    assert [line["claim"].partition(":")[0] for line in lines[::2]] == [*EXTRACTORS, "dct"]
    assert only(lines, "vgg54: the spread of the distance falls")["why"] == "vgg54 is not in evidence.extractors"
