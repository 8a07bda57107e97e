import numpy as np
import pandas as pd
import pytest

from degcraft.bins import PARAMETERS, Region, grid, true_weights
from degcraft.errors import DegcraftError
from degcraft.evidence.maps import COLUMNS, NUMBERS, common_weighting, map_table, mean_maps, studied_extractor
from degcraft.io import read_table, write_table
from degcraft.streams import stream

SPACE = {
    "blur": {"range": [0, 5], "count": 5},
    "noise": {"range": [0, 50], "count": 5},
    "quality": {"range": [30, 90], "count": 3},
}
SETTING3 = Region((1.5, 2.5), (5, 15), (75, 85))
TRUTH = true_weights(grid(SPACE), SETTING3)


def weights_file(*items, weight=None):
    """What results/weights/<target>/<extractor>.<weighting>.csv holds."""
    lines = [
        {"bin": number}
        | {f"{name}_{end}": getattr(region, name)[at] for name in PARAMETERS for at, end in enumerate(("low", "high"))}
        for number, region in enumerate(grid(SPACE))
    ]
    drawn = stream(0, "test", "maps", *items).exponential(size=len(lines)) if weight is None else weight
    return pd.DataFrame(lines).assign(distance=1.0, weight=drawn / drawn.sum())


def table(keys, families=(), absent=()):
    files = {key: weights_file(*key) for key in keys}
    return map_table(files, TRUTH, dict(families), "setting3", dict(absent)), files


def test_every_bin_of_every_map_has_a_line_with_its_weight_and_share():
    keys = [("dct", "frechet-a25", "disjoint"), ("dct", "frechet-a25", "same"), ("vgg22", "frechet-a2.5", "disjoint")]
    built, files = table(keys)
    assert list(built) == list(COLUMNS)
    assert len(built) == 3 * 75
    for key in keys:
        lines = built[(built[["extractor", "weighting", "contents"]] == list(key)).all(axis=1)]
        assert lines["weight"].tolist() == files[key]["weight"].tolist()
        assert lines["bin"].tolist() == list(range(75))
        assert lines["noise_high"].tolist() == files[key]["noise_high"].tolist()
        assert lines["truth"].tolist() == TRUTH.tolist()
    assert set(built["setting"]) == {"setting3"}
    assert built.drop_duplicates("weighting")["alpha"].tolist() == [25, 2.5]
    assert built["note"].isna().all()


def test_numbers_of_known_weights():
    cases = {
        "truth": (TRUTH, 1, 0, 4),
        "uniform": (np.ones(75), 4 / 75, 1 - 4 / 75, 75),
        "peak": (np.eye(75)[0], 0, 1, 1),
    }
    files = {(name, "frechet-a25", "disjoint"): weights_file(weight=case[0]) for name, case in cases.items()}
    built = map_table(files, TRUTH, {}, "setting3", {})
    for name, (_, *expected) in cases.items():
        lines = built.loc[built["extractor"] == name, list(NUMBERS)]
        assert len(lines.drop_duplicates()) == 1
        assert lines.iloc[0].tolist() == pytest.approx(expected, abs=1e-12)


def test_a_setting_that_leaves_the_bins_is_compared_inside_them():
    half = true_weights(grid(SPACE), Region((4.5, 5.5), (5, 15), (75, 85)))
    assert half.sum() == 0.5
    built = map_table({("dct", "frechet-a25", "same"): weights_file(weight=half)}, half, {}, "mine", {})
    assert built["truth"].sum() == 1
    assert built["total_variation"].max() == 0


def test_a_setting_outside_all_bins_is_refused():
    with pytest.raises(DegcraftError, match=r"evidence\.setting: blur-0 lies outside all bins.*write setting3"):
        map_table({}, np.zeros(75), {}, "blur-0", {})


@pytest.mark.parametrize(
    ("file", "message"),
    [
        (weights_file("cut").head(74), r"dct\.frechet-a25 \(same contents\): 74 lines, bins 0 to 74 in order"),
        (weights_file("mixed").iloc[::-1], "75 lines, bins 0 to 74 in order"),
        (weights_file("twice").assign(weight=0.5), r"sum to 37\.5.*then run again"),
    ],
)
def test_a_damaged_weights_file_is_named(file, message):
    with pytest.raises(DegcraftError, match=message):
        map_table({("dct", "frechet-a25", "same"): file}, TRUTH, {}, "setting3", {})


def test_absent_extractors_are_lines_with_a_note_and_no_numbers():
    built, _ = table([("dct", "frechet-a25", "same")], {"dasr-1": "dasr"}, {"dasr-1": "no weights for dasr"})
    line = built.iloc[-1]
    assert line[["extractor", "family", "setting", "note"]].tolist() == [
        "dasr-1",
        "dasr",
        "setting3",
        "no weights for dasr",
    ]
    assert line.drop(["extractor", "family", "setting", "note"]).isna().all()
    assert built["note"].notna().sum() == 1
    alone, _ = table([], {}, {"dasr": "no weights"})
    assert list(alone) == list(COLUMNS)
    assert len(alone) == 1


def test_a_written_table_reads_back_equal(tmp_path):
    built, _ = table([("dct", "frechet-a25", "same")], {}, {"dasr": "no weights"})
    write_table(tmp_path / "figure4.csv", built)
    pd.testing.assert_frame_equal(
        read_table(tmp_path / "figure4.csv", *COLUMNS), built, check_dtype=False, check_exact=True
    )


FAMILY = {"random-0": "random", "random-1": "random", "random-2": "random", "dct": "dct"}
STUDIED = [("random-0", f"frechet-a{alpha}", "disjoint") for alpha in (0, 25, 100)]
SHARED = [(name, "frechet-a25", contents) for name in FAMILY for contents in ("disjoint", "same")]


def test_a_family_is_the_mean_over_its_seeds():
    built, files = table([*SHARED, *STUDIED], FAMILY, {"dasr": "no weights"})
    maps = mean_maps(built[built["weighting"].isin(["frechet-a25"])], "family")
    found = {(one.name, one.contents): one for one in maps}
    assert sorted(found) == [(name, contents) for name in ("dct", "random") for contents in ("disjoint", "same")]
    mean = found["random", "same"]
    each = np.array([files[f"random-{seed}", "frechet-a25", "same"]["weight"] for seed in range(3)])
    assert np.allclose(mean.weights, each.mean(axis=0), rtol=1e-14)
    masses = each[:, TRUTH > 0].sum(axis=1)
    assert mean.numbers["true_mass"] == pytest.approx((masses.mean(), masses.std(ddof=1)), rel=1e-12)
    assert (mean.seeds, mean.alpha, mean.weighting) == (3, 25, "frechet-a25")
    assert found["dct", "same"].seeds == 1
    assert np.isnan(found["dct", "same"].numbers["effective_bins"][1])


def test_common_weighting_and_studied_extractor():
    built, _ = table([*STUDIED, *SHARED], FAMILY, {"dasr": "no weights"})
    assert common_weighting(built) == "frechet-a25"
    assert studied_extractor(built) == "random-0"
    only, _ = table([("dct", f"frechet-a{alpha}", "same") for alpha in (0, 10, 50)])
    assert common_weighting(only) == "frechet-a10"
    assert studied_extractor(only) == "dct"
    most, _ = table([(name, "frechet-a10", "same") for name in ("dct", "random-0")] + STUDIED, FAMILY)
    assert common_weighting(most) == "frechet-a10"
    plain, _ = table(SHARED, FAMILY)
    assert studied_extractor(plain) is None
