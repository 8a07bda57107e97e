import numpy as np
import pytest
from scipy import stats

from degcraft.evidence.claims.concentration import alpha_claims
from tests.claimed import PAPER, SEEDS, alpha_lines, claims_spec, good_alpha, only

RISES, GAIN = "PSNR rises with alpha inside the target, setting3", "alpha 25 beats uniform weights inside the target"
PRICE = "PSNR falls outside the target, on setting1 (dB psnr_y, uniform - alpha"
PARTS = (RISES, "SSIM rises", GAIN, f"{PRICE} 25)", f"{PRICE} 100)")


@pytest.fixture
def spec(default_config):
    return claims_spec(default_config)


def lines(spec, psnr=good_alpha, **options):
    return alpha_claims(alpha_lines(psnr, **options), spec, PAPER)


@pytest.mark.parametrize("part", PARTS)
def test_claims_hold_as_in_the_paper(spec, part):
    assert len(lines(spec)) == len(PARTS)
    assert only(lines(spec), part)["verdict"] == "holds"


@pytest.mark.parametrize(
    ("part", "test", "first", "second"),
    [(GAIN, "setting3", 25, 0), (f"{PRICE} 25)", "setting1", 0, 25), (f"{PRICE} 100)", "setting1", 0, 100)],
)
def test_differences_are_paired_by_seed(spec, part, test, first, second):
    by_seed = [good_alpha(first, test, seed) - good_alpha(second, test, seed) for seed in SEEDS]
    line = only(lines(spec), part)
    assert line["measured"] == pytest.approx(np.mean(by_seed), rel=1e-9)
    assert line["spread"] == pytest.approx(np.std(by_seed, ddof=1), rel=1e-9)


def zigzag(alpha, test, seed):
    """Of four alphas, two are exchanged, by seed."""
    ranks = ((0, 1, 2, 3), (1, 0, 2, 3), (0, 1, 3, 2))[seed]
    return 25 + 0.1 * ranks[(0, 1, 25, 100).index(alpha)]


def test_rank_correlation_is_of_each_seed(spec):
    alphas = (0, 1, 25, 100)
    by_seed = [stats.spearmanr(alphas, [zigzag(alpha, "", seed) for alpha in alphas]).statistic for seed in SEEDS]
    line = only(lines(spec, zigzag), RISES)
    assert line["measured"] == pytest.approx(np.mean(by_seed), rel=1e-9)
    assert line["spread"] == pytest.approx(np.std(by_seed, ddof=1), rel=1e-9)
    assert line["verdict"] == "holds"


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize(
    ("psnr", "verdict"),
    [
        (lambda alpha, test, seed: 50 - good_alpha(alpha, test, seed), "does not hold"),
        (lambda alpha, test, seed: 25 + alpha * (-1, 0.5, 0.7)[seed], "not tested"),
        (lambda alpha, test, seed: np.nan if (seed, alpha) == (1, 0) else good_alpha(alpha, test, seed), "not tested"),
        (lambda alpha, test, seed: np.inf if (seed, alpha) == (1, 0) else good_alpha(alpha, test, seed), "not tested"),
    ],
    ids=["opposite", "noisy", "nan", "infinite"],
)
def test_claims_that_do_not_hold_or_are_undecided(spec, part, psnr, verdict):
    assert only(lines(spec, psnr), part)["verdict"] == verdict


@pytest.mark.parametrize(("seeds", "count"), [((1,), "1 seed"), ((0, 2), "2 seeds")])
def test_three_seeds_are_needed(spec, seeds, count):
    for line in lines(spec, seeds=seeds):
        assert (line["verdict"], line["why"]) == ("not tested", f"{count}, 3 are needed")
        assert np.isfinite(line["measured"])


def test_alpha_0_stands_for_uniform_where_that_is_missing(spec):
    table = alpha_lines(good_alpha)
    without = alpha_claims(table[table["row"] != "uniform"], spec, PAPER)
    assert without == alpha_claims(table, spec, PAPER)
    neither = alpha_claims(table[(table["row"] != "uniform") & (table["alpha"] != 0)], spec, PAPER)
    assert only(neither, GAIN)["why"] == "no model of uniform was tested on setting3"


@pytest.mark.parametrize(
    ("options", "part", "why"),
    [
        ({"alphas": (0, 100)}, GAIN, "no model of alpha 25 was tested on setting3"),
        ({"alphas": (0, 100)}, RISES, "models of fewer than three alphas were tested on setting3"),
        ({"alphas": (0, 1, 25)}, f"{PRICE} 100)", "no model of alpha 100 was tested on setting1"),
        ({"tests": ("setting3",)}, f"{PRICE} 25)", "no model of uniform was tested on setting1"),
        ({"tests": ("setting1",)}, RISES, "models of fewer than three alphas were tested on setting3"),
    ],
)
def test_what_is_missing_is_named(spec, options, part, why):
    line = only(lines(spec, **options), part)
    assert (line["verdict"], line["why"]) == ("not tested", why)


def test_the_papers_number_is_that_of_its_extractor(spec):
    printed = PAPER[(PAPER["backbone"] == "srresnet") & (PAPER["setting"] == "setting3") & (PAPER["metric"] == "psnr")]
    dasr, uniform = (
        printed.loc[printed[key] == name, "value"].item() for key, name in (("extractor", "dasr"), ("type", "baseline"))
    )
    assert only(lines(spec), GAIN)["expected"] == f"above 0 dB; the paper with dasr {dasr - uniform:+.2f}"
    spec["evidence"]["setting"] = "attic"
    assert only(lines(spec), GAIN)["expected"] == "above 0 dB"


def test_one_price_where_the_greatest_alpha_is_the_tables(spec):
    spec["evidence"]["alphas"] = [0, 1, 25]
    assert len(lines(spec)) == len(PARTS) - 1
