import numpy as np
import pandas as pd
import pytest

from degcraft.figures.concentration import gains
from degcraft.figures.style import LOOKS
from tests.curves import ALPHAS, TESTS, drawn


def entries(axis):
    return [text.get_text() for text in axis.get_legend().get_texts()]


@pytest.mark.parametrize(("place", "metric"), [(0, "psnr_y"), (1, "ssim_y")])
def test_concentration_shows_accuracy_over_alpha_and_levels(place, metric):
    figure, table = drawn("concentration with methods")
    axis, inside = figure.axes[place], table[table["inside"]]
    assert [label.get_text() for label in axis.get_xticklabels()] == [str(alpha) for alpha in ALPHAS]
    crafted, *levels = axis.get_lines()
    expected = inside[inside["row"] == "alpha"].groupby("alpha")[metric].mean()
    assert crafted.get_xdata().tolist() == list(range(8))
    assert np.allclose(crafted.get_ydata(), expected, rtol=1e-12)
    assert crafted.get_color() == LOOKS["dasr"].colour
    assert [line.get_color() for line in levels] == [
        LOOKS[row].colour for row in ("uniform", "oracle", "BSRNet", "Real-ESRNet")
    ]
    for row, line in zip(("uniform", "oracle", "BSRNet", "Real-ESRNet"), levels, strict=True):
        assert np.allclose(line.get_ydata(), inside[inside["row"] == row][metric].mean(), rtol=1e-12)
    assert len(axis.collections) == 5  # a band each


def test_concentration_prints_the_numbers_of_the_paper():
    figure, table = drawn("concentration")
    inside = table[table["inside"]]
    uniform, oracle = (inside[inside["row"] == row]["psnr_y"].mean() for row in ("uniform", "oracle"))
    assert entries(figure.axes[0]) == [
        "DASR",
        "paper, \u03b1 = 25: 27.79",
        f"uniform {uniform:.2f} (paper 27.53)",
        f"oracle {oracle:.2f} (paper 27.97)",
        "BSRNet (paper 27.48)",
        "Real-ESRNet (paper 27.44)",
        "bands: sd of 3 seeds",
    ]
    assert entries(figure.axes[1])[4:] == ["BSRNet (paper 0.6968)", "Real-ESRNet (paper 0.6986)"]
    assert [text.get_text() for text in figure.texts] == ["not shown: BSRNet, Real-ESRNet (not among tables.methods)"]


def test_concentration_shows_the_price_outside():
    figure, table = drawn("concentration")
    axis = figure.axes[2]
    measured = table[table["note"].isna()]
    crafted = [line for line in axis.get_lines() if line.get_marker() == LOOKS["dasr"].marker]
    assert [line.get_linestyle() for line in crafted] == ["-", "--", ":"]
    for test, line in zip(TESTS, crafted, strict=True):
        at = measured[measured["test"] == test]
        base = at[at["row"] == "uniform"].set_index("seed")["psnr_y"]
        of_seeds = at[at["row"] == "alpha"].pivot_table(index="alpha", columns="seed", values="psnr_y") - base
        assert np.allclose(line.get_ydata(), of_seeds.mean(axis=1), rtol=1e-9)
    oracles = [group.lines[0].get_xydata()[0].tolist() for group in axis.containers]
    expected = gains(table, "oracle")["mean"]
    assert oracles == [[8, pytest.approx(expected.loc[test].item(), rel=1e-12)] for test in TESTS]
    assert entries(axis) == ["setting 3 (target)", "setting 1", "setting 4", "oracle"]


def test_gain_is_against_uniform_of_the_same_seed():
    values = {("uniform", 0): 20.0, ("uniform", 1): 30.0, ("oracle", 0): 21.0, ("oracle", 1): 33.0, ("oracle", 2): 90.0}
    lines = [{"row": row, "seed": seed, "psnr_y": psnr} for (row, seed), psnr in values.items()]
    table = pd.DataFrame(lines).assign(test="setting3", alpha=np.nan, note=None)
    (found,) = gains(table, "oracle").to_numpy().tolist()
    assert found == [2.0, pytest.approx(np.sqrt(2))]


def test_concentration_without_uniform_or_one_alpha_says_so():
    figure, _ = drawn("concentration without uniform")
    (text,) = figure.texts
    assert text.get_text().replace("\n", " ") == (
        "not shown: \u03b1 = 5 on setting 3, uniform (not measured); BSRNet, Real-ESRNet (not among tables.methods)"
    )
    crafted = figure.axes[0].get_lines()[0]
    assert crafted.get_xdata().tolist() == [0, 1, 3, 4, 5, 6, 7]
    assert entries(figure.axes[0])[2] == "uniform (paper 27.53)"
    assert not [line for line in figure.axes[2].get_lines() if line.get_marker() == LOOKS["dasr"].marker]
