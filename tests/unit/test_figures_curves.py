import functools
import itertools

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex
from matplotlib.text import Text

from degcraft.evidence.alpha import alpha_table
from degcraft.evidence.blur import blur_table
from degcraft.evidence.stability import stability, stability_table
from degcraft.figures import draw
from degcraft.figures.concentration import gains
from degcraft.figures.stability import spreads
from degcraft.figures.style import LOOKS, Style
from degcraft.io import read_table, write_table
from degcraft.streams import stream
from tests.conftest import ROOT

STYLE = Style(width=3.35, font=7, dpi=100)
PAPER = pd.read_csv(ROOT / "resources" / "paper" / "table2.csv")
ALPHAS = [0, 1, 5, 10, 15, 25, 50, 100]
TESTS = ["setting3", "setting1", "setting4"]
WIDTHS = [0.0, 1.0, 1.5, 2.0, 2.5, 3.0, 4.0]


def metrics(name):
    """Metrics of two images of a model, from the stream of its name."""
    level = stream(0, "test", "curves", name).uniform(22, 26)
    return pd.DataFrame(
        {"name": ["a", "b"], "psnr_y": [level - 1, level + 1], "ssim_y": [level / 40, level / 40 + 0.1]}
    )


def blur(seeds):
    trainings = {"single": [2, 2], "broad": [0, 4], "same": [1.5, 2.5]}
    widths = {f"at-{width:g}": [width, width] for width in WIDTHS}
    settings = {name: {"blur": ends, "noise": [0, 0], "quality": "none"} for name, ends in (trainings | widths).items()}
    draws = [(f"{test}/oracle@{name}", test) for name in trainings for test in ("same", *widths)]
    names = [name.replace("oracle@same", "oracle") if test == "same" else name for name, test in draws]
    measured = {f"{name}/seed{seed}": metrics(f"{name}{seed}") for name in names for seed in range(seeds)}
    options = {"trainings": list(trainings), "test": "same", "widths": list(widths)}
    return blur_table(measured, settings, list(range(seeds)), options)


def concentration(seeds, *, methods=(), without=(), extractor="dasr"):
    evidence = {"backbone": "srresnet", "extractor": extractor, "setting": TESTS[0], "alphas": ALPHAS}
    measured = {}
    for test, seed in itertools.product(TESTS, range(seeds)):
        at = "" if test == TESTS[0] else f"@{TESTS[0]}"
        draws = [*(f"{extractor}.frechet-a{alpha}{at}" for alpha in ALPHAS), "uniform", f"oracle{at}", *methods]
        names = [f"{test}/{name}/seed{seed}" for name in draws if name not in without]
        measured |= {name: metrics(name) for name in names}
    spec = {"evidence": {**evidence, "outside": TESTS[1:]}, "train": {"seeds": list(range(seeds))}}
    return alpha_table(measured, PAPER, spec)


def scatter(extractors=("vgg22", "alexnet-random", "alexnet-random-1", "dct"), counts=(10, 40, 80), notes=None):
    families = {name: "alexnet-random" if name.startswith("alexnet-random") else name for name in extractors}
    measured = {}
    for name in set(extractors) - set(notes or {}):
        features = stream(0, "test", "curves", name).normal(size=(160, 6))
        drawn = stability(features, features + 0.3, counts, 6, lambda n, k: stream(0, "test", "draws", n, k), 1)
        measured[name] = drawn
    return stability_table(measured, families, notes or {})


CASES = {
    "idea": ("figure1", lambda: blur(3)),
    "idea of one seed": ("figure1", lambda: blur(1)),
    "motivation": ("figure2", lambda: blur(3)),
    "motivation of one seed": ("figure2", lambda: blur(1)),
    "stability": ("figure3", scatter),
    "stability of all": (
        "figure3",
        lambda: scatter(
            ["alexnet-imagenet", "alexnet-minc", "alexnet-random", "alexnet-random-1", "vgg22", "vgg54", "dasr", "dct"],
            counts=(10, 20, 50, 80),
            notes={"vgg54": "no weights for vgg54: resources/weights/vgg19-dcbb9e9d.pth is not there"},
        ),
    ),
    "concentration": ("figure5", lambda: concentration(3)),
    "concentration of one seed": ("figure5", lambda: concentration(1, extractor="alexnet-imagenet")),
    "concentration with methods": ("figure5", lambda: concentration(2, methods=["BSRNet", "Real-ESRNet"])),
    "concentration without uniform": ("figure5", lambda: concentration(2, without=["uniform", "dasr.frechet-a5"])),
}


@functools.cache
def drawn(case):
    name, table = CASES[case][0], CASES[case][1]()
    return draw(name, table, STYLE, {}), table


def texts(figure):
    """Boxes of the texts that are drawn, by the text; labels of ticks outside their axis are not."""
    sides = [(axis, side) for axis in figure.axes for side in (axis.xaxis, axis.yaxis)]
    labels = {
        id(label): axis for axis, side in sides for label in [*side.get_ticklabels(), *side.get_minorticklabels()]
    }
    tight = {axis: axis.get_tightbbox().padded(1) for axis in figure.axes}
    boxes = {}
    for text in figure.findobj(Text):
        if text.get_visible() and text.get_text():
            box = text.get_window_extent()
            if id(text) not in labels or tight[labels[id(text)]].contains(*box.p0):
                boxes[text] = box
    return boxes


@pytest.mark.parametrize("case", CASES)
def test_nothing_is_cut_off_too_small_or_on_top_of_another(case):
    figure, _ = drawn(case)
    figure.draw_without_rendering()
    tight = figure.get_tightbbox().extents * figure.dpi
    assert tight[:2].min() >= -0.5
    assert (tight[2:] <= figure.bbox.size + 0.5).all()
    assert all(text.get_size() >= 6 for text in figure.findobj(Text))
    boxes = texts(figure)
    assert len(boxes) > 5
    for text, box in boxes.items():
        assert box.min.min() >= -0.5, text
        assert (box.max <= figure.bbox.size + 0.5).all(), text
    for one, other in itertools.combinations(boxes, 2):
        assert not boxes[one].padded(-0.5).overlaps(boxes[other].padded(-0.5)), (one, other)


@pytest.mark.parametrize("case", CASES)
def test_labels_with_units(case):
    figure, _ = drawn(case)
    labels = " ".join(axis.get_ylabel() + axis.get_xlabel() for axis in figure.axes)
    for expected in {
        "figure1": ["PSNR of luma (dB)", "blur width of the test (HR pixels)", "density (per pixel)"],
        "figure2": ["PSNR of luma (dB)", "blur of the test (HR pixels)", "mean PSNR of luma (dB)"],
        "figure3": ["images (shaded", "sd / mean of distance", "distance"],
        "figure5": ["PSNR of luma (dB)", "SSIM of luma", "gain over uniform (dB)", "\u03b1"],
    }[CASES[case][0]]:
        assert expected in labels


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
    assert [text.get_text() for text in figure.texts] == ["not shown: BSRNet, Real-ESRNet (method not implemented yet)"]


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
        "not shown: \u03b1 = 5 on setting 3, uniform (not measured); BSRNet, Real-ESRNet (method not implemented yet)"
    )
    crafted = figure.axes[0].get_lines()[0]
    assert crafted.get_xdata().tolist() == [0, 1, 3, 4, 5, 6, 7]
    assert entries(figure.axes[0])[2] == "uniform (paper 27.53)"
    assert not [line for line in figure.axes[2].get_lines() if line.get_marker() == LOOKS["dasr"].marker]


def test_a_row_has_one_colour_in_all_figures():
    trainings, _ = drawn("motivation")
    levels, _ = drawn("concentration")
    spread, _ = drawn("stability")
    matched, wide, _ = (to_hex(line.get_color()) for line in trainings.axes[1].get_lines())
    _, uniform, oracle = (to_hex(line.get_color()) for line in levels.axes[0].get_lines())
    assert (matched, wide) == (oracle, uniform)
    crafted = draw("figure5", concentration(1, extractor="dct"), STYLE, {}).axes[0].get_lines()[0]
    (line,) = [line for line in spread.axes[1].get_lines() if line.get_marker() == LOOKS["dct"].marker]
    assert (line.get_color(), line.get_marker()) == (crafted.get_color(), crafted.get_marker())


@pytest.mark.parametrize("case", ["idea", "motivation", "stability", "concentration"])
def test_same_table_same_bytes(case):
    name, build = CASES[case]
    first, again = (STYLE.render(draw(name, build(), STYLE, {}), "pdf") for _ in range(2))
    assert first == again


@pytest.mark.parametrize("case", ["motivation", "stability of all", "concentration without uniform"])
def test_a_table_read_from_its_file_gives_the_same_figure(case, tmp_path):
    name, build = CASES[case]
    write_table(tmp_path / "table.csv", build())
    again = draw(name, read_table(tmp_path / "table.csv"), STYLE, {})
    assert STYLE.render(again, "png") == STYLE.render(drawn(case)[0], "png")


def test_pdf_and_png_are_one_layout():
    figure, _ = drawn("concentration")
    before = [axis.get_position().extents.tolist() for axis in figure.axes]
    for kind in ("pdf", "png"):
        STYLE.render(figure, kind)
    assert [axis.get_position().extents.tolist() for axis in figure.axes] == before
