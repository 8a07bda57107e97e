"""Pages of tables, all losses in one table, time and memory by rule, and their drawings."""

import numpy as np
import pandas as pd
import pytest

from degcraft.errors import DegcraftError
from degcraft.figures import draw
from degcraft.io import read_table
from degcraft.stages import exhibits
from tests.curves import STYLE


@pytest.fixture
def benchmarks(tmp_path):
    header = "s\th:m:s\tmax_rss\tmax_vms\tmean_load\tcpu_time\n"
    files = {
        "table1": "1.5\t0:00:01\t102.4\t1\t1\t1.0\n",
        "train_model/srresnet/any/uniform/seed0": "60.0\t0:01:00\t2048.0\t1\t1\t50.0\n",
        "train_model/srresnet/any/uniform/seed1": "90.0\t0:01:30\t3072.0\t1\t1\t70.0\n",
        "quick": "0.1\t0:00:00\t-\t-\t0.00\t0.0\n",
        "collect_timings": "9.0\t0:00:09\t1\t1\t1\t1\n",
    }
    for name, line in files.items():
        (tmp_path / f"{name}.tsv").parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / f"{name}.tsv").write_text(header + line)
    (tmp_path / "killed.tsv").write_text("")
    return tmp_path


def test_time_is_summed_and_memory_is_the_greatest_by_rule(benchmarks, tmp_path):
    exhibits.timings(benchmarks, tmp_path / "timings.csv")
    table = read_table(tmp_path / "timings.csv").set_index("rule")
    assert list(table.index) == ["train_model", "table1", "quick"]
    assert table.loc["train_model"].to_dict() == {
        "jobs": 2, "seconds": 150.0, "longest": 90.0, "cpu_seconds": 120.0, "memory_mib": 3072.0,
    }  # fmt: skip
    assert np.isnan(table.loc["quick", "memory_mib"])


def test_time_of_nothing_is_refused(tmp_path):
    with pytest.raises(DegcraftError, match="no benchmark files"):
        exhibits.timings(tmp_path, tmp_path / "timings.csv")


def test_bars_are_as_long_as_the_minutes_and_gibibytes(benchmarks, tmp_path):
    exhibits.timings(benchmarks, tmp_path / "timings.csv")
    figure = draw("timings", read_table(tmp_path / "timings.csv"), STYLE, {})
    time, memory = figure.axes
    assert [bar.get_width() for bar in time.patches] == pytest.approx([2.5, 0.025, 0.1 / 60])
    assert [bar.get_width() for bar in memory.patches] == pytest.approx([3.0, 0.1, 0.0])
    assert time.texts[0].get_text() == "2.5 min in 2 jobs"
    assert [text.get_text() for text in memory.texts] == ["3.00 GiB", "0.10 GiB", ""]
    assert [tick.get_text() for tick in time.get_yticklabels()] == ["train_model", "table1", "quick"]


def write_loss(root, model, rows):
    folder = root / model
    folder.mkdir(parents=True)
    pd.DataFrame(rows).to_csv(folder / "loss.csv", index=False)
    return folder / "loss.csv"


def test_losses_of_all_trainings_are_one_table_and_a_panel_each_backbone(tmp_path):
    root = tmp_path / "models"
    plain = write_loss(
        root, "rrdb/any/uniform/seed0", [{"step": step, "loss": 1 / step, "lr": 1.0} for step in (5, 10)]
    )
    phases = [{"phase": name, "step": 5, "loss": 2.0, "lr": 1.0} for name in ("encoder", "restoration")]
    method = write_loss(root, "dasr/any/blind/seed0", phases)
    exhibits.losses([plain, method], tmp_path / "losses.csv")
    table = read_table(tmp_path / "losses.csv")
    assert list(table.columns) == ["backbone", "target", "draw", "seed", "phase", "step", "loss"]
    assert table["backbone"].tolist() == ["rrdb"] * 2 + ["dasr"] * 2
    figure = draw("losses", table, STYLE, {})
    first, second = figure.axes[:2]
    assert [axis.get_title() for axis in (first, second)] == ["rrdb", "dasr: encoder, restoration"]
    assert [line.get_xydata().tolist() for line in first.get_lines()] == [[[5.0, 0.2], [10.0, 0.1]]]
    assert len(second.get_lines()) == 2


def test_a_loss_from_elsewhere_is_refused(tmp_path):
    path = write_loss(tmp_path, "rrdb/seed0", [{"step": 5, "loss": 1.0}])
    with pytest.raises(DegcraftError, match="not the losses of a model"):
        exhibits.losses([path], tmp_path / "losses.csv")


def test_pages_show_markdown_and_tables_and_no_html_of_theirs(tmp_path):
    (tmp_path / "a.md").write_text("# Heading\n\n| x | y |\n|---|---|\n| <b>1</b> | 2 |\n")
    exhibits.page(tmp_path / "a.md", tmp_path / "a.html")
    page = (tmp_path / "a.html").read_text()
    assert "<h1>Heading</h1>" in page
    assert "<td>&lt;b&gt;1&lt;/b&gt;</td>" in page
    pd.DataFrame({"name": ["<i>"], "value": [1 / 3], "none": [None]}).to_csv(tmp_path / "b.csv", index=False)
    exhibits.page(tmp_path / "b.csv", tmp_path / "b.html")
    page = (tmp_path / "b.html").read_text()
    assert "<td>&lt;i&gt;</td>" in page
    assert "<td>0.3333</td>" in page
    assert "http" not in page
