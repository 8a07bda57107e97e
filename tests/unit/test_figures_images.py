import functools
import itertools
from io import BytesIO

import numpy as np
import pandas as pd
import pytest
from matplotlib.collections import LineCollection
from matplotlib.colors import to_hex
from matplotlib.patches import Rectangle
from matplotlib.text import Text
from PIL import Image

from degcraft.bins import PARAMETERS, Region, grid, true_weights
from degcraft.evidence.crops import Scene, comparison_table
from degcraft.evidence.maps import map_table
from degcraft.evidence.sharpness import sharpness_table
from degcraft.evidence.votes import no_votes, read_votes, vote_table
from degcraft.figures import draw
from degcraft.figures.style import LOOKS, VERMILION, Style
from degcraft.io import read_table, write_table
from degcraft.streams import stream
from degcraft.weighting.frechet import bin_weights
from tests.conftest import photo_like

STYLE = Style(width=3.35, font=7, dpi=100)
PAPER = {"blur": ([0, 5], 5), "noise": ([0, 50], 5), "quality": ([30, 90], 3)}
FINE = {"blur": ([0, 5], 10), "noise": ([0, 50], 10), "quality": ([30, 90], 6)}
COARSE = {"blur": ([0, 5], 2), "noise": ([0, 50], 3), "quality": ([30, 90], 1)}
SETTING3 = Region((1.5, 2.5), (5, 15), (75, 85))
ALPHAS = [0, 1, 5, 10, 15, 25, 50, 100]
SEVEN = ["alexnet-imagenet", "alexnet-minc", "alexnet-random", "alexnet-random-1", "alexnet-random-2", "vgg22", "vgg54", "dasr", "dct"]  # fmt: skip
ABSENT = {
    "dasr": "no weights for dasr: resources/weights/dasr.safetensors is not there",
    "vgg54": "no weights for vgg54",
}


def maps(extractors=SEVEN, alphas=ALPHAS, contents=("disjoint", "same"), space=PAPER, absent=(), without=()):
    regions = grid({name: {"range": ends, "count": count} for name, (ends, count) in space.items()})
    lines = [
        {f"{name}_{end}": getattr(region, name)[at] for name in PARAMETERS for at, end in enumerate(("low", "high"))}
        for region in regions
    ]
    files = {}
    for extractor, kind in itertools.product(extractors, contents):
        distances = stream(0, "test", "figures", extractor, kind).uniform(1, 2, len(regions))
        for alpha in dict.fromkeys([25, *(alphas if extractor == "alexnet-random" else [])]):
            weight = bin_weights(distances, alpha)
            files[extractor, f"frechet-a{alpha}", kind] = pd.DataFrame(lines).assign(
                bin=range(len(lines)), weight=weight
            )
    for key in without:
        del files[key]
    families = {name: "alexnet-random" if name.startswith("alexnet-random") else name for name in extractors}
    return map_table(files, true_weights(regions, SETTING3), families, "setting3", dict(absent)), {}


def scene(name, rows, truth=True, height=30, width=45):
    original = photo_like(len(name), 4 * height, 4 * width)
    restored = {}
    for number, row in enumerate(rows):
        noise = stream(0, "test", "figures", name, row).normal(0, 4 + 3 * number, original.shape)
        restored[row] = np.clip(original + noise, 0, 255).astype(np.uint8)
    psnr = {row: 31.5 - number for number, row in enumerate(rows)} if truth else {}
    return Scene(name, original[1::4, 1::4].copy(), restored, original if truth else None, psnr)


FEW, MANY = (
    ["uniform", "dct", "oracle"],
    ["uniform", "alexnet-imagenet", "alexnet-random", "vgg22", "dasr", "dct", "oracle"],
)


def comparison(names, rows, truth=True, absent=(), **size):
    scenes = [scene(name, rows, truth, **size) for name in names]
    return comparison_table(scenes, {}, dict(absent), "auto", 12, 4, "evidence.images.figure6")


def sharpness(rows, truth=True, absent=(), **size):
    one = scene("park", rows, truth, **size)
    return sharpness_table(one, {}, dict(absent), "auto", 12, 4, "evidence.images.figure8")


def votes(methods, voters=12, images=6):
    lines = ["voter,image,method,rank"]
    for voter, image in itertools.product(range(voters), range(images)):
        liked = np.arange(len(methods)) + stream(0, "test", "figures", voter, image).normal(0, 1.2, len(methods))
        lines += [f"v{voter},i{image},{methods[at]},{rank}" for rank, at in enumerate(np.argsort(liked), 1)]
    return vote_table(read_votes("\n".join(lines).encode(), "votes.csv")), {}


CASES = {
    "maps": ("figure4", lambda: maps(absent={"vgg16": "no weights for vgg16"})),
    "maps of one extractor": ("figure4", lambda: maps(["dct"], contents=["disjoint"])),
    "maps without alphas": ("figure4", lambda: maps(["dct", "vgg22"], alphas=[])),
    "maps of disjoint contents": ("figure4", lambda: maps(contents=["disjoint"], absent=ABSENT)),
    "maps of fine bins": ("figure4", lambda: maps(["dct", "alexnet-random", "alexnet-random-1"], space=FINE)),
    "maps of coarse bins": ("figure4", lambda: maps(["dct", "alexnet-random"], [1, 25], space=COARSE)),
    "maps with a gap": ("figure4", lambda: maps(without=[("dct", "frechet-a25", "same")])),
    "comparison of one": ("figure6", lambda: comparison(["boat"], FEW)),
    "comparison of three": ("figure10", lambda: comparison(["boat", "tree", "house"], FEW, absent=ABSENT)),
    "comparison of the default": ("figure6", lambda: comparison(["boat", "tree", "house"], ["uniform", "alexnet-random", "dct", "oracle"])),
    "comparison of four and all rows": ("figure11", lambda: comparison(["boat", "tree", "house", "garden"], MANY)),
    "comparison of upright images": ("figure13", lambda: comparison(["tree", "1"], MANY, height=45, width=20)),
    "comparison without truth": ("figure7", lambda: comparison(["boat", "tree"], FEW, truth=False, absent=ABSENT)),
    "sharpness": ("figure8", lambda: sharpness(FEW, absent=ABSENT)),
    "sharpness of all rows": ("figure8", lambda: sharpness(MANY)),
    "sharpness without truth": ("figure8", lambda: sharpness(["uniform", "dct"], truth=False, height=60)),
    "votes": ("figure9", lambda: votes(["oracle", "dct", "Real-ESRNet", "BSRNet", "uniform"])),
    "votes on two": ("figure9", lambda: votes(["dct", "uniform"], voters=1)),
    "no votes": ("figure9", lambda: (no_votes("evidence.votes is none"), {})),
}  # fmt: skip


@functools.cache
def drawn(case):
    """Figure, table and crops of a case; no test changes them."""
    name, (table, images) = CASES[case][0], CASES[case][1]()
    return draw(name, table, STYLE, images), table, images


def axes(figure):
    return {axis.get_label(): axis for axis in figure.axes}


def notes(axis):
    return [text.get_text() for text in axis.texts]


def shown(axis):
    (image,) = axis.get_images()
    return image.get_array()


def boxes(figure):
    """Boxes of all texts that are drawn, by the text; ticks have them where they are labelled."""
    found = {}
    for text in figure.findobj(Text):
        if (
            text.get_visible()
            and text.get_text()
            and (text.axes is None or text.axes.axison or text in text.axes.texts)
        ):
            found[text] = text.get_window_extent()
    limits = {
        id(label): (axis, side)
        for axis in figure.axes
        for side in "xy"
        for label in getattr(axis, f"get_{side}ticklabels")()
    }
    for text in list(found):
        if id(text) in limits:
            axis, side = limits[id(text)]
            low, high = sorted(getattr(axis, f"get_{side}lim")())
            if not low - 1e-9 <= text.get_position()["xy".index(side)] <= high + 1e-9:
                del found[text]
    return found


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
    assert width == pytest.approx(STYLE.width * (1 if "votes" in case else 2.05))
    assert height <= 9.5


@pytest.mark.parametrize("case", CASES)
def test_names_of_axes_are_unique(case):
    figure, _, _ = drawn(case)
    assert len(axes(figure)) == len(figure.axes)


def value_at(cells, line, space):
    """What a map shows at a bin: blur downwards, noise to the right, a block per quality, an empty column between."""
    steps = {name: (ends[1] - ends[0]) / count for name, (ends, count) in space.items()}
    place = {name: round((line[f"{name}_low"] - ends[0]) / steps[name]) for name, (ends, _) in space.items()}
    return cells[place["blur"], place["quality"] * (space["noise"][1] + 1) + place["noise"]]


@pytest.mark.parametrize(
    ("case", "space"), [("maps", PAPER), ("maps of fine bins", FINE), ("maps of coarse bins", COARSE)]
)
def test_maps_hold_the_weights_at_the_right_bins(case, space):
    figure, table, _ = drawn(case)
    panels, table = axes(figure), table[table["note"].isna()]
    for kind, name in itertools.product(("disjoint", "same"), ("dct", "alexnet-random")):
        lines = table[(table["weighting"] == "frechet-a25") & (table["contents"] == kind) & (table["family"] == name)]
        cells = shown(panels[f"extractors, \u03b1 = 25: {'DCT' if name == 'dct' else 'AlexNet random'}, {kind}"])
        assert cells.shape == (space["blur"][1], space["quality"][1] * (space["noise"][1] + 1) - 1)
        for _, bin_ in lines.groupby("bin"):
            assert value_at(cells, bin_.iloc[0], space) == pytest.approx(bin_["weight"].mean(), rel=1e-12)
        assert cells.count() == len(lines) / lines["extractor"].nunique()  # and nothing between the blocks
    for alpha in set(table["alpha"]):
        lines = table[
            (table["extractor"] == "alexnet-random") & (table["alpha"] == alpha) & (table["contents"] == "same")
        ]
        cells = shown(panels[f"AlexNet random, by \u03b1: \u03b1 = {alpha:g}, same"])
        for line in lines.to_dict("records"):
            assert value_at(cells, line, space) == line["weight"]


@pytest.mark.parametrize("case", ["maps", "maps of one extractor", "maps of fine bins", "maps of coarse bins"])
def test_the_true_bins_are_outlined_in_every_map(case):
    figure, table, _ = drawn(case)
    truth = shown(axes(figure)["truth"]).filled(0)
    once = table[table["note"].isna()].drop_duplicates("bin")
    assert sorted(truth[truth > 0]) == sorted(once.loc[once["truth"] > 0, "truth"])
    panels = [axis for axis in figure.axes if axis.get_images()]
    assert len(panels) > 1
    for axis in panels:
        (outline,) = [one for one in axis.collections if isinstance(one, LineCollection)]
        assert to_hex(outline.get_colors()[0]).upper() == VERMILION
        sides = {tuple(sorted(map(tuple, segment.tolist()))) for segment in outline.get_segments()}
        assert sides == borders(truth > 0)


def borders(inside):
    """Sides between cells inside and outside, as pairs of corners."""
    around = np.pad(inside, 1)
    across = {(x, y) for y, x in np.argwhere(around[1:-1, 1:] != around[1:-1, :-1])}
    down = {(x, y) for y, x in np.argwhere(around[1:, 1:-1] != around[:-1, 1:-1])}
    return {((x - 0.5, y - 0.5), (x - 0.5, y + 0.5)) for x, y in across} | {
        ((x - 0.5, y - 0.5), (x + 0.5, y - 0.5)) for x, y in down
    }


def test_maps_are_labelled_and_ordered():
    figure, _, _ = drawn("maps")
    labels = [label for label in axes(figure) if label.endswith(", disjoint") and not label.startswith("heading")]
    extractors = ["AlexNet ImageNet", "AlexNet MINC", "AlexNet random", "VGG 2,2", "VGG 5,4", "DASR", "DCT"]
    assert labels == [
        *(f"extractors, \u03b1 = 25: {name}, disjoint" for name in extractors),
        *(f"AlexNet random, by \u03b1: \u03b1 = {alpha}, disjoint" for alpha in ALPHAS),
    ]
    assert figure.axes[0].get_label() == "truth"
    headings = [notes(axis) for label, axis in axes(figure).items() if label.startswith("heading")]
    assert headings == [
        *(["extractors, \u03b1 = 25", "disjoint contents"], ["", "same contents"]),
        *(["AlexNet random, by \u03b1", "disjoint contents"], ["", "same contents"]),
    ]
    panels = axes(figure)
    rows = [panels[label].get_position().y0 for label in labels]
    assert rows[:7] == sorted(rows[:7], reverse=True)
    for kind, left in (("disjoint", True), ("same", False)):
        axis = panels[f"extractors, \u03b1 = 25: DCT, {kind}"]
        assert (axis.get_position().x0 < 0.25) == left
        assert axis.get_title(loc="left") == "DCT"
    assert [text.get_text() for text in figure.texts] == ["not shown: vgg16 (no weights for vgg16)"]


def test_the_truth_names_the_axes():
    figure, _, _ = drawn("maps")
    truth = axes(figure)["truth"]
    assert truth.get_title(loc="left") == "truth, setting 3"
    assert (truth.get_xlabel(), truth.get_ylabel()) == ("noise, grey levels", "blur, HR pixels")
    assert [label.get_text() for label in truth.get_yticklabels()] == list("012345")
    assert [label.get_text() for label in truth.get_xticklabels()] == ["0", "10", "20", "30", "40", "50"] * 3
    assert truth.get_xticks()[:7].tolist() == [-0.5, 0.5, 1.5, 2.5, 3.5, 4.5, 5.5]
    assert notes(truth)[:3] == ["quality 30\u201350", "quality 50\u201370", "quality 70\u201390"]
    assert [text.xy[0] for text in truth.texts[:3]] == [2, 8, 14]
    for line in ("true: weight on the true bins", "TV: total variation", "eff: effective number"):
        assert line in notes(truth)[3]


def test_numbers_below_the_maps():
    figure, table, _ = drawn("maps")
    panels, table = axes(figure), table[table["weighting"] == "frechet-a25"]
    line = table[(table["extractor"] == "dct") & (table["contents"] == "same")].iloc[0]
    numbers = notes(panels["extractors, \u03b1 = 25: DCT, same"])
    expected = [
        f"true {line['true_mass']:.2f}",
        f"TV {line['total_variation']:.2f}",
        f"eff {line['effective_bins']:.1f}",
    ]
    assert numbers == expected
    seeds = table[(table["family"] == "alexnet-random") & (table["contents"] == "disjoint")].drop_duplicates(
        "extractor"
    )
    assert len(seeds) == 3
    axis = panels["extractors, \u03b1 = 25: AlexNet random, disjoint"]
    assert axis.get_title(loc="left") == "AlexNet random, 3 seeds"
    forms = {"true_mass": ("true", ".2f"), "total_variation": ("TV", ".2f"), "effective_bins": ("eff", ".1f")}
    assert notes(axis) == [
        f"{short} {seeds[name].mean():{form}}\n\u00b1 {seeds[name].std(ddof=1):{form}}"
        for name, (short, form) in forms.items()
    ]


def test_a_group_shares_one_colour_scale_and_has_its_bar():
    figure, table, _ = drawn("maps")
    panels, table = axes(figure), table[table["note"].isna()]
    family = table[table["weighting"] == "frechet-a25"].groupby(["family", "contents", "bin"])["weight"].mean()
    greatest = {
        "extractors, \u03b1 = 25": max(family.max(), table["truth"].max()),
        "AlexNet random, by \u03b1": table.loc[table["extractor"] == "alexnet-random", "weight"].max(),
    }
    for heading, vmax in greatest.items():
        norms = {id(axis.get_images()[0].norm) for label, axis in panels.items() if label.startswith(f"{heading}:")}
        assert len(norms) == 1
        (label,) = [label for label in panels if label == f"weights: {heading}"]
        assert panels[label].get_xlim() == pytest.approx((0, vmax), rel=1e-9)
        assert panels[label].get_title(loc="left") == f"weight of a bin: {heading}"
    assert panels["truth"].get_images()[0].get_clim() == pytest.approx((0, greatest["extractors, \u03b1 = 25"]))


def test_a_map_that_is_not_there_says_so():
    figure, _, _ = drawn("maps with a gap")
    axis = axes(figure)["extractors, \u03b1 = 25: DCT, same"]
    assert notes(axis) == ["not computed"]
    assert not axis.get_images()
    assert axes(figure)["extractors, \u03b1 = 25: DCT, disjoint"].get_images()


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


@pytest.mark.parametrize("case", ["sharpness", "sharpness of all rows", "sharpness without truth"])
def test_sharpness_shows_the_line_and_the_gradients_along_it(case):
    figure, table, images = drawn(case)
    panels, table = axes(figure), table[table["note"].isna()]
    curves = dict(zip(table["row"].drop_duplicates(), panels["profile"].get_lines(), strict=True))
    labels = [text.get_text() for text in panels["profile"].get_legend().get_texts()]
    for (row, lines), label in zip(table.groupby("row", sort=False), labels, strict=True):
        first = lines.iloc[0]
        assert np.array_equal(shown(panels[row]), images[first["file"]])
        (line,) = panels[row].get_lines()
        values = line.get_ydata() if first["direction"] == "horizontal" else line.get_xdata()
        assert set(values) == {first["line"]}
        assert panels[row].get_xlim() == (-0.5, images[first["file"]].shape[1] - 0.5)
        assert np.array_equal(curves[row].get_xdata(), lines["position"].astype(float))
        assert np.array_equal(curves[row].get_ydata(), lines["gradient"])
        assert curves[row].get_color() == LOOKS[row].colour
        assert label.endswith(f": {lines['gradient'].mean():.2f}")
        assert notes(panels[row]) == ([] if np.isnan(first["psnr_y"]) else [f"{first['psnr_y']:.2f} dB"])
    assert panels["profile"].get_legend().get_title().get_text() == "mean over the line"
    assert "HR pixels" in panels["profile"].get_xlabel()
    assert "grey levels / pixel" in panels["profile"].get_ylabel()


@pytest.mark.parametrize("case", ["votes", "votes on two"])
def test_bars_are_the_shares_of_the_ranks(case):
    figure, table, _ = drawn(case)
    (axis,) = figure.axes
    methods = list(dict.fromkeys(table["method"]))
    names = [label.get_text() for label in axis.get_yticklabels()]
    assert names == ["DCT" if method == "dct" else method for method in methods]
    assert axis.get_ylim()[0] > axis.get_ylim()[1]  # the first method is on top
    for rank, bars in enumerate(axis.containers, 1):
        at_rank = table[table["rank"] == rank].set_index("method")
        for place, (method, bar) in enumerate(zip(methods, bars, strict=True)):
            assert bar.get_width() == pytest.approx(100 * at_rank.loc[method, "share"])
            assert bar.get_y() + bar.get_height() / 2 == place
            before = table[(table["method"] == method) & (table["rank"] < rank)]["share"].sum()
            assert bar.get_x() == pytest.approx(100 * before, abs=1e-9)
    assert len(axis.containers) == len(methods)
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == [
        f"rank {rank}" + (" (best)" if rank == 1 else "") for rank in range(1, len(methods) + 1)
    ]


@pytest.mark.parametrize("case", ["votes", "votes on two"])
def test_bars_carry_their_votes_and_mean_ranks(case):
    figure, table, _ = drawn(case)
    (axis,) = figure.axes
    written = notes(axis)
    large = table[table["share"] >= 0.07].sort_values(["rank", "mean_rank"])
    assert written[: len(large)] == [str(count) for count in large["votes"]]
    means = table.drop_duplicates("method")["mean_rank"]
    assert written[len(large) :] == [*(f"{mean:.2f}" for mean in means), "mean rank"]
    voters = table["voters"].iloc[0]
    assert axis.get_title(loc="left") == ("1 voter" if voters == 1 else f"{voters} voters")


def test_no_votes_is_an_empty_axis_with_the_reason():
    figure, _, _ = drawn("no votes")
    (axis,) = figure.axes
    assert not axis.patches
    assert notes(axis) == ["no votes"]
    assert [text.get_text() for text in figure.texts] == ["not shown: votes (evidence.votes is none)"]


@pytest.mark.parametrize("case", ["maps", "comparison of three", "sharpness", "votes"])
def test_same_table_same_bytes_also_when_read_from_its_file(case, tmp_path):
    figure, table, images = drawn(case)
    write_table(tmp_path / "table.csv", table)
    again = draw(CASES[case][0], read_table(tmp_path / "table.csv"), STYLE, images)
    assert STYLE.render(figure, "png") == STYLE.render(again, "png")
    assert STYLE.render(figure, "pdf") == STYLE.render(again, "pdf")


def test_pixels_of_a_map_have_the_colours_of_its_weights():
    figure, _, _ = drawn("maps without alphas")
    axis = axes(figure)["extractors, \u03b1 = 25: VGG 2,2, same"]
    picture = np.asarray(Image.open(BytesIO(STYLE.render(figure, "png"))).convert("RGB"))
    values, image = shown(axis), axis.get_images()[0]
    for row, column in ((0, 0), (4, 2), (2, 10), (4, 16)):
        x, y = axis.transData.transform((column, row))
        expected = np.array(image.cmap(image.norm(values[row, column]))[:3]) * 255
        assert np.abs(picture[picture.shape[0] - 1 - int(y), int(x)] - expected).max() <= 1
