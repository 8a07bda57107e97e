import math

import numpy as np
import pytest
from scipy import stats

from degcraft.degradations.second_order import PARAMETERS, describe
from tests.second_order import KERNEL, OPTIONS, SHARES, at, changed


@pytest.fixture(scope="module")
def drawn():
    """What 10,000 uniform points mean, a column for each parameter."""
    points = np.random.default_rng(0).random((10_000, len(PARAMETERS)))
    meanings = [describe(point, OPTIONS) for point in points]
    return {name: np.array([meaning[name] for meaning in meanings]) for name in PARAMETERS}


def test_thirty_parameters():
    assert len(PARAMETERS) == len(set(PARAMETERS)) == 30
    assert list(describe(at(), OPTIONS)) == list(PARAMETERS)


@pytest.mark.parametrize(
    ("name", "published"),
    [
        ("kernel1", {"sinc": 0.1} | {kind: 0.9 * share for kind, share in SHARES.items()}),
        ("kernel2", {"none": 0.2, "sinc": 0.08} | {kind: 0.72 * share for kind, share in SHARES.items()}),
        ("size1", dict.fromkeys(range(7, 22, 2), 1 / 8)),
        ("size2", {1: 0.2} | dict.fromkeys(range(7, 22, 2), 0.1)),
        ("size3", {1: 0.2} | dict.fromkeys(range(7, 22, 2), 0.1)),
        *((f"filter{stage}", dict.fromkeys(["area", "bilinear", "bicubic"], 1 / 3)) for stage in (1, 2, 3)),
        *((f"noise{stage}", {"gaussian": 0.5, "poisson": 0.5}) for stage in (1, 2)),
        *((f"channels{stage}", {"grey": 0.4, "colour": 0.6}) for stage in (1, 2)),
        ("order3", {"resize-jpeg": 0.5, "jpeg-resize": 0.5}),
    ],
)
def test_kinds_have_the_published_probabilities(drawn, name, published):
    values, counts = np.unique(drawn[name], return_counts=True)
    assert set(values.tolist()) == set(published)
    expected = [len(drawn[name]) * published[value] for value in values.tolist()]
    assert stats.chisquare(counts, expected).pvalue > 1e-3


def is_uniform(values, low, high):
    return len(values) > 50 and stats.kstest(values, stats.uniform(low, high - low).cdf).pvalue > 1e-3


@pytest.mark.parametrize(
    ("stage", "sigma", "sd", "poisson"), [("1", [0.2, 3], [1, 30], [0.05, 3]), ("2", [0.2, 1.5], [1, 25], [0.05, 2.5])]
)
def test_numbers_have_the_published_ranges(drawn, stage, sigma, sd, poisson):
    column = {name[:-1]: drawn[name] for name in PARAMETERS if name.endswith(stage)}
    sinc, gaussian = column["kernel"] == "sinc", column["noise"] == "gaussian"
    anisotropic = np.char.endswith(column["kernel"], "anisotropic")
    assert is_uniform(column["sigma_x"][~sinc & (column["kernel"] != "none")], *sigma)
    assert is_uniform(column["sigma_y"][anisotropic], *sigma)
    assert is_uniform(column["rotation"][anisotropic], -np.pi / 2, np.pi / 2)
    assert is_uniform(column["cutoff"][sinc & (column["size"] < 13)], np.pi / 3, np.pi)
    assert is_uniform(column["cutoff"][sinc & (column["size"] >= 13)], np.pi / 5, np.pi)
    assert is_uniform(column["level"][gaussian], *sd)
    assert is_uniform(column["level"][~gaussian], *poisson)
    assert is_uniform(column["quality"], 30, 95)
    for name in ("sigma_y", "rotation"):
        assert np.isnan(column[name][~anisotropic]).all()
    assert np.isnan(column["cutoff"][~sinc]).all()


@pytest.mark.parametrize(
    ("stage", "down", "keep", "up", "smallest", "largest"),
    [("1", 0.7, 0.1, 0.2, 0.15, 1.5), ("2", 0.4, 0.3, 0.3, 0.3, 1.2)],
)
def test_resize_factors(drawn, stage, down, keep, up, smallest, largest):
    factor = drawn["resize" + stage]
    counts = [(factor < 1).sum(), (factor == 1).sum(), (factor > 1).sum()]
    assert stats.chisquare(counts, len(factor) * np.array([down, keep, up])).pvalue > 1e-3
    assert is_uniform(factor[factor < 1], smallest, 1)
    assert is_uniform(factor[factor > 1], 1, largest)


@pytest.mark.parametrize(("family", "low", "high"), [("generalised", 0.5, 4.0), ("plateau", 1.0, 2.0)])
def test_half_of_the_exponents_lie_below_one(drawn, family, low, high):
    shape = drawn["shape1"][np.char.startswith(drawn["kernel1"], family)]
    assert stats.binomtest(int((shape <= 1).sum()), len(shape), 0.5).pvalue > 1e-3
    assert is_uniform(shape[shape > 1], 1, high)
    assert (shape >= low).all()
    if family == "generalised":
        assert is_uniform(shape[shape < 1], low, 1)
    assert np.isnan(drawn["shape1"][drawn["kernel1"] == "anisotropic"]).all()


def test_the_last_cutoff(drawn):
    cutoff = drawn["cutoff3"]
    assert (np.isnan(cutoff) == (drawn["size3"] == 1)).all()
    assert is_uniform(cutoff[~np.isnan(cutoff)], np.pi / 3, np.pi)


@pytest.mark.parametrize(
    ("name", "beside"),
    [
        *((f"{field}{stage}", {}) for field in ("size", "resize", "level", "quality") for stage in (1, 2)),
        *((f"{field}2", {"kernel2": KERNEL["anisotropic"]}) for field in ("sigma_x", "sigma_y", "rotation")),
        ("shape1", {"kernel1": KERNEL["generalised-isotropic"]}),
        ("shape1", {"kernel1": KERNEL["plateau-anisotropic"]}),
        ("cutoff1", {"kernel1": 1.0}),
        ("size3", {"cutoff3": 0.5}),
    ],
)
def test_numbers_rise_with_their_coordinate(name, beside):
    beside = {"kernel2": KERNEL["isotropic"]} | beside
    values = [describe(at(**beside | {name: share}), OPTIONS)[name] for share in np.linspace(0, 1, 101)]
    assert (np.diff(values) >= 0).all()
    assert values[-1] > values[0]


def test_kernels_lie_in_the_cube_as_documented():
    expected = {share: kind for kind, share in KERNEL.items()} | {0.901: "sinc", 1.0: "sinc"}
    assert {share: describe(at(kernel1=share), OPTIONS)["kernel1"] for share in expected} == expected
    edges = {0.0: "isotropic", 0.4049: "isotropic", 0.4051: "anisotropic", 0.6299: "anisotropic"}
    assert {share: describe(at(kernel1=share), OPTIONS)["kernel1"] for share in edges} == edges
    assert describe(at(kernel2=0.1999), OPTIONS)["kernel2"] == "none"
    assert describe(at(kernel2=0.2001), OPTIONS)["kernel2"] == "isotropic"


@pytest.mark.parametrize("corner", [0.0, 1.0])
def test_probabilities_of_zero_and_one_hold_at_the_corners_too(corner):
    point = np.full(len(PARAMETERS), corner)
    options = changed(blur=0.0, down=0.0, up=0.0, gaussian=1.0, grey=0.0, filters=["bilinear"])
    options["last"] = {"resize_first": 1.0, "filters": ["bilinear"], "sinc": 0.0}
    meaning = describe(point, options)
    for stage in "12":
        found = [meaning[name + stage] for name in ("kernel", "size", "resize", "filter", "noise", "channels")]
        assert found == ["none", 1, 1.0, "bilinear", "gaussian", "colour"]
    assert [meaning["order3"], meaning["size3"]] == ["resize-jpeg", 1]
    assert math.isnan(meaning["cutoff3"])
    options = changed(blur=1.0, sinc=1.0, down=1.0) | {"last": {"resize_first": 0.0, "filters": ["area"], "sinc": 1.0}}
    meaning = describe(point, options)
    assert [meaning[name] for name in ("kernel1", "kernel2", "order3")] == ["sinc", "sinc", "jpeg-resize"]
    assert meaning["cutoff3"] == pytest.approx(np.pi if corner else np.pi / 3)


@pytest.mark.parametrize("point", [np.zeros(29), np.full(30, 1.01), np.full(30, -0.01), np.full(30, np.nan)])
def test_points_outside_the_cube_are_refused(point):
    with pytest.raises(ValueError, match="30 coordinates"):
        describe(point, OPTIONS)
