import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from degcraft import backbones, models
from tests.conftest import photo_like

EXAMPLES = Path(__file__).parents[2] / "examples"
OPTIONS = {"kind": "srresnet", "width": 8, "blocks": 1}


def run(name, *arguments, cwd):
    done = subprocess.run(
        [sys.executable, EXAMPLES / f"{name}.py", *map(str, arguments)], cwd=cwd, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "scans").mkdir()
    for number in range(3):
        Image.fromarray(photo_like(number, 40, 72)).save(tmp_path / "scans" / f"{number}.png")
    return tmp_path


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.py")), ids=lambda path: path.stem)
def test_example_is_short_and_tells_its_options(path, tmp_path):
    assert len(path.read_text(encoding="utf-8").splitlines()) < 80
    assert run(path.stem, "--help", cwd=tmp_path).startswith(f"usage: {path.name} ")


def test_degradations_of_packaged_photographs_are_estimated_and_judged(tmp_path):
    shown = run("estimate", "--contents", 8, "--references", 8, "--epochs", 3, cwd=tmp_path)
    assert re.search(r"^8 references, .*explained by the degradation model; most likely:\n", shown, re.MULTILINE)
    assert len(re.findall(r"^ *[\d.]+%  Region\(", shown, re.MULTILINE)) == 5
    assert re.search(
        r"truth: Region\(blur=\(1.5, 2.5\).*weight on its bins: [\d.]+% \(drawn uniformly: 5.3%\)\n$", shown
    )


def test_degradations_of_a_folder_have_no_truth(folder):
    shown = run("estimate", "scans", "--contents", 8, "--references", 5, "--epochs", 2, cwd=folder)
    assert re.search(r"^5 references, .*explained by", shown, re.MULTILINE)
    assert "truth" not in shown


def test_a_folder_is_restored_and_what_cannot_be_read_is_named(folder):
    model = folder / "model.safetensors"
    models.write_model(model, backbones.build(OPTIONS), {"backbone": OPTIONS})
    (folder / "scans" / "damaged.png").write_bytes(b"no image")
    (folder / "scans" / "notes.txt").write_text("no image")
    shown = run("restore", model, "scans", "restored", "--tile", 32, cwd=folder)
    assert "1.png: 72 x 40 to 288 x 160 pixels\n" in shown
    assert "left out: scans/damaged.png: " in shown
    assert sorted(path.name for path in (folder / "restored").iterdir()) == ["0.png", "1.png", "2.png"]
    assert np.asarray(Image.open(folder / "restored" / "0.png")).shape == (160, 288, 3)


def test_an_extractor_of_ones_own_is_compared_on_every_setting(tmp_path):
    shown = run("extractor", "--contents", 6, "--references", 6, cwd=tmp_path)
    rows = [line.split() for line in shown.splitlines()]
    assert rows[0] == ["setting", "histogram", "dct", "traces", "uniform"]
    assert [row[0] for row in rows[1:]] == ["setting1", "setting2", "setting3", "setting4"]
    assert all(0 <= float(cell.rstrip("%")) <= 100 for row in rows[1:] for cell in row[1:])
