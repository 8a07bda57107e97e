"""The stage figures: a table in, PDF and PNG out. What is drawn is tested beside the modules that draw."""

import pandas as pd
import pytest
from PIL import Image

from degcraft.captions import LOSSES, TIMINGS
from degcraft.errors import DegcraftError
from degcraft.figures import MODULES, draw
from degcraft.figures.style import Style
from degcraft.io import write_table
from degcraft.plans import FIGURES
from degcraft.stages import figures

STYLE = {"width": 3.35, "font": 7, "dpi": 100}


@pytest.fixture
def table(tmp_path):
    rows = [
        {"training": training, "training_low": low, "training_high": high, "test": test, "test_low": a, "test_high": b}
        | {"seed": 0, "images": 2, "psnr_y": 20.0 + low, "ssim_y": 0.5}
        for training, low, high in (("single", 2, 2), ("wide", 0, 4), ("matched", 1.5, 2.5))
        for test, a, b in (("matched", 1.5, 2.5), ("one", 1, 1), ("three", 3, 3))
    ]
    write_table(tmp_path / "figure2.csv", pd.DataFrame(rows))
    return tmp_path / "figure2.csv"


def drawn(table, folder, style=STYLE):
    figures.run("figure2", table, None, {"figures": style}, folder / "a.pdf", folder / "a.png")
    return (folder / "a.pdf").read_bytes(), (folder / "a.png").read_bytes()


def test_pdf_and_png_are_the_same_bytes_again(table, tmp_path):
    first = drawn(table, tmp_path)
    assert first[0].startswith(b"%PDF")
    assert drawn(table, tmp_path) == first
    assert b"CreationDate" not in first[0]


def test_style_sets_the_size(table, tmp_path):
    drawn(table, tmp_path)
    small = Image.open(tmp_path / "a.png").size
    drawn(table, tmp_path, STYLE | {"dpi": 200})
    large = Image.open(tmp_path / "a.png").size
    assert small[0] == 335
    assert large == (2 * small[0], 2 * small[1])


def test_a_lost_crop_is_named(tmp_path):
    write_table(tmp_path / "figure6.csv", pd.DataFrame({"image": ["a"], "row": ["LR"], "file": ["a-LR.png"]}))
    with pytest.raises(DegcraftError, match=r"a-LR\.png"):
        figures.run(
            "figure6", tmp_path / "figure6.csv", tmp_path / "crops", {"figures": STYLE},
            tmp_path / "a.pdf", tmp_path / "a.png",
        )  # fmt: skip
    assert not (tmp_path / "a.pdf").exists()


def test_every_figure_has_a_module():
    assert tuple(MODULES) == (*FIGURES, LOSSES, TIMINGS)


def test_an_unknown_figure_is_refused():
    with pytest.raises(DegcraftError, match='unknown figure "figure44"; did you mean "figure4"'):
        draw("figure44", pd.DataFrame(), Style.from_config(STYLE), {})
