import numpy as np
import pytest
from matplotlib.collections import LineCollection

from degcraft.evidence.estimation import summary
from degcraft.figures.estimation import MEASURES
from degcraft.figures.style import LOOKS
from tests.curves import drawn

GROUPS = ["setting1", "setting2", "setting3", "setting4", "boxes", "pairs"]


def points(axis, colour, fill="full"):
    """Markers of one weighting and extractor, as (x, y) in order of x, and the halves of their bars."""
    own = [
        bars
        for bars in axis.containers
        if bars.lines[0].get_color() == colour and bars.lines[0].get_fillstyle() == fill
    ]
    (bars,) = own
    halves = [np.ptp(segment[:, 1]) / 2 for segment in bars.lines[2][0].get_segments()]
    return np.array(bars.lines[0].get_data()).T, halves


@pytest.mark.parametrize(("panel", "measure"), [(0, "true_mass"), (2, "log_density")])
def test_targets_show_means_and_spread_over_repeats(panel, measure):
    figure, table = drawn("estimation")
    axis = figure.axes[panel]
    means = summary(table[(table["references"] == 100) & table["note"].isna()], measure)
    for extractor, fill in (("traces", "full"), ("dct", "none")):
        for weighting in ("mixture", "refined"):
            shown, halves = points(axis, LOOKS[weighting].colour, fill)
            for number, group in enumerate(GROUPS):
                line = means.loc[(extractor, weighting, group, 100)]
                assert shown[number, 1] == pytest.approx(line["mean"], rel=1e-12)
                assert halves[number] == pytest.approx(line["std"], rel=1e-9)
                assert abs(shown[number, 0] - number) < 0.4
    labels = figure.axes[2].get_xticklabels()
    assert [label.get_text() for label in labels] == [*(f"setting {k}" for k in range(1, 5)), "boxes", "pairs"]


def test_lines_say_what_can_be_reached():
    figure, table = drawn("estimation")
    for panel, measure in ((0, "true_mass"), (2, "log_density")):
        lines = [part for part in figure.axes[panel].collections if isinstance(part, LineCollection)]
        levels = sorted({part.get_segments()[0][0, 1] for part in lines if len(part.get_segments()) == 1})
        for name in ("uniform", "oracle"):
            assert table.loc[table["weighting"] == name, measure].iloc[0] in levels


def test_more_references_are_further_right():
    figure, table = drawn("estimation")
    settings = table[table["target"].str.startswith("setting", na=False) & (table["extractor"] == "traces")]
    for panel, measure in zip((1, 3), MEASURES, strict=True):
        axis = figure.axes[panel]
        (line,) = [line for line in axis.get_lines() if line.get_color() == LOOKS["mixture"].colour]
        expected = settings[settings["weighting"] == "mixture"].groupby("references")[measure].mean()
        assert line.get_xdata().tolist() == [10, 50, 100]
        assert line.get_ydata() == pytest.approx(expected.to_numpy(), rel=1e-12)
        assert len(axis.get_lines()) == 4  # of the first extractor alone
        assert axis.get_xscale() == "log"
    assert figure.axes[1].get_title(loc="right") == "traces, mean of the settings"


def test_legend_names_weightings_extractors_and_lines():
    figure, _ = drawn("estimation of three extractors")
    names = [text.get_text() for text in figure.legends[0].get_texts()]
    assert names == [
        *("\u03b1 = 25", "\u03b1 chosen", "mixture", "refined", "traces", "DCT", "AlexNet ImageNet"),
        *("uniform", "oracle", "bars: sd of 2 repeats"),
    ]
    assert [text.get_text() for text in figure.texts] == ["not shown: AlexNet MINC (textures: no such folder)"]


def test_one_repeat_has_no_spread():
    figure, _ = drawn("estimation of one repeat")
    _, halves = points(figure.axes[0], LOOKS["refined"].colour)
    assert halves == [0] * len(GROUPS)
    assert "repeats" not in " ".join(text.get_text() for text in figure.legends[0].get_texts())
    assert not figure.axes[1].collections  # no bands


def test_cost_of_a_grid_and_of_our_banks():
    figure, _ = drawn("cost")
    grid, first, second = figure.axes[0].get_lines()
    assert grid.get_ydata()[[2, 29]] == pytest.approx([12_500, 100 * 5.0**30])
    assert (first.get_xdata().tolist(), first.get_ydata().tolist()) == ([3], [7500])
    assert set(second.get_xdata()) == {30}
    assert sorted(second.get_ydata()) == [2500, 5000, 10000, 20000]
    assert figure.axes[0].get_yscale() == "log"
    labels = [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    assert labels == [
        "grid, 5 bins each (calculated)",
        "bins: 3 parameters, 7,500 images",
        "refined: 30 parameters, 2,500 to 20,000 images",
    ]


def test_gains_are_means_over_targets_below_their_limit():
    figure, table = drawn("cost")
    restricted, every, limit = figure.axes[1].get_lines()[:3]
    second = table[table["row"] == "second-order"].groupby("images")
    assert restricted.get_ydata() == pytest.approx(second["log_density_restricted"].mean().to_numpy())
    assert every.get_ydata() == pytest.approx(second["log_density"].mean().to_numpy())
    assert limit.get_ydata() == pytest.approx([4.2, 4.2])
    band = figure.axes[1].collections[0].get_paths()[0].vertices[:, 1]
    assert band.max() == pytest.approx(
        (second["log_density_restricted"].mean() + second["log_density_restricted"].std()).max()
    )
    assert figure.axes[1].get_title(loc="right") == "bands: sd of 5 targets"


def test_cost_without_the_second_order_model_says_why():
    figure, _ = drawn("cost of the first order alone")
    assert len(figure.axes) == 1
    assert len(figure.axes[0].get_lines()) == 2
    assert [text.get_text() for text in figure.texts] == ["not shown: second-order (no weights for vgg54)"]
