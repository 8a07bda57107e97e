import numpy as np
import pandas as pd
import pytest

from degcraft.bins import grid
from degcraft.fits import fits
from degcraft.spaces import Space
from degcraft.stages.distances import edges
from degcraft.stages.weights import cells
from degcraft.weighting.density import CELLS, Density

BINS = {
    "blur": {"range": [0, 4], "count": 2},
    "noise": {"range": [0, 50], "count": 2},
    "quality": {"range": [30, 90], "count": 3},
}
JUDGED = {"explained": 0.5, "expected": 0.9, "verdict": "partly explained"}


def uniform():
    return cells(Density.uniform(3), Space.of_bins(BINS)).assign(**JUDGED)


def test_the_whole_space_alike():
    line = fits({("film", "traces.refined"): uniform()}).iloc[0]
    assert line[["target", "draw", "verdict", "explained", "expected"]].tolist() == [
        *("film", "traces.refined", "partly explained", 0.5, 0.9)
    ]
    found = line[["blur_low", "blur_high", "noise_low", "noise_high", "quality_low", "quality_high"]].astype(float)
    assert found.tolist() == pytest.approx([0.2, 3.8, 2.5, 47.5, 33, 87])


def test_classes_count_by_their_shares():
    density = Density.uniform(3)
    one = np.zeros((1, 3, CELLS))
    one[:, :, 0] = 1
    table = cells(density.mixed(Density(np.ones(1), one), 0.96), Space.of_bins(BINS)).assign(**JUDGED)
    line = fits({("film", "traces.refined"): table}).iloc[0]
    assert line["blur_high"] <= 4 / CELLS
    assert line["noise_low"] == pytest.approx(0.05 / (0.96 + 0.04 / CELLS) * 50 / CELLS)


def test_bins_count_by_their_weights():
    regions = grid(BINS)
    weights = np.array([float(region.blur == (2, 4)) for region in regions])
    table = edges(regions).assign(weight=weights / weights.sum(), **JUDGED)
    line = fits({("film", "traces.mixture"): table}).iloc[0]
    assert (line["blur_low"], line["blur_high"]) == pytest.approx((2.1, 3.9))
    assert (line["quality_low"], line["quality_high"]) == pytest.approx((33, 87))


def test_the_second_order_model_has_no_blur_noise_and_quality():
    table = cells(Density.uniform(2), Space.cube(("sigma1", "level1"))).assign(**JUDGED)
    line = fits({("film", "traces.second-order"): table}).iloc[0]
    assert line[["blur_low", "quality_high"]].isna().all()
    assert pd.notna(line["verdict"])
