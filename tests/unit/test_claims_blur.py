import numpy as np
import pytest

from degcraft.evidence.claims.blur import blur_claims
from tests.claimed import SEEDS, blur_lines, claims_spec, good_blur, only

BLUR = {
    "beats wide": ("matched training beats wide", "blur-matched", "blur-wide", None),
    "beats single": ("wide training beats", "blur-wide", "blur-single", None),
    "stays good": ("stays good", "blur-matched", "blur-wide", [2.5]),
    "brittle": ("brittle", "blur-matched", "blur-single", [1.5, 2.5]),
    "generalises": ("generalises", "blur-wide", "blur-matched", [0.0, 1.0, 3.0, 4.0]),
}


@pytest.fixture
def spec(default_config):
    return claims_spec(default_config)


def blur(spec, psnr=good_blur, **options):
    return blur_claims(blur_lines(psnr, **options), spec["evidence"])


@pytest.mark.parametrize("name", BLUR)
def test_blur_claims_hold_as_in_the_paper(spec, name):
    assert only(blur(spec), BLUR[name][0])["verdict"] == "holds"


@pytest.mark.parametrize("name", BLUR)
def test_blur_differences_are_paired_by_seed_and_over_the_claimed_widths(spec, name):
    part, first, second, widths = BLUR[name]

    def psnr(training, width, seed):
        at_worst = 0.2 if (training, width) == ("blur-wide", 2.5) else 0.0
        return good_blur(training, width, seed) + at_worst

    by_seed = [
        np.mean([psnr(first, width, seed) - psnr(second, width, seed) for width in widths or [None]]) for seed in SEEDS
    ]
    line = only(blur(spec, psnr), part)
    assert line["measured"] == pytest.approx(np.mean(by_seed), rel=1e-9)
    assert line["spread"] == pytest.approx(np.std(by_seed, ddof=1), abs=1e-9)


@pytest.mark.parametrize("name", BLUR)
@pytest.mark.parametrize(
    ("change", "verdict"), [("opposite", "does not hold"), ("noisy", "not tested"), ("nan", "not tested")]
)
def test_blur_claims_that_do_not_hold_or_are_undecided(spec, name, change, verdict):
    part, first, _, _ = BLUR[name]

    def psnr(training, width, seed):
        added = {"opposite": -9.0, "noisy": 20.0 * (seed - 1), "nan": np.nan if seed == 1 else 0.0}[change]
        return good_blur(training, width, seed) + (added if training == first else 0.0)

    line = only(blur(spec, psnr), part)
    assert line["verdict"] == verdict
    assert np.isnan(line["measured"]) == (change == "nan")


def test_worst_width_is_named(spec):
    def psnr(training, width, seed):
        return good_blur(training, width, seed) - (1.0 if (training, width) == ("blur-matched", 1.5) else 0.0)

    line = only(blur(spec, psnr), "stays good")
    assert line["verdict"] == "does not hold"
    assert line["why"].startswith("blur-matched - blur-wide on blur-1.5, mean over 3 seeds: -0.700")


@pytest.mark.parametrize(("seeds", "count"), [((0,), "1 seed"), ((0, 2), "2 seeds")])
def test_blur_needs_three_seeds(spec, seeds, count):
    for line in blur(spec, seeds=seeds):
        assert (line["verdict"], line["why"]) == ("not tested", f"{count}, 3 are needed")
        assert np.isfinite(line["measured"])


@pytest.mark.parametrize(
    ("column", "value", "reasons"),
    [
        ("training", "blur-single", {"beats single": "no single training", "brittle": "no single training"}),
        ("training", "blur-matched", dict.fromkeys(BLUR, "no matched training for this test range")),
        ("test", "blur-matched", dict.fromkeys(BLUR, "no model was tested on blur-matched")),
        ("test", "blur-1.5", {}),
    ],
)
def test_blur_says_what_is_missing(spec, column, value, reasons):
    table = blur_lines(good_blur)
    lines = blur_claims(table[table[column] != value], spec["evidence"])
    for name, (part, *_) in BLUR.items():
        line = only(lines, part)
        assert (reasons[name] in line["why"]) if name in reasons else (line["verdict"] == "holds")


def test_blur_without_single_widths(spec):
    table = blur_lines(good_blur)
    lines = blur_claims(table[table["test"] == "blur-matched"], spec["evidence"])
    assert [line["verdict"] for line in lines] == ["holds", "holds", *["not tested"] * 3]
    assert {line["why"] for line in lines[2:]} == {"no test width lies there"}
