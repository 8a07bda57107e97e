import numpy as np
import pandas as pd
import pytest

from degcraft.evidence.claims.maps import map_claims
from tests.claimed import EXTRACTORS, claims_spec, map_lines, only, weights

BEST, WEAKEST, WIDE = "VGG find the true bins best", "random AlexNet is the weakest", "DASR is too wide"
FAMILIES = dict.fromkeys(("alexnet-random", "alexnet-random-1", "alexnet-random-2"), "alexnet-random")
RANDOM = dict(zip(FAMILIES, (0.6, 0.61, 0.62), strict=True))


@pytest.fixture
def spec(default_config):
    return claims_spec(default_config)


def good_maps():
    """As the paper, for both contents."""
    maps = {"alexnet-imagenet": weights(0.9), "vgg22": weights(0.8), "dasr": weights(0.7, wide=True)}
    maps |= {name: weights(on_truth) for name, on_truth in RANDOM.items()}
    return {(name, contents): weight for contents in ("disjoint", "same") for name, weight in maps.items()}


def lines(spec, changes=None, drop=(), absent=None):
    """Claims with the weights of `changes` for the same contents, and without the extractors `drop`."""
    maps = good_maps() | {(name, "same"): weight for name, weight in (changes or {}).items()}
    kept = {key: weight for key, weight in maps.items() if key[0] not in drop}
    return map_claims(map_lines(kept, FAMILIES, absent), spec, EXTRACTORS)


def claim(found, part, contents="same"):
    return only([line for line in found if line["claim"].startswith(f"{contents} contents: ")], part)


@pytest.fixture(scope="module")
def as_in_the_paper(default_config):
    return lines(claims_spec(default_config))


@pytest.mark.parametrize("contents", ["disjoint", "same"])
@pytest.mark.parametrize(
    ("part", "measured"),
    [
        ("alexnet-imagenet finds", 0.9),
        ("vgg22 finds", 0.8),
        ("dasr finds", 0.7),
        ("alexnet-random finds", 0.61),
        (BEST, 0.8 - 0.7),
        (WEAKEST, 0.7 - 0.61),
    ],
)
def test_claims_hold_as_in_the_paper(as_in_the_paper, contents, part, measured):
    line = claim(as_in_the_paper, part, contents)
    assert line["verdict"] == "holds"
    assert line["measured"] == pytest.approx(measured, rel=1e-9)


def test_width_is_compared_in_effective_bins(as_in_the_paper):
    bins = [np.exp(-(w[w > 0] * np.log(w[w > 0])).sum()) for w in (weights(0.7, wide=True), weights(0.9), weights(0.8))]
    line = claim(as_in_the_paper, WIDE)
    assert (line["verdict"], line["measured"]) == ("holds", pytest.approx(bins[0] - max(bins[1:]), rel=1e-9))


@pytest.mark.parametrize(
    ("part", "spread"), [("alexnet-random finds", 0.01), (WEAKEST, 0.01), ("vgg22 finds", np.nan), (BEST, np.nan)]
)
def test_spread_is_over_the_random_family(as_in_the_paper, part, spread):
    assert claim(as_in_the_paper, part)["spread"] == pytest.approx(spread, rel=1e-9, nan_ok=True)


@pytest.mark.parametrize(
    ("changes", "part", "why"),
    [
        (
            {"vgg22": weights(0.2)},
            "vgg22 finds",
            "against 0.250 of uniform weights; the heaviest bin is not a true one",
        ),
        ({"vgg22": weights(0.5)}, "vgg22 finds", "the heaviest bin is not a true one"),
        (
            {"alexnet-random-1": weights(0.1)},
            "alexnet-random finds",
            "above 0.250 of uniform weights for 2 of 3 extractors",
        ),
        ({"alexnet-random-1": weights(0.5)}, "alexnet-random finds", "heaviest bin a true one for 2 of 3 extractors"),
        (
            {"vgg22": weights(0.65)},
            BEST,
            "alexnet-imagenet 0.900, vgg22 0.650, against dasr 0.700, alexnet-random 0.610",
        ),
        ({"dasr": weights(0.5)}, WEAKEST, "-0.110, 95% interval -0.135 to -0.085"),
        ({"dasr": weights(0.99)}, WIDE, "dasr 1.736, against vgg22 2.461, alexnet-imagenet 2.172"),
    ],
)
def test_claims_that_do_not_hold(spec, changes, part, why):
    found = lines(spec, changes)
    assert claim(found, part)["verdict"] == "does not hold"
    assert why in claim(found, part)["why"]
    assert claim(found, part, "disjoint")["verdict"] == "holds"


def test_random_within_the_spread_of_its_family_is_undecided(spec):
    line = claim(lines(spec, {"dasr": weights(0.61)}), WEAKEST)
    assert line["verdict"] == "not tested"
    assert line["why"].startswith("undecided: vgg22 0.800, dasr 0.610, alexnet-imagenet 0.900, random 0.610")


@pytest.mark.parametrize(
    ("drop", "part", "verdict", "why"),
    [
        (["alexnet-random-1"], WEAKEST, "not tested", "2 random extractors, 3 are needed"),
        (FAMILIES, WEAKEST, "not tested", "no measurements of alexnet-random"),
        (["alexnet-imagenet", "vgg22", "dasr"], WEAKEST, "not tested", "no trained extractor has a map"),
        (["dasr"], WIDE, "not tested", "dasr: no weights"),
        (["dasr"], "dasr finds", "not tested", "dasr: no weights"),
        (["vgg22", "alexnet-imagenet"], WIDE, "not tested", "no other trained extractor has a map"),
        (["vgg22", "alexnet-imagenet"], BEST, "not tested", "no measurements of alexnet-imagenet"),
        (["dasr", *FAMILIES], BEST, "not tested", "no other extractor of the paper has a map"),
        (["vgg22"], BEST, "holds", "(no map of vgg22, vgg54, alexnet-minc)"),
        ([], "vgg54 finds", "not tested", "vgg54 is not in evidence.extractors"),
        ([], "dct finds", "not tested", "no measurements of dct"),
    ],
)
def test_what_is_missing_is_named(spec, drop, part, verdict, why):
    line = claim(lines(spec, drop=drop, absent={"dasr": "no weights"} if "dasr" in drop else None), part)
    assert line["verdict"] == verdict
    assert why in line["why"]


def test_our_own_extractor_takes_no_part_in_the_papers_order(spec):
    line = claim(lines(spec, {"dct": weights(0.99)}), BEST)
    assert (line["verdict"], line["measured"]) == ("holds", pytest.approx(0.1, rel=1e-9))
    assert claim(lines(spec, {"dct": weights(0.99)}), "dct finds")["verdict"] == "holds"


def test_a_stand_in_for_minc_takes_part(spec):
    line = claim(lines(spec, {"alexnet-dtd": weights(0.85)}), BEST)
    assert (line["verdict"], line["measured"]) == ("does not hold", pytest.approx(-0.05, rel=1e-9))


@pytest.mark.parametrize("column", ["true_mass", "weight"])
@pytest.mark.parametrize("part", ["dasr finds", BEST, WEAKEST])
def test_nothing_is_decided_from_nan(spec, column, part):
    table = map_lines(good_maps(), FAMILIES)
    table.loc[table["extractor"] == "dasr", column] = np.nan
    line = claim(map_claims(table, spec, EXTRACTORS), part)
    assert (line["verdict"], np.isnan(line["measured"])) == ("not tested", True)


def test_maps_of_another_alpha_are_left_out(spec):
    table = map_lines(good_maps(), FAMILIES)
    other = table.assign(weighting="frechet-a1", true_mass=0.0)
    both = pd.DataFrame(map_claims(pd.concat([other, table]), spec, EXTRACTORS))
    pd.testing.assert_frame_equal(both, pd.DataFrame(map_claims(table, spec, EXTRACTORS)))
    spec["weights"]["alpha"] = 1
    assert claim(map_claims(pd.concat([other, table]), spec, EXTRACTORS), "vgg22 finds")["verdict"] == "does not hold"
