from dataclasses import replace
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from degcraft.figures import draw
from tests.pictures import CASES, FIT, STYLE, axes, drawn, lookalikes, shown

ALL = [case for case in CASES if case.startswith("lookalikes")]


@pytest.mark.parametrize("case", ALL)
def test_every_crop_is_at_its_place(case):
    figure, table, images = drawn(case)
    table = table[table["note"].isna()]
    panels = axes(figure)
    assert len(panels) == len(table)
    places = {}
    for line in table.to_dict("records"):
        axis = panels[f"{line['target']}: {line['row']} {line['place']}"]
        assert np.array_equal(shown(axis), images[line["file"]])
        places[line["target"], line["row"], line["place"]] = axis.get_position()
    for (target, row, place), box in places.items():
        if place:
            before = places[target, row, place - 1]
            assert box.x0 > before.x1
            assert box.y0 == pytest.approx(before.y0)
        if row == "uniform":
            assert box.y1 < places[target, "real", place].y0
            assert box.x0 == pytest.approx(places[target, "real", place].x0)


def test_two_blocks_side_by_side():
    figure, _, _ = drawn("lookalikes")
    first, second, third = (axes(figure)[f"{name}: real 0"].get_position() for name in ("setting3", "film", "phone"))
    assert first.y0 == pytest.approx(second.y0)
    assert second.x0 > 0.5
    assert third.x0 == pytest.approx(first.x0)
    assert third.y1 < first.y0


@pytest.mark.parametrize(
    ("case", "side"), [("lookalikes", 0.48), ("lookalikes of one", 0.48), ("lookalikes of many crops", 0.42)]
)
def test_crops_are_as_large_as_there_is_room(case, side):
    figure, _, _ = drawn(case)
    for axis in figure.axes:
        width, height = axis.get_position().size * figure.get_size_inches()
        assert (width, height) == pytest.approx((side, side), abs=0.005)


def test_at_200_dots_per_inch_a_pixel_is_2_by_2_dots():
    style = replace(STYLE, dpi=200)
    table, images = lookalikes(["film"], count=2)
    png = np.array(Image.open(BytesIO(style.render(draw("figure16", table, style, images), "png"))).convert("RGB"))
    windows = np.lib.stride_tricks.sliding_window_view(png, (80, 80, 3))[:, :, 0]
    wanted = images["film-crafted-1.png"][8:88, 8:88]
    alike = (windows[:, :, 40, 40] == wanted[40, 40]).all(axis=-1) & (windows[:, :, 7, 9] == wanted[7, 9]).all(axis=-1)
    assert any(np.array_equal(windows[y, x], wanted) for y, x in np.argwhere(alike))


def titles(figure):
    return [text.get_text() for text in figure.texts]


def test_titles_tell_the_verdict_and_the_ranges():
    figure, _, _ = drawn("lookalikes")
    texts = titles(figure)
    assert texts[0].replace("\n", " ") == (
        "crafted: traces, refined, floor 0.1. Above each block: the verdict on the references, and nine tenths of "
        "blur (HR pixels), noise (grey levels) and quality"
    )
    found = "partly explained (90 % of references)\nblur 1.3\u20132.6, noise 2\u201316, quality 74\u201386"
    assert [text for text in texts if "explained" in text] == [
        f"{name}: {found}" for name in ("setting 3", "film", "phone")
    ]
    assert [text for text in texts if text in ("real", "crafted", "uniform")] == ["real", "crafted", "uniform"] * 3


def test_without_ranges_the_verdict_alone():
    texts = titles(drawn("lookalikes without ranges")[0])
    assert "film: partly explained (90 % of references)" in texts
    assert texts[0].endswith("Above each block: the verdict on the references")
    assert FIT["explained"] == 0.9


def test_without_weights_targets_and_a_note():
    texts = titles(drawn("lookalikes without weights")[0])
    assert texts[0] == "Above each block: the target."
    assert "film" in texts
    assert texts[-1] == "not shown: crafted (no such file)"
    assert "crafted" not in texts
