import numpy as np
import pandas as pd
import pytest

from degcraft.figures import draw
from degcraft.figures.stability import spreads
from degcraft.figures.style import LOOKS
from tests.curves import STYLE, drawn, scatter


def test_stability_shows_relative_spread_and_distance():
    figure, table = drawn("stability")
    above, below = figure.axes
    shown = {line.get_color(): line for line in below.get_lines()}
    for family in ("vgg22", "dct"):
        each = table[table["family"] == family].groupby("images")["distance"].agg(["mean", "std"]).astype(float)
        line = shown[LOOKS[family].colour]
        assert line.get_xdata().tolist() == [10, 40, 80]
        assert np.allclose(line.get_ydata(), each["std"] / each["mean"], rtol=1e-12)
        (bars,) = [group for group in above.containers if group.lines[0].get_color() == LOOKS[family].colour]
        assert np.allclose(bars.lines[0].get_ydata(), each["mean"] / each["mean"].loc[80], rtol=1e-12)
        heights = [np.ptp(segment[:, 1]) for segment in bars.lines[2][0].get_segments()]
        assert np.allclose(heights, 2 * each["std"] / each["mean"].loc[80], rtol=1e-9)
    assert below.get_xscale() == above.get_xscale() == "log"
    assert [label.get_text() for label in below.get_xticklabels()] == ["10", "40", "80"]


def test_stability_shows_a_family_as_mean_and_band():
    figure, table = drawn("stability")
    below = figure.axes[1]
    members = table[table["family"] == "alexnet-random"].astype({"images": int})
    each = members.groupby(["images", "extractor"])["distance"].agg(["mean", "std"])
    relative = (each["std"] / each["mean"]).unstack()
    (line,) = [line for line in below.get_lines() if line.get_color() == LOOKS["alexnet-random"].colour]
    assert np.allclose(line.get_ydata(), relative.mean(axis=1), rtol=1e-12)
    (band,) = below.collections  # families of one have none
    top = band.get_paths()[0].vertices[:, 1].max()
    assert top == pytest.approx((relative.mean(axis=1) + relative.std(axis=1)).max(), rel=1e-12)
    names = [text.get_text() for text in figure.legends[0].get_texts()]
    assert names == ["VGG 2,2", "AlexNet random (2 seeds)", "DCT"]


def test_stability_marks_what_the_paper_recommends():
    figure, _ = drawn("stability")
    for axis in figure.axes:
        (shade,) = axis.patches
        assert (shade.get_x(), shade.get_x() + shade.get_width()) == (100, 150)
    assert "the paper's 100 to 150" in figure.axes[1].get_xlabel()


def test_stability_does_not_depend_on_the_order_of_the_counts():
    one, other = spreads(scatter(counts=(10, 40, 80))), spreads(scatter(counts=(80, 10, 40)))
    for family in one:
        pd.testing.assert_frame_equal(one[family], other[family])


def test_stability_names_what_is_not_shown():
    figure, _ = drawn("stability of all")
    assert [text.get_text().replace("\n", " ") for text in figure.texts] == [
        "not shown: VGG 5,4 (no weights for vgg54: resources/weights/vgg19-dcbb9e9d.pth is not there)"
    ]
    assert len(figure.axes[1].get_lines()) == 6


def test_stability_of_nothing_is_a_note():
    figure = draw("figure3", scatter(["dct"], notes={"dct": "no features"}), STYLE, {})
    assert not figure.axes
    (text,) = figure.texts
    assert text.get_text() == "not shown: DCT (no features)"
    box = text.get_window_extent()
    assert box.y0 >= 0
    assert (box.max <= figure.bbox.size).all()
