import json
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from degcraft import tables
from degcraft.errors import DegcraftError
from degcraft.io import read_table, write_arrays, write_table
from degcraft.stages import tables as stage
from degcraft.streams import stream
from tests.tabled import PAPER, SETTINGS, built, cell, synthetic, table_spec


@pytest.fixture
def spec(default_config):
    return table_spec(default_config)


def written(spec, folder):
    paths = []
    for model, table in synthetic(spec).items():
        paths.append(folder / "metrics" / f"{model}.csv")
        write_table(paths[-1], table)
    return paths


def run_table2(spec, folder, paths, absent=()):
    output = folder / "table2.csv", folder / "table2.md"
    reasons = dict.fromkeys(absent, "no such file")
    stage.run_table2(PAPER / "table2.csv", paths, folder / "metrics", spec, reasons, *output)
    return read_table(folder / "table2.csv", *tables.COLUMNS)


def test_stage_writes_what_the_functions_make(spec, tmp_path):
    absent = {"alexnet-minc", "dasr"}
    paths = written(spec, tmp_path)
    table = run_table2(spec, tmp_path, paths, absent)
    assert (
        cell(table, "SRResNet alexnet-minc", "setting1", "psnr_y")["status"] == "not run: no weights for alexnet-minc"
    )
    expected = built(spec, absent=absent)
    pd.testing.assert_frame_equal(table, expected, check_dtype=False, check_exact=True)
    text = (tmp_path / "table2.csv").read_text()
    assert ",," not in text
    assert "RCAN,compared,NA,NA,NA,setting1,psnr_y,NA,23.65,NA,NA,NA,NA,not run: not among tables.methods" in text
    assert "3,2,1500,run" in text
    first = (tmp_path / "table2.csv").read_bytes(), (tmp_path / "table2.md").read_bytes()
    run_table2(spec, tmp_path, paths[::-1], absent)
    assert ((tmp_path / "table2.csv").read_bytes(), (tmp_path / "table2.md").read_bytes()) == first


def test_weights_in_place_but_not_listed(spec, tmp_path):
    table = run_table2(spec, tmp_path, written(spec, tmp_path))
    status = cell(table, "SRResNet alexnet-minc", "setting1", "psnr_y")["status"]
    assert status == "not run: alexnet-minc is not in tables.extractors.srresnet"


def test_lpips_without_weights_is_an_empty_column(spec, tmp_path):
    spec["evaluate"]["lpips"]["weights"] = "none"
    paths = written(spec, tmp_path)
    for path in paths:
        write_table(path, pd.read_csv(path).assign(lpips=np.nan))
    table = run_table2(spec, tmp_path, paths)
    assert table.loc[table["metric"] == "lpips", "measured"].isna().all()
    status = cell(table, "SRResNet baseline", "setting1", "lpips")["status"]
    assert status == "not run: no LPIPS weights (evaluate.lpips.weights)"


def cut(path, how):
    text = path.read_text()
    lines = text.splitlines()
    changed = {
        "inside a number": text[:-4],
        "inside a line": text[: text.rindex(",")] + "\n",
        "a line": "\n".join(lines[:-1]) + "\n",
        "all lines": lines[0] + "\n",
        "everything": "",
        "a column": "\n".join(line.rpartition(",")[0] for line in lines) + "\n",
        "not a number": text.replace("\nb,", "\nb,x"),
    }
    path.write_text(changed[how])


@pytest.mark.parametrize(
    "how", ["inside a number", "inside a line", "a line", "all lines", "everything", "a column", "not a number"]
)
def test_damaged_metrics_are_refused_by_name(spec, tmp_path, how):
    paths = written(spec, tmp_path)
    cut(paths[0], how)
    with pytest.raises(DegcraftError, match="then run again") as caught:
        run_table2(spec, tmp_path, paths)
    assert str(paths[0]) in str(caught.value)
    assert not (tmp_path / "table2.csv").exists()


def test_missing_metrics_and_strange_paths(spec, tmp_path):
    paths = written(spec, tmp_path)
    paths[3].unlink()
    with pytest.raises(DegcraftError, match=f"^{paths[3]}: no such file; check the path; "):
        run_table2(spec, tmp_path, paths)
    with pytest.raises(DegcraftError, match="give --metrics-root its start"):
        run_table2(spec, tmp_path, [tmp_path / "metrics" / "srresnet" / "seed0.csv"])
    with pytest.raises(DegcraftError, match="give --metrics-root its start"):
        run_table2(spec, tmp_path, [tmp_path / "elsewhere" / "a" / "b" / "c" / "seed0.csv"])


def drawn(settings, folder, count=6):
    references, test = [], []
    for setting in settings:
        rng = stream(0, "test", "table1", setting)
        blur, noise, quality = rng.uniform([1.5, 5, 75], [2.5, 15, 85], (count, 3)).T
        references.append(folder / "references" / f"{setting}.npz")
        write_arrays(references[-1], {}, blur=blur, noise=noise, quality=quality)
        test.append(folder / "test" / setting)
        table = pd.DataFrame({"name": list("abcdef"), "blur": blur + 1, "noise": noise, "quality": quality})
        write_table(test[-1] / "parameters.csv", table)
    return references, test


def test_table1_stands_beside_the_paper(default_config, tmp_path):
    settings = {name: default_config["settings"][name] for name in ("setting1", "setting3")}
    settings["setting1"] = {**settings["setting1"], "blur": [0, 2]}
    settings["attic"] = settings["setting3"]
    references, test = drawn(settings, tmp_path)
    stage.run_table1(PAPER / "table1.csv", references, test, {"settings": settings}, tmp_path / "table1.csv")
    table = pd.read_csv(tmp_path / "table1.csv").set_index(["setting", "parameter"])
    assert list(dict.fromkeys(table.index.get_level_values(0))) == [*SETTINGS, "attic"]
    with np.load(references[1]) as file:
        blur = file["blur"]
    line = table.loc[("setting3", "blur")]
    assert line[["low", "high", "paper_low", "paper_high"]].tolist() == [1.5, 2.5, 1.5, 2.5]
    assert line[["references_min", "references_max"]].tolist() == [blur.min(), blur.max()]
    assert line[["test_min", "test_max"]].tolist() == [blur.min() + 1, blur.max() + 1]
    assert line["status"] == "run"
    assert table.loc[("setting1", "blur"), "status"] == "run; not the paper's range"
    assert table.loc[("setting1", "noise"), "status"] == "run"
    assert table.loc[("attic", "noise"), "status"] == "run; not in the paper"
    assert pd.isna(table.loc[("attic", "noise"), "paper_low"])
    missing = table.loc[("setting2", "quality")]
    assert missing["status"] == "not run: setting2 is not in tables.settings"
    assert missing[["paper_low", "paper_high"]].tolist() == [75, 85]
    assert missing[["low", "high", "references_min", "test_max"]].isna().all()


def test_table1_needs_every_setting(default_config, tmp_path):
    settings = {name: default_config["settings"][name] for name in ("setting1", "setting3")}
    references, test = drawn(["setting1", "setting3"], tmp_path)
    with pytest.raises(DegcraftError, match="--test: nothing for setting3"):
        stage.run_table1(PAPER / "table1.csv", references, test[:1], {"settings": settings}, tmp_path / "table1.csv")
    (test[1] / "parameters.csv").write_text("name,blur\n")
    with pytest.raises(DegcraftError, match="missing, truncated or damaged"):
        stage.run_table1(PAPER / "table1.csv", references, test, {"settings": settings}, tmp_path / "table1.csv")


def test_command_lines(spec, default_config, tmp_path):
    module = [sys.executable, "-m", "degcraft.stages.tables", "--code", "0"]
    paths = written(spec, tmp_path)
    table2 = ["--table", "table2", "--paper", PAPER / "table2.csv", "--metrics", *paths, "--metrics-root"]
    table2 += [tmp_path / "metrics", "--spec", json.dumps(spec), "--output", tmp_path / "2.csv"]
    done = subprocess.run(
        [*module, *table2, "--markdown", tmp_path / "2.md"], capture_output=True, text=True, check=True
    )
    assert "160 of 560 cells" in done.stderr
    assert (tmp_path / "2.md").read_text().startswith("# Table 2: measured (paper)")
    settings = {"settings": {"setting3": default_config["settings"]["setting3"]}}
    references, test = drawn(["setting3"], tmp_path)
    table1 = ["--table", "table1", "--paper", PAPER / "table1.csv", "--references", *references, "--test", *test]
    table1 += ["--spec", json.dumps(settings), "--output", tmp_path / "1.csv"]
    subprocess.run([*module, *table1], capture_output=True, check=True)
    assert len(pd.read_csv(tmp_path / "1.csv")) == 12
    references[0].write_bytes(references[0].read_bytes()[:300])
    done = subprocess.run([*module, *table1], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith(f"error: {references[0]}: missing, truncated or damaged")
