import itertools
import subprocess
import sys
from pathlib import Path

import matplotlib
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from skimage.color import rgb2lab

from degcraft import figures
from degcraft.errors import DegcraftError
from degcraft.figures import style as shared
from degcraft.figures.style import LOOKS, Style, curve, handle, legend, letters, look, not_shown, note, printed

STYLE = Style(width=3.35, font=7, dpi=200)
# Machado, Oliveira and Fernandes 2009, severity 1, on linear RGB.
SIGHT = {
    "normal": np.eye(3),
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "tritanopia": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}


def test_sizes_from_the_config():
    style = Style.from_config({"width": 4, "font": 8, "dpi": 150})
    assert (style.width, style.font, style.dpi, style.small) == (4.0, 8.0, 150, 7.0)
    assert Style(3.35, 6, 200).small == 6  # nothing is smaller than 6 points
    assert style.figure(2.0).get_size_inches().tolist() == [4.0, 2.0]
    assert style.figure(2.0, wide=True).get_size_inches().tolist() == pytest.approx([8.2, 2.0])


def test_settings_of_matplotlib_hold_inside_only():
    with matplotlib.rc_context({"font.size": 33, "lines.linewidth": 9, "axes.grid": True}):
        with STYLE.applied():
            inside = {name: matplotlib.rcParams[name] for name in ("font.size", "lines.linewidth", "axes.grid")}
            assert matplotlib.rcParams["pdf.fonttype"] == 42
            assert not matplotlib.rcParams["axes.spines.top"]
        assert inside == {"font.size": 7, "lines.linewidth": 1.0, "axes.grid": False}  # not the user's grid
        assert matplotlib.rcParams["font.size"] == 33


def simulated(colour, matrix):
    """CIE Lab of a colour as seen with a kind of sight."""
    channels = np.array(to_rgb(colour))
    linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
    seen = np.clip(np.asarray(matrix) @ linear, 0, 1)
    return rgb2lab(np.where(seen <= 0.0031308, seen * 12.92, 1.055 * seen ** (1 / 2.4) - 0.055))


@pytest.mark.parametrize("sight", SIGHT)
def test_colours_differ_for_every_sight(sight):
    colours = sorted({row.colour for row in LOOKS.values()})
    for first, second in itertools.combinations(colours, 2):
        difference = np.linalg.norm(simulated(first, SIGHT[sight]) - simulated(second, SIGHT[sight]))
        assert difference > 12, (first, second)
    for colour in colours:
        assert np.linalg.norm(simulated(colour, SIGHT[sight]) - simulated("white", SIGHT[sight])) > 20, colour


def test_no_two_rows_look_the_same():
    rows = [name for name in LOOKS if name not in ("matched", "wide", "narrow", "shifted", "crafted")]
    assert len({(LOOKS[name].colour, LOOKS[name].line) for name in rows}) == len(rows)
    marked = [name for name in rows if LOOKS[name].marker]
    assert len({LOOKS[name].marker for name in marked}) == len(marked)


@pytest.mark.parametrize(
    ("name", "as_"),
    [
        ("dct.frechet-a25", "dct"),
        ("vgg22.frechet-a2.5@setting3", "vgg22"),
        ("alexnet-random-4", "alexnet-random"),
        ("dct.frechet-auto", "dct"),
        ("traces.frechet-a25", "traces"),
        ("traces.mixture@setting3", "mixture"),
        ("dct.refined-f0.2", "refined"),
        ("realesrgan", "realesrgan"),
        ("traces.second-order", "second-order fit"),
        ("oracle@setting3", "oracle"),
        ("Real-ESRNet", "Real-ESRNet"),
    ],
)
def test_rows_look_as_their_kind(name, as_):
    assert look(name) == LOOKS[as_]


def test_unknown_rows_have_a_look_that_depends_on_their_name_alone():
    names = [f"mine{number}" for number in range(40)]
    assert [look(name) for name in names] == [look(name) for name in reversed(names)][::-1]
    assert len({look(name) for name in names}) > 8
    code = "from degcraft.figures.style import look; print(look('mine7'))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == repr(look("mine7"))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("alexnet-imagenet", "AlexNet ImageNet"),
        ("dasr.frechet-a25@setting3", "DASR, \u03b1 = 25 of setting 3"),
        ("dct.frechet-a2.5-f0.1", "DCT, \u03b1 = 2.5, floor 0.1"),
        ("dct.frechet-auto", "DCT, \u03b1 chosen"),
        ("traces.mixture", "traces, mixture"),
        ("traces.refined-f1e-06@setting3", "traces, refined, floor 1e-06 of setting 3"),
        ("my.film", "my.film"),
        ("setting12", "setting 12"),
        ("settings", "settings"),
        ("my film", "my film"),
        ("uniform", "uniform"),
    ],
)
def test_printed_names(name, text):
    assert printed(name) == text


def test_curve_draws_means_and_band():
    axis = Figure().subplots()
    line = curve(axis, [1, 2, 4], [5.0, 6.0, 8.0], [0.5, np.nan, 1.0], "dct", label="mine")
    assert line.get_xydata().tolist() == [[1, 5], [2, 6], [4, 8]]
    assert (line.get_color(), line.get_marker(), line.get_label()) == (LOOKS["dct"].colour, "X", "mine")
    (band,) = axis.collections
    corners = {tuple(corner) for corner in band.get_paths()[0].vertices.tolist()}
    assert corners == {(1, 4.5), (1, 5.5), (2, 6), (4, 7), (4, 9)}


def test_curve_of_one_seed_has_no_band():
    axis = Figure().subplots()
    curve(axis, [1, 2], [5.0, 6.0], [np.nan, np.nan], "dct")
    assert not axis.collections


def test_letters_name_the_panels_in_order():
    axes = Figure().subplots(1, 3)
    letters(list(axes))
    assert [axis.get_title(loc="left") for axis in axes] == ["a", "b", "c"]


def widths(figure, artist):
    figure.draw_without_rendering()
    box = artist.get_window_extent()
    return box.x0, box.x1, figure.bbox.width


@pytest.mark.parametrize(("rows", "columns"), [(["oracle", "uniform", "dct"], 3), (list(LOOKS), 3)])
def test_legend_fits_the_width(rows, columns):
    with STYLE.applied():
        figure = STYLE.figure(3.0)
        figure.subplots().plot([1, 2])
        drawn = legend(figure, [handle(row) for row in rows])
        left, right, width = widths(figure, drawn)
    assert [text.get_text() for text in drawn.get_texts()] == [printed(row) for row in rows]
    assert drawn._ncols == columns
    assert left >= 0
    assert right <= width
    assert drawn.legend_handles[0].get_color() == LOOKS[rows[0]].colour


MISSING = pd.DataFrame(
    {
        "row": ["alpha", "BSRNet", "Real-ESRNet", "dasr", "dasr"],
        "value": [1.0, None, None, None, None],
        "note": [None, "not among tables.methods", "not among tables.methods", "no weights", "no weights"],
    }
)


def test_what_is_not_shown_is_named_once_with_its_reason():
    assert not_shown(MISSING) == "not shown: BSRNet, Real-ESRNet (not among tables.methods); DASR (no weights)"
    assert not_shown(MISSING.rename(columns={"row": "extractor"})) == not_shown(MISSING)
    assert not_shown(MISSING.assign(row="x", family=MISSING["row"]), "family") == not_shown(MISSING)
    assert not_shown(MISSING[:1]) == not_shown(MISSING[["row"]]) == ""


@pytest.mark.parametrize("layout", ["constrained", None])
def test_note_stands_below_the_panels(layout):
    with STYLE.applied():
        figure = Figure(figsize=(3.35, 2), layout=layout)
        axis = figure.subplots(gridspec_kw=None if layout else {"bottom": 0.25})
        axis.set_xlabel("blur")
        text = note(figure, MISSING)
        figure.draw_without_rendering()
    assert text.get_text().replace("\n", " ") == not_shown(MISSING)
    assert text.get_size() >= 6
    assert figure.get_figheight() > 2.1
    box = text.get_window_extent()
    assert box.y0 >= 0
    assert box.x1 <= figure.bbox.width
    assert box.y1 <= axis.get_tightbbox().y0


def test_note_of_a_complete_table_changes_nothing():
    figure = STYLE.figure(2.0)
    assert note(figure, MISSING[:1]) is None
    assert figure.get_figheight() == 2.0
    assert not figure.texts


def small_figure():
    with STYLE.applied():
        figure = STYLE.figure(1.5)
        curve(figure.subplots(), [0, 1], [0, 1], [0.1, 0.1], "dct")
    return figure


@pytest.mark.parametrize(("kind", "start"), [("pdf", b"%PDF"), ("png", b"\x89PNG")])
def test_files_are_the_same_bytes_and_tell_no_time(kind, start):
    content = STYLE.render(small_figure(), kind)
    assert content == STYLE.render(small_figure(), kind)
    assert content.startswith(start)
    assert not any(word in content for word in (b"Date", b"Creator", b"Producer", b"Software"))


def test_fonts_of_the_pdf_are_truetype():
    content = STYLE.render(small_figure(), "pdf")
    assert b"/CIDFontType2" in content
    assert b"/Type3" not in content


def test_every_figure_of_the_paper_has_a_module():
    assert list(figures.MODULES) == [*(f"figure{number}" for number in range(1, 18)), "losses", "timings"]


def test_unknown_figure():
    with pytest.raises(DegcraftError, match=r'unknown figure "figure18"; did you mean "figure'):
        figures.draw("figure18", MISSING, STYLE, {})


def test_naming_the_figures_loads_no_matplotlib():
    code = "import sys, degcraft.figures; print('matplotlib' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_no_global_state_of_matplotlib():
    assert not hasattr(shared, "pyplot")
    assert "pyplot" not in Path(shared.__file__).read_text()
