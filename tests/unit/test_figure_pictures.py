import itertools

import pytest

from degcraft.figures import draw
from degcraft.io import read_table, write_table
from tests.pictures import CASES, FEW, STYLE, axes, boxes, comparison, drawn, maps, sharpness


@pytest.mark.parametrize("case", CASES)
def test_nothing_is_cut_off_too_small_or_on_top_of_another(case):
    figure, _, _ = drawn(case)
    figure.draw_without_rendering()
    tight = figure.get_tightbbox().extents * figure.dpi
    assert tight[:2].min() >= -0.5
    assert (tight[2:] <= figure.bbox.size + 0.5).all()
    found = boxes(figure)
    assert len(found) > 3
    for text, box in found.items():
        assert text.get_size() >= 6, text
        assert box.min.min() >= -0.5, text
        assert (box.max <= figure.bbox.size + 0.5).all(), text
    for one, other in itertools.combinations(found, 2):
        assert not found[one].padded(-0.6).overlaps(found[other].padded(-0.6)), (one, other)


@pytest.mark.parametrize("case", CASES)
def test_a_page_holds_every_figure(case):
    figure, _, _ = drawn(case)
    width, height = figure.get_size_inches()
    assert width == pytest.approx(STYLE.width * (1 if "votes" in case or case == "lookalikes of one" else 2.05))
    assert height <= 9.5


@pytest.mark.parametrize("case", CASES)
def test_names_of_axes_are_unique(case):
    figure, _, _ = drawn(case)
    assert len(axes(figure)) == len(figure.axes)


@pytest.mark.parametrize(("figure", "build"), [("figure4", maps), ("figure6", comparison), ("figure8", None)])
def test_without_any_row_there_is_only_the_note(figure, build):
    if figure == "figure8":
        table = sharpness(FEW, absent={"film": "no images"})[0].tail(1)
    else:
        table = (
            build([], absent={"film": "no images"})[0]
            if build is maps
            else build([], FEW, absent={"film": "no images"})[0]
        )
    found = draw(figure, table, STYLE, {})
    assert not found.axes
    (text,) = found.texts
    assert text.get_text() == "not shown: film (no images)"
    assert text.get_window_extent().y0 >= 0


@pytest.mark.parametrize("case", ["maps", "comparison of three", "sharpness", "lookalikes", "votes"])
def test_same_table_same_bytes_also_when_read_from_its_file(case, tmp_path):
    figure, table, images = drawn(case)
    write_table(tmp_path / "table.csv", table)
    again = draw(CASES[case][0], read_table(tmp_path / "table.csv"), STYLE, images)
    assert STYLE.render(figure, "png") == STYLE.render(again, "png")
    assert STYLE.render(figure, "pdf") == STYLE.render(again, "pdf")
