import numpy as np
import pandas as pd
import pytest

from degcraft.errors import DegcraftError
from degcraft.evidence.blur import blur_table, fit
from degcraft.evidence.means import image_means

SETTINGS = {
    name: {"blur": ends, "noise": [0, 0], "quality": "none"}
    for name, ends in {"one": [2, 2], "all": [0, 4], "right": [1.5, 2.5], "w0": [0, 0], "w2": [2, 2]}.items()
}
BLUR = {"trainings": ["one", "all", "right"], "test": "right", "widths": ["w0", "w2"]}
DRAWS = {"one": "oracle@one", "all": "oracle@all", "right": "oracle@right"}


def metrics(psnr):
    return pd.DataFrame({"name": ["a", "b"], "psnr_y": [psnr - 1, psnr + 1], "ssim_y": [0.25, 0.75]})


def measured(seeds=(0, 1)):
    """PSNR tells training, test and seed: tens, ones and tenths."""
    found = {}
    for tens, training in enumerate(BLUR["trainings"], 1):
        for ones, test in enumerate(["right", "w0", "w2"]):
            draw = "oracle" if training == test else DRAWS[training]
            for seed in seeds:
                found[f"{test}/{draw}/seed{seed}"] = metrics(10 * tens + ones + seed / 10)
    return found


def test_every_training_on_every_test_with_its_own_numbers():
    table = blur_table(measured(), SETTINGS, [0, 1], BLUR)
    expected = [10 * tens + ones + seed / 10 for tens in (1, 2, 3) for ones in (0, 1, 2) for seed in (0, 1)]
    assert table["psnr_y"].tolist() == pytest.approx(expected, rel=1e-12)
    assert table["training"].tolist() == [name for name in BLUR["trainings"] for _ in range(6)]
    assert table["test"].tolist() == ["right", "right", "w0", "w0", "w2", "w2"] * 3
    assert table["seed"].tolist() == [0, 1] * 9
    assert set(table["images"]) == {2}
    assert np.allclose(table["ssim_y"], 0.5)


def test_columns_and_ranges():
    table = blur_table(measured(), SETTINGS, [0, 1], BLUR)
    ends = ["training_low", "training_high", "test_low", "test_high"]
    assert list(table) == ["training", *ends[:2], "test", *ends[2:], "seed", "images", "psnr_y", "ssim_y"]
    assert table[ends].drop_duplicates().to_numpy().tolist() == [
        [*training, *test] for training in ([2, 2], [0, 4], [1.5, 2.5]) for test in ([1.5, 2.5], [0, 0], [2, 2])
    ]


def test_a_training_may_be_a_tested_width():
    blur = {**BLUR, "widths": ["one"]}
    found = measured() | {f"one/{draw}/seed0": metrics(50) for draw in ("oracle", "oracle@all", "oracle@right")}
    table = blur_table(found, SETTINGS, [0], blur)
    assert table.loc[table["test"] == "one", "psnr_y"].tolist() == [50, 50, 50]


def test_missing_model_is_named():
    found = measured()
    del found["w2/oracle@all/seed1"]
    with pytest.raises(DegcraftError, match=r"w2/oracle@all/seed1\.csv: not given; .*type: snakemake"):
        blur_table(found, SETTINGS, [0, 1], BLUR)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"test": "w2"}, r"evidence\.blur\.test: w2 has blur 2 to 2; low < high are needed"),
        ({"widths": ["w0", "all"]}, r"evidence\.blur\.widths: all has blur 0 to 4; low and high that are equal"),
    ],
)
def test_ranges_and_single_widths_are_not_mixed_up(change, message):
    with pytest.raises(DegcraftError, match=message):
        blur_table(measured(), SETTINGS, [0, 1], {**BLUR, **change})


@pytest.mark.parametrize(
    ("training", "kind"),
    [
        ((1.5, 2.5), "matched"),
        ((1.5, 3), "wide"),
        ((0, 4), "wide"),
        ((1.6, 2.5), "narrow"),
        ((1.5, 1.5), "narrow"),
        ((1, 2), "shifted"),
        ((3, 3), "shifted"),
    ],
)
def test_how_a_training_fits_its_test(training, kind):
    assert fit(training, (1.5, 2.5)) == kind


def test_perfect_images_are_left_out_of_the_mean():
    found = image_means(pd.DataFrame({"psnr_y": [np.inf, 20.0, 22.0], "ssim_y": [1.0, 0.5, 0.6]}))
    assert (found["images"], found["psnr_y"]) == (3, 21.0)
    assert found["ssim_y"] == pytest.approx(0.7)
    assert image_means(pd.DataFrame({"psnr_y": [np.inf, np.inf]}))["psnr_y"] == np.inf


def test_a_metric_that_was_not_computed_is_missing():
    assert np.isnan(image_means(pd.DataFrame({"psnr_y": [20.0]}))["ssim_y"])
