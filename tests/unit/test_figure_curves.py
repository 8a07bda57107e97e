import itertools

import pytest
from matplotlib.colors import to_hex
from matplotlib.text import Text

from degcraft.figures import draw
from degcraft.figures.style import LOOKS
from degcraft.io import read_table, write_table
from tests.curves import CASES, STYLE, concentration, drawn, texts


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
        "figure15": ["synthesised LR images", "parameters of the degradation model"],
        "figure17": ["weight on the true bins", "nats above uniform", "references"],
        "figure14": ["gain over uniform on setting 3 (dB)", "gain over uniform outside (dB)"],
        "figure5": ["PSNR of luma (dB)", "SSIM of luma", "gain over uniform (dB)", "\u03b1"],
    }[CASES[case][0]]:
        assert expected in labels


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
