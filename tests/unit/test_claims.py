import numpy as np
import pytest
from scipy import stats

from degcraft.evidence.claims.gains import gain_claims
from degcraft.evidence.claims.order import order_claims
from tests.claimed import (
    PAPER,
    SEEDS,
    SETTINGS,
    claims_spec,
    good_psnr,
    metric_tables,
    only,
)

CRAFTED, NEAR, ORACLE = "vgg22 beats uniform on", "vgg22 is within 0.1 dB of the oracle on", "oracle beats uniform on"
ORDER = "rrdb orders the rows as srresnet does on"


@pytest.fixture
def spec(default_config):
    return claims_spec(default_config)


def gains(spec, psnr=good_psnr, metrics=None, absent=frozenset()):
    return gain_claims(metric_tables(psnr, spec) if metrics is None else metrics, spec, PAPER, absent)


def order(spec, psnr=good_psnr):
    return order_claims(metric_tables(psnr, spec), spec, PAPER)


@pytest.fixture(scope="module")
def as_in_the_paper(default_config):
    return gains(claims_spec(default_config))


@pytest.mark.parametrize("backbone", ["srresnet", "rrdb"])
@pytest.mark.parametrize("setting", SETTINGS)
@pytest.mark.parametrize(("part", "first", "second"), [(CRAFTED, "vgg22", "uniform"), (ORACLE, "oracle", "uniform")])
def test_gains_hold_as_in_the_paper(as_in_the_paper, backbone, setting, part, first, second):
    by_seed = [np.subtract(*(good_psnr(backbone, setting, draw, seed) for draw in (first, second))) for seed in SEEDS]
    line = only(as_in_the_paper, f"{backbone}, {part} {setting} ")
    assert line["verdict"] == "holds"
    assert line["measured"] == pytest.approx(np.mean(by_seed), rel=1e-9)
    assert line["spread"] == pytest.approx(np.std(by_seed, ddof=1), rel=1e-9)


@pytest.mark.parametrize(("extractor", "gap", "verdict"), [("dct", -0.02, "holds"), ("vgg22", -0.12, "does not hold")])
@pytest.mark.parametrize("setting", SETTINGS[:3])
def test_near_the_oracle_is_a_tenth_of_a_decibel(spec, extractor, gap, verdict, setting):
    def psnr(backbone, setting, draw, seed):
        return good_psnr(backbone, setting, draw, 0) + (0.002 * seed if draw == "oracle" else 0.0)

    line = only(gains(spec, psnr), f"srresnet, {extractor} is within 0.1 dB of the oracle on {setting} ")
    assert line["verdict"] == verdict
    assert line["measured"] == pytest.approx(gap - 0.002 - (0.01 if extractor == "vgg22" else 0), abs=1e-9)


def test_the_oracle_is_no_bar_on_setting4(as_in_the_paper):
    assert not [line for line in as_in_the_paper if "within" in line["claim"] and "setting4" in line["claim"]]


@pytest.mark.parametrize("part", [f"srresnet, {CRAFTED} setting2 ", f"srresnet, {NEAR} setting2 "])
@pytest.mark.parametrize(
    ("added", "verdict"),
    [
        ((2, 2.01, 2.02), "holds"),
        ((-2, -2, -2), "does not hold"),
        ((-9, 0, 9), "not tested"),
        ((np.nan, 2, 2), "not tested"),
    ],
)
def test_gain_of_one_model_decides_its_own_claims_alone(spec, as_in_the_paper, part, added, verdict):
    def psnr(backbone, setting, draw, seed):
        there = (backbone, setting, draw) == ("srresnet", "setting2", "vgg22")
        return good_psnr(backbone, setting, draw, seed) + (added[seed] if there else 0)

    found = gains(spec, psnr)
    assert only(found, part)["verdict"] == verdict
    changed = [line["claim"] for line, usual in zip(found, as_in_the_paper, strict=True) if str(line) != str(usual)]
    assert len(changed) == 2
    assert all(claim.startswith("srresnet, vgg22") and "setting2" in claim for claim in changed)


def test_an_image_that_is_not_a_number_decides_nothing(spec):
    metrics = metric_tables(good_psnr, spec)
    metrics["rrdb/setting1/oracle/seed2"].loc[1, "psnr_y"] = np.nan
    line = only(gains(spec, metrics=metrics), "rrdb, oracle beats uniform on setting1 ")
    assert (line["verdict"], line["why"]) == ("not tested", "oracle - uniform: no finite number for 1 of 3 seeds")
    assert np.isnan(line["measured"])


@pytest.mark.parametrize(
    ("lost", "why"),
    [
        (["vgg22.frechet-a25/seed1"], "2 seeds, 3 are needed"),
        (["vgg22.frechet-a25/seed1", "uniform/seed0"], "1 seed, 3 are needed"),
        ([f"uniform/seed{seed}" for seed in SEEDS], "vgg22 - uniform: no seed has both"),
    ],
)
def test_seeds_without_a_partner_are_left_out(spec, lost, why):
    metrics = metric_tables(good_psnr, spec)
    for name in lost:
        del metrics[f"srresnet/setting3/{name}"]
    line = only(gains(spec, metrics=metrics), f"srresnet, {CRAFTED} setting3 ")
    assert (line["verdict"], line["why"]) == ("not tested", why)


@pytest.mark.parametrize(
    ("claim", "why"),
    [
        ("srresnet, alexnet-minc beats uniform on setting1 ", "no weights for alexnet-minc"),
        ("srresnet, vgg54 beats uniform on setting1 ", "vgg54 is not in tables.extractors.srresnet"),
        ("srresnet, vgg54 is within 0.1 dB of the oracle on setting3 ", "vgg54 is not in tables.extractors.srresnet"),
        ("rrdb, dasr beats uniform on setting4 ", "rrdb is not in tables.backbones"),
        ("rrdb, oracle beats uniform on setting4 ", "rrdb is not in tables.backbones"),
    ],
)
def test_rows_that_are_not_computed_say_why(default_config, claim, why):
    spec = claims_spec(default_config, backbones=["srresnet"])
    line = only(gains(spec, absent={"alexnet-minc"}), claim)
    assert (line["verdict"], line["why"], np.isnan(line["measured"])) == ("not tested", why, True)


@pytest.mark.parametrize(
    ("claim", "expected"),
    [
        ("srresnet, vgg22 beats uniform on setting1 ", "above 0 dB; the paper +0.71"),
        ("srresnet, alexnet-imagenet beats uniform on setting4 ", "above 0 dB; the paper -0.13"),
        ("rrdb, alexnet-minc is within 0.1 dB of the oracle on setting2 ", "above -0.1 dB; the paper +0.02"),
        ("rrdb, oracle beats uniform on setting3 ", "above 0 dB; the paper +0.32"),
        ("srresnet, dct beats uniform on setting1 ", "above 0 dB"),
    ],
)
def test_the_papers_numbers_are_expected(as_in_the_paper, claim, expected):
    assert only(as_in_the_paper, claim)["expected"] == expected


def test_order_holds_where_backbones_agree(spec):
    for line, setting in zip(order(spec), SETTINGS, strict=True):
        assert line["claim"].startswith(f"{ORDER} {setting} ")
        assert (line["verdict"], line["measured"], line["spread"]) == ("holds", 1.0, 0.0)
        assert (
            line["why"]
            == "3 seeds, 6 of 6 pairs of rows ordered beyond their noise by both backbones, oppositely: none"
        )


def test_order_is_broken_by_two_rows_exchanged_beyond_noise(spec):
    exchanged = {"vgg22": "dct", "dct": "vgg22"}

    def psnr(backbone, setting, draw, seed):
        return good_psnr(backbone, setting, exchanged.get(draw, draw) if backbone == "rrdb" else draw, seed)

    line = only(order(spec, psnr), f"{ORDER} setting1 ")
    assert (line["verdict"], line["measured"]) == ("does not hold", pytest.approx(4 / 6))
    assert "oppositely: vgg22 and dct" in line["why"]


def test_order_within_noise_breaks_nothing(spec):
    def psnr(backbone, setting, draw, seed):
        gain = {"uniform": 0.0, "vgg22": 1.0, "dct": 1.01 if backbone == "rrdb" else 0.99, "oracle": 2.0}[draw]
        return 25 + gain + (0.2 * (seed - 1) if (backbone, draw) == ("srresnet", "dct") else 0.0)

    line = only(order(spec, psnr), f"{ORDER} setting1 ")
    assert (line["verdict"], line["measured"]) == ("holds", pytest.approx(4 / 6))
    taus = [
        stats.kendalltau(
            *(
                [psnr(name, "", draw, seed) for draw in ("uniform", "vgg22", "dct", "oracle")]
                for name in ("srresnet", "rrdb")
            )
        )
        for seed in SEEDS
    ]
    assert line["spread"] == pytest.approx(np.std([tau.statistic for tau in taus], ddof=1), abs=1e-12)


def test_order_is_undecided_where_noise_hides_most_of_it(spec):
    def psnr(backbone, setting, draw, seed):
        noise = {"uniform": (-8, 0, 9), "dct": (5, 0, -7)}.get(draw, (0, 0, 0))
        return good_psnr(backbone, setting, draw, 0) + noise[seed]

    line = only(order(spec, psnr), f"{ORDER} setting1 ")
    assert line["verdict"] == "not tested"
    assert line["why"] == (
        "undecided: 3 seeds, 1 of 6 pairs of rows ordered beyond their noise by both backbones, oppositely: none"
    )


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_order_is_not_decided_from_nan(spec, bad):
    def psnr(*model):
        return bad if model == ("rrdb", "setting1", "dct", 2) else good_psnr(*model)

    line = only(order(spec, psnr), f"{ORDER} setting1 ")
    assert (line["verdict"], line["why"]) == ("not tested", "a row has no finite number for some seed")
    assert only(order(spec, psnr), f"{ORDER} setting2 ")["verdict"] == "holds"


def test_order_needs_three_seeds_and_two_backbones(default_config):
    spec = claims_spec(default_config)
    spec["train"]["seeds"] = [0, 1]
    assert {line["why"] for line in order(spec)} == {"2 seeds, 3 are needed"}
    assert {line["measured"] for line in order(spec)} == {1.0}
    spec = claims_spec(default_config, backbones=["srresnet"])
    assert {line["why"] for line in order(spec)} == {"rrdb is not in tables.backbones"}


def test_order_goes_from_the_smaller_backbone_to_the_larger(spec):
    spec["parameters"] = {"srresnet": 1_000_000, "rrdb": 50_000}
    assert order(spec)[0]["claim"].startswith("srresnet orders the rows as rrdb does on setting1 ")
    spec["parameters"] = {"srresnet": 50_000, "rrdb": 1_000_000}
    line = order(spec)[0]
    assert line["claim"].startswith(f"{ORDER} setting1 ")
    draws = ["uniform", "vgg22", "vgg54", "dasr", "alexnet-imagenet", "alexnet-minc", "oracle"]
    small = [28.14, 28.85, 28.82, 28.88, 28.83, 28.85, 28.86]
    large = [28.70, 29.18, 29.16, 29.18, 29.16, 29.18, 29.15]
    assert len(draws) == len(small) == len(large)
    tau = stats.kendalltau(small, large).statistic
    assert line["expected"] == f"1: no two rows exchanged; the paper {tau:+.2f}"
