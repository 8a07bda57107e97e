import numpy as np
import pytest
from matplotlib.colors import to_hex

from degcraft.figures import draw
from degcraft.figures.front import points
from degcraft.figures.style import LOOKS
from tests.curves import FRONT, STYLE, TESTS, drawn, front


def lines(axis):
    """Points of each line with a marker, by colour and filling."""
    return {
        (to_hex(line.get_color()).upper(), line.get_fillstyle()): line.get_xydata()
        for line in axis.get_lines()
        if line.get_marker() not in ("None", "", "|", "_")
    }


def entries(figure):
    return [text.get_text() for text in figure.legends[0].get_texts()]


@pytest.mark.parametrize(("place", "tests"), [(0, TESTS[1:]), (1, ["setting1"]), (2, ["setting4"])])
def test_points_are_means_over_seeds_of_gains(place, tests):
    figure, table = drawn("front")
    found = lines(figure.axes[place])
    for line, (colour, fill) in {
        "uniform": (LOOKS["uniform"].colour, "full"),
        "dasr": (LOOKS["dasr"].colour, "full"),
        "traces.refined": (LOOKS["refined"].colour, "full"),
        "dct.refined": (LOOKS["refined"].colour, "none"),
        "traces.mixture": (LOOKS["mixture"].colour, "full"),
        "oracle": (LOOKS["oracle"].colour, "full"),
    }.items():
        mine = table[table["line"] == line]
        across, up = (
            mine[mine["test"].isin(ways)].groupby("draw", sort=False)["gain"].mean() for ways in (tests, [TESTS[0]])
        )
        assert np.allclose(found[colour, fill], np.stack([across, up], axis=1), rtol=1e-12), line


def test_bars_are_standard_deviations_over_seeds_of_means_over_settings():
    figure, table = drawn("front")
    mine = table[table["line"] == "traces.refined"]
    each = mine[~mine["inside"].astype(bool)].groupby(["draw", "seed"], sort=False)["gain"].mean()
    across = each.groupby("draw", sort=False).std()
    up = mine[mine["inside"].astype(bool)].groupby("draw", sort=False)["gain"].std()
    (bars,) = [
        group
        for group in figure.axes[0].containers
        if (to_hex(group.lines[0].get_color()).upper(), group.lines[0].get_fillstyle())
        == (LOOKS["refined"].colour, "full")
    ]
    widths, heights = (
        [np.ptp(segment, axis=0)[way] for segment in bar.get_segments()] for way, bar in enumerate(bars.lines[2])
    )
    assert np.allclose(widths, 2 * across, rtol=1e-9)
    assert np.allclose(heights, 2 * up, rtol=1e-9)


def test_labels_are_alphas_and_floors():
    figure, _ = drawn("front")
    for axis in figure.axes:
        texts = {(to_hex(text.get_color()).upper(), text.get_text()): text.xy for text in axis.texts}
        assert {text for colour, text in texts if colour == LOOKS["dasr"].colour} == {
            *("0", "1", "5", "10", "15", "25", "50", "100")
        }
        assert {text for colour, text in texts if colour == LOOKS["refined"].colour} == {"0", "0.05", "0.5"}
        assert {colour for colour, _ in texts} == {LOOKS["dasr"].colour, LOOKS["refined"].colour}
        found = lines(axis)[LOOKS["dasr"].colour, "full"]
        assert texts[LOOKS["dasr"].colour, "100"] == pytest.approx(found[-1])


def test_a_legend_for_all_panels():
    figure, _ = drawn("front")
    assert entries(figure) == [
        *("uniform", "DASR, by \u03b1", "traces, mixture", "traces, refined, by floor", "DCT, refined, by floor"),
        *("oracle", "bars: sd of 3 seeds"),
    ]
    assert [axis.get_title(loc="right") for axis in figure.axes] == [
        *("outside: mean of 2 settings", "outside: setting 1", "outside: setting 4")
    ]
    assert "bars" not in "".join(entries(drawn("front of one seed")[0]))


def test_one_setting_outside_takes_one_panel():
    figure, _ = drawn("front of one setting")
    (axis,) = figure.axes
    assert axis.get_title(loc="right") == "outside: setting 1"
    assert figure.get_figwidth() == STYLE.width


def test_many_settings_outside_take_several_rows():
    figure, _ = drawn("front of four settings")
    assert len(figure.axes) == 5
    assert len({round(axis.get_position().y0, 3) for axis in figure.axes}) == 2


def test_absent_extractors_are_named_once():
    figure, _ = drawn("front without an extractor")
    assert [text.get_text().replace("\n", " ") for text in figure.texts] == [
        "not shown: DASR, DCT, refined (no such file)"
    ]
    assert LOOKS["dasr"].colour not in {colour for colour, _ in lines(figure.axes[0])}


def test_without_a_setting_outside_there_is_only_the_note():
    figure = draw("figure14", front(1, outside=()), STYLE, {})
    assert not figure.axes
    (text,) = figure.texts
    assert text.get_text().replace("\n", " ") == "not shown: front (evidence.outside names no setting but setting3)"


def test_points_of_a_draw_in_order():
    table = front(2)
    found = points(table[table["note"].isna()], TESTS[1:])
    assert found["label"].tolist()[:9] == ["", "0", "1", "5", "10", "15", "25", "50", "100"]
    assert set(found["line"]) == {"uniform", "dasr", "oracle", *(draw.partition("-")[0] for draw in FRONT)}
