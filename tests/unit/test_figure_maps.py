import itertools
from io import BytesIO

import numpy as np
import pytest
from matplotlib.collections import LineCollection
from matplotlib.colors import to_hex
from PIL import Image

from degcraft.figures.style import VERMILION
from tests.pictures import ALPHAS, COARSE, FINE, PAPER, STYLE, axes, drawn, notes, shown


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


def test_pixels_of_a_map_have_the_colours_of_its_weights():
    figure, _, _ = drawn("maps without alphas")
    axis = axes(figure)["extractors, \u03b1 = 25: VGG 2,2, same"]
    picture = np.asarray(Image.open(BytesIO(STYLE.render(figure, "png"))).convert("RGB"))
    values, image = shown(axis), axis.get_images()[0]
    for row, column in ((0, 0), (4, 2), (2, 10), (4, 16)):
        x, y = axis.transData.transform((column, row))
        expected = np.array(image.cmap(image.norm(values[row, column]))[:3]) * 255
        assert np.abs(picture[picture.shape[0] - 1 - int(y), int(x)] - expected).max() <= 1
