import numpy as np
import pytest

from degcraft.figures.style import LOOKS
from tests.curves import WIDTHS, drawn


def means(table, training, single):
    lines = table[(table["training"] == training) & ((table["test_low"] == table["test_high"]) == single)]
    return lines.groupby("test_low")["psnr_y"].agg(["mean", "std"])


@pytest.mark.parametrize("case", ["idea", "idea of one seed"])
def test_idea_shows_each_training_against_the_test(case):
    figure, table = drawn(case)
    above, below = figure.axes[:3], figure.axes[3:]
    assert [axis.get_title() for axis in above] == [
        *("too narrow (blur 2)", "too wide (blur 0 to 4)", "matched (blur 1.5 to 2.5)")
    ]
    for axis, lower, training, kind in zip(
        above, below, ["single", "broad", "same"], ["narrow", "wide", "matched"], strict=True
    ):
        (line,) = lower.get_lines()
        expected = means(table, training, single=True)
        assert line.get_xdata().tolist() == WIDTHS
        assert np.allclose(line.get_ydata(), expected["mean"], rtol=0, atol=0)
        assert line.get_color() == LOOKS[kind].colour
        mean = means(table, training, single=False)["mean"].item()
        assert lower.get_title().startswith(f"test range: {mean:.2f}")
        (shade,) = lower.patches
        assert (shade.get_x(), shade.get_width()) == (1.5, 1.0)
        test_density = axis.collections[0].get_paths()[0].vertices
        assert (test_density[:, 0].min(), test_density[:, 0].max(), test_density[:, 1].max()) == (1.5, 2.5, 1.0)


def test_idea_densities_have_area_one():
    figure, _ = drawn("idea")
    narrow, wide, matched = figure.axes[:3]
    assert not narrow.get_lines()
    assert [text.xy[0] for text in narrow.texts] == [2.0]  # an arrow: all of the training is at one width
    assert wide.get_lines()[0].get_xydata().tolist() == [[0, 0], [0, 0.25], [4, 0.25], [4, 0]]
    assert matched.get_lines()[0].get_xydata().tolist() == [[1.5, 0], [1.5, 1], [2.5, 1], [2.5, 0]]


@pytest.mark.parametrize(("case", "seeds"), [("idea", 3), ("idea of one seed", 1)])
def test_bands_and_their_words_are_there_for_several_seeds(case, seeds):
    figure, table = drawn(case)
    bands = [len(axis.collections) for axis in figure.axes[3:]]
    words = [text.get_text() for text in figure.legends[0].get_texts()]
    assert bands == [int(seeds > 1)] * 3
    assert ("bands: sd of 3 seeds" in words) == (seeds > 1)
    assert ("\u00b1" in figure.axes[3].get_title()) == (seeds > 1)
    if seeds > 1:
        expected = means(table, "single", single=True)
        corners = figure.axes[3].collections[0].get_paths()[0].vertices
        assert corners[:, 1].max() == pytest.approx((expected["mean"] + expected["std"]).max(), rel=1e-12)


@pytest.mark.parametrize(("case", "seeds"), [("motivation", 3), ("motivation of one seed", 1)])
def test_motivation_shows_means_seeds_and_widths(case, seeds):
    figure, table = drawn(case)
    left, right = figure.axes
    labels = [label.get_text() for label in left.get_xticklabels()]
    assert [label.split("\n")[0] for label in labels] == ["matched", "wide", "narrow"]  # the paper's order
    lines = zip(["same", "broad", "single"], right.get_lines(), left.containers, strict=True)
    for place, (training, line, bars) in enumerate(lines):
        inside = means(table, training, single=False).iloc[0]
        assert labels[place].split("\n")[1] == f"{inside['mean']:.2f}"
        assert bars.lines[0].get_xydata().tolist() == [[place, pytest.approx(inside["mean"], rel=1e-12)]]
        assert np.allclose(line.get_ydata(), means(table, training, single=True)["mean"], rtol=0, atol=0)
        assert bars.lines[0].get_color() == line.get_color()
        dots = [dot.get_ydata() for dot in left.get_lines() if dot.get_marker() == "."]
        assert len(dots) == (3 if seeds > 1 else 0)
        if seeds > 1:
            own = table[(table["training"] == training) & (table["test"] == "same")]["psnr_y"]
            assert sorted(dots[place]) == sorted(own)
            (segment,) = bars.lines[2][0].get_segments()
            assert np.ptp(segment[:, 1]) == pytest.approx(2 * inside["std"], rel=1e-9)
