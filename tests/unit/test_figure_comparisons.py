import numpy as np
import pytest
from matplotlib.patches import Rectangle

from degcraft.figures import draw
from tests.pictures import CASES, FEW, STYLE, axes, comparison, drawn, notes, shown


def cells(figure, image):
    return {
        label.removeprefix(f"{image}: "): axis for label, axis in axes(figure).items() if label.startswith(f"{image}: ")
    }


@pytest.mark.parametrize("case", [case for case in CASES if case.startswith("comparison")])
def test_every_crop_is_in_its_cell(case):
    figure, table, images = drawn(case)
    table = table[table["note"].isna()]
    assert len(figure.axes) == len(table)
    for line in table.to_dict("records"):
        axis = cells(figure, line["image"])[line["row"]]
        assert np.array_equal(shown(axis), images[line["file"]])
        box = axis.get_position()
        width, height = box.width * figure.get_figwidth(), box.height * figure.get_figheight()
        assert width / height == pytest.approx(images[line["file"]].shape[1] / images[line["file"]].shape[0])
    names = list(dict.fromkeys(table["image"]))
    tops = [cells(figure, name)["LR"].get_position().y1 for name in names]
    assert tops == sorted(tops, reverse=True)
    for name in names:
        places = [cells(figure, name)[row].get_position() for row in table.loc[table["image"] == name, "row"][1:]]
        reading = [(-round(place.y0, 6), place.x0) for place in places]
        assert reading == sorted(reading)


@pytest.mark.parametrize(("case", "lines"), [("comparison of the default", 1), ("comparison of four and all rows", 2)])
def test_crops_of_an_image_take_as_few_lines_as_can_be_read(case, lines):
    figure, _, _ = drawn(case)
    for name in ("boat", "house"):
        panels = [axis.get_position() for row, axis in cells(figure, name).items() if row != "whole LR"]
        assert len({round(panel.y0, 6) for panel in panels}) == lines
        assert min(panel.width for panel in panels) * figure.get_figwidth() > 0.55


def test_names_of_rows_are_printed():
    figure, _, _ = drawn("comparison of four and all rows")
    titles = [axis.get_title().replace("\n", " ") for axis in cells(figure, "tree").values()]
    assert titles == [
        *("tree (LR)", "LR", "bicubic", "uniform", "AlexNet ImageNet", "AlexNet random", "VGG 2,2", "DASR", "DCT"),
        *("oracle", "truth"),
    ]


@pytest.mark.parametrize("case", ["comparison of three", "comparison of the default"])
def test_psnr_below_every_crop_the_best_bold(case):
    figure, table, _ = drawn(case)
    for name, lines in table[table["note"].isna()].groupby("image"):
        lines = lines.set_index("row")
        panels = cells(figure, name)
        for row in set(lines.index) - {"whole LR", "LR", "truth"}:
            psnr, crop = lines.loc[row, ["psnr_y", "psnr_crop"]]
            assert notes(panels[row]) == [f"{psnr:.2f}", f"({crop:.2f})"]
            bold = [text.get_weight() == "bold" for text in panels[row].texts]
            assert bold == [psnr == lines["psnr_y"].max(), crop == lines["psnr_crop"].max()]
        assert notes(panels["LR"]) == notes(panels["truth"]) == []
        assert notes(panels["whole LR"]) == ["PSNR, dB: image (crop)"]


def test_what_prints_like_the_best_is_bold_too():
    table, images = comparison(["boat"], FEW)
    table.loc[table["row"].isin(FEW), "psnr_y"] = [41.5, 30.5, 41.4961]
    panels = cells(draw("figure6", table, STYLE, images), "boat")
    assert [panels[row].texts[0].get_weight() for row in FEW] == ["bold", "normal", "bold"]


def test_without_truth_there_is_no_psnr():
    figure, _, _ = drawn("comparison without truth")
    assert [label for label in axes(figure) if label.endswith("truth")] == []
    assert all(not axis.texts for axis in figure.axes)


@pytest.mark.parametrize("case", ["comparison of three", "comparison of upright images"])
def test_the_crop_is_marked_in_the_whole_image(case):
    figure, table, images = drawn(case)
    for line in table[table["row"] == "whole LR"].to_dict("records"):
        axis = cells(figure, line["image"])["whole LR"]
        (mark,) = [patch for patch in axis.patches if isinstance(patch, Rectangle)]
        assert mark.get_bbox().bounds == (line["left"] - 0.5, line["top"] - 0.5, line["side"], line["side"])
        left, top, side = (int(value) for value in (line["left"], line["top"], line["side"]))
        inside = shown(axis)[top : top + side, left : left + side]
        assert np.array_equal(images[f"{line['image']}-LR.png"][::4, ::4], inside)


def test_not_shown_rows_are_named_below():
    for case in ("comparison of three", "comparison without truth", "sharpness"):
        figure, _, _ = drawn(case)
        assert [text.get_text().replace("\n", " ") for text in figure.texts] == [
            "not shown: DASR (no weights for dasr: resources/weights/dasr.safetensors is not there); VGG 5,4 (no weights for vgg54)"
        ]
