import math

import numpy as np
import pandas as pd
import pytest

from degcraft import sections
from degcraft.bins import Mixture, Region, grid
from degcraft.degradations import second_order
from degcraft.draws import cells, drawn
from degcraft.errors import DegcraftError
from degcraft.io import write_table
from degcraft.spaces import Cells

BINS = {
    "blur": {"range": [0, 4], "count": 2},
    "noise": {"range": [0, 50], "count": 1},
    "quality": {"range": [30, 90], "count": 3},
}
FIRST = {"degradation": {"kernel_size": 21}}


def density():
    """Two classes of two parameters with three cells each."""
    weights = [[[0.2, 0.3, 0.5], [1, 0, 0]], [[0, 0, 1], [0.25, 0.25, 0.5]]]
    edges = {"blur": [0, 1, 2, 4], "noise": [10, 20, 25, 50]}
    return pd.DataFrame(
        [
            {"class": c, "share": (0.3, 0.7)[c], "parameter": name, "low": low, "high": high, "weight": weight}
            for c in (0, 1)
            for axis, (name, ends) in enumerate(edges.items())
            for low, high, weight in zip(ends[:-1], ends[1:], weights[c][axis], strict=True)
        ]
    )


@pytest.fixture
def table(tmp_path):
    write_table(tmp_path / "refined.csv", density())
    return tmp_path / "refined.csv"


def test_a_density_is_read_as_it_was_written(table):
    found = cells(table)
    assert isinstance(found, Cells)
    assert found.shares.tolist() == [0.3, 0.7]
    assert found.weights.tolist() == [[[0.2, 0.3, 0.5], [1, 0, 0]], [[0, 0, 1], [0.25, 0.25, 0.5]]]
    assert found.edges.tolist() == [[0, 1, 2, 4], [10, 20, 25, 50]]


def test_more_than_ten_classes_keep_their_order(tmp_path):
    one = density().query("`class` == 0")
    many = [one.assign(**{"class": c, "share": (c + 1) / 78}) for c in range(12)]
    write_table(tmp_path / "many.csv", pd.concat(many))
    assert cells(tmp_path / "many.csv").shares == pytest.approx(np.arange(1, 13) / 78)


@pytest.mark.parametrize("change", [lambda rows: rows.iloc[:-1], lambda rows: rows.drop(columns="share")])
def test_tables_with_parts_missing_are_refused(tmp_path, change):
    write_table(tmp_path / "refined.csv", change(density()))
    with pytest.raises(DegcraftError, match=r"refined\.csv: missing, truncated or damaged"):
        cells(tmp_path / "refined.csv")


def test_a_setting_is_drawn_from_its_ranges():
    setting = {"blur": [0, 1], "noise": [5, 10], "quality": "none"}
    found = drawn({**FIRST, "setting": setting}, None)
    assert found.regions == [Region((0, 1), (5, 10), (math.inf, math.inf))]


def test_without_weights_all_bins_are_alike():
    found = drawn({**FIRST, "bins": BINS}, None)
    assert found.regions == grid(BINS)
    assert found.weights == pytest.approx(1 / 6)


def test_weights_of_bins_are_those_of_the_table(tmp_path):
    weights = np.array([0.5, 0, 0.25, 0.125, 0.125, 0])
    write_table(tmp_path / "bins.csv", pd.DataFrame({"bin": range(6), "weight": weights}))
    found = drawn({**FIRST, "bins": BINS}, tmp_path / "bins.csv")
    assert isinstance(found, Mixture)
    assert found.regions == grid(BINS)
    assert (found.weights == weights).all()


def test_a_density_needs_no_bins(table):
    found = drawn(FIRST, table)
    assert isinstance(found, Cells)
    values = np.array([found.draw(np.random.default_rng(seed)) for seed in range(400)])
    assert ((values >= [0, 10]) & (values <= [4, 50])).all()
    first = values[:, 0] < 2
    assert (values[first, 1] < 20).all()  # only the first class draws there, and its noise is 10 to 20


@pytest.mark.parametrize("sharpen", [{}, {"sharpen": True}])
def test_the_second_order_model_is_drawn_from_its_whole_cube(sharpen):
    found = drawn({"degradation": {"second_order": {}}, **sharpen}, None)
    values = np.array([found.draw(np.random.default_rng(seed)) for seed in range(300)])
    assert values.shape == (300, len(second_order.PARAMETERS))
    assert values.mean(axis=0) == pytest.approx(0.5, abs=0.1)


def test_sharpened_truth_is_a_draw_of_the_second_order_model(default_config):
    found = sections.drawn(default_config, "realesrgan-usm", "setting1")
    assert found == {**sections.drawn(default_config, "realesrgan", "setting1"), "sharpen": True}
