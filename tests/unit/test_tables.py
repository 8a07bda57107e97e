import copy
import json
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from degcraft import tables
from degcraft.errors import DegcraftError
from degcraft.io import read_table, write_arrays, write_table
from degcraft.markdown import table2_markdown
from degcraft.metrics import METRICS
from degcraft.stages import tables as stage
from degcraft.streams import stream
from degcraft.targets import table_models
from tests.conftest import ROOT

PAPER = ROOT / "resources" / "paper"
IMAGES = ["a", "b", "c"]
SETTINGS = ["setting1", "setting2", "setting3", "setting4"]


@pytest.fixture
def spec(default_config):
    names = ("tables", "weights", "evaluate", "train", "backbones", "extractors")
    chosen = {name: copy.deepcopy(default_config[name]) for name in names}
    chosen["train"] |= {"seeds": [0, 1], "iterations": 1500}
    chosen["evaluate"]["lpips"]["weights"] = "torchvision"
    listed = ["alexnet-random", "dct"]
    chosen["tables"] = {
        "settings": SETTINGS,
        "backbones": ["srresnet", "rrdb"],
        "extractors": {"srresnet": listed, "rrdb": listed},
    }
    return chosen


def paper(table="table2"):
    return pd.read_csv(PAPER / f"{table}.csv")


def synthetic(spec):
    """Metrics of every model of the spec, each drawn from the stream of its name."""
    measured = {}
    for model in table_models(spec):
        rng = stream(0, "test", "tables", model)
        columns = {"name": IMAGES}
        for metric in spec["evaluate"]["metrics"]:
            columns[metric] = rng.uniform(20, 30, 3) if metric.startswith("psnr") else rng.uniform(0.2, 0.8, 3)
        measured[model] = pd.DataFrame(columns)
    return measured


def built(spec, measured=None, absent=frozenset()):
    return tables.table2(paper(), synthetic(spec) if measured is None else measured, spec, absent)


def cell(table, method, setting, metric):
    found = table[(table["method"] == method) & (table["setting"] == setting) & (table["metric"] == metric)]
    assert len(found) == 1
    return found.iloc[0]


def test_paper_table2_is_complete():
    printed = paper()
    assert len(printed) == 25 * 4 * 3
    assert not printed.duplicated(["method", "setting", "metric"]).any()
    assert printed["value"].notna().all()
    kinds = printed.drop_duplicates("method")["type"].value_counts()
    assert kinds.to_dict() == {"compared": 10, "crafted": 11, "baseline": 2, "oracle": 2}
    assert printed.loc[printed["metric"] == "psnr", "value"].between(11, 30).all()
    assert printed.loc[printed["metric"] != "psnr", "value"].between(0.06, 0.81).all()


@pytest.mark.parametrize(
    ("method", "setting", "metric", "value"),
    [
        ("RCAN", "setting1", "psnr", 23.65),
        ("KernelGAN", "setting4", "ssim", 0.0670),
        ("USR-DA", "setting3", "psnr", 23.50),
        ("Real-ESRNet-Dropout", "setting4", "lpips", 0.5040),
        ("SRResNet baseline", "setting1", "psnr", 28.14),
        ("SRResNet vgg22", "setting2", "lpips", 0.3861),
        ("SRResNet alexnet-imagenet", "setting4", "psnr", 25.21),
        ("SRResNet alexnet-random", "setting4", "ssim", 0.6316),
        ("SRResNet upper bound", "setting1", "lpips", 0.3099),
        ("RRDB vgg54", "setting3", "lpips", 0.3856),
        ("RRDB dasr", "setting2", "ssim", 0.7125),
        ("RRDB alexnet-minc", "setting3", "psnr", 28.24),
        ("RRDB upper bound", "setting4", "lpips", 0.4892),
    ],
)
def test_paper_numbers(method, setting, metric, value):
    assert cell(paper(), method, setting, metric)["value"] == value


def test_paper_table1_is_the_default_config(default_config):
    for setting, parameter, low, high in paper("table1").itertuples(index=False):
        if setting == tables.TRAINING_SPACE:
            assert default_config["bins"][parameter]["range"] == [low, high]
        else:
            assert default_config["settings"][setting][parameter] == [low, high]
    assert len(paper("table1")) == 15


def test_every_row_of_the_paper_in_its_order(spec):
    table = built(spec)
    methods = list(dict.fromkeys(table["method"]))
    assert [name for name in methods if not name.endswith(" dct") and name != "RRDB alexnet-random"] == list(
        dict.fromkeys(paper()["method"])
    )
    assert methods[methods.index("SRResNet dct") + 1] == "SRResNet upper bound"
    assert methods[-4:] == ["RRDB alexnet-minc", "RRDB alexnet-random", "RRDB dct", "RRDB upper bound"]
    assert list(table) == list(tables.COLUMNS)
    assert len(table) == len(methods) * 4 * 5 == (25 + 3) * 4 * 5
    first = table[table["method"] == "RCAN"]
    assert list(first["metric"][:5]) == ["psnr_y", "ssim_y", "lpips", "psnr_rgb", "ssim_rgb"]


def test_no_number_of_the_paper_is_lost(spec):
    table = built(spec)
    assert table["paper"].notna().sum() == 300
    for line in paper().to_dict("records"):
        metric = {"psnr": "psnr_y", "ssim": "ssim_y", "lpips": "lpips"}[line["metric"]]
        assert cell(table, line["method"], line["setting"], metric)["paper"] == line["value"]


@pytest.mark.parametrize(
    ("method", "draw"),
    [
        ("SRResNet baseline", "srresnet/setting3/uniform"),
        ("SRResNet upper bound", "srresnet/setting3/oracle"),
        ("SRResNet alexnet-random", "srresnet/setting3/alexnet-random.frechet-a25"),
        ("RRDB dct", "rrdb/setting3/dct.frechet-a25"),
    ],
)
@pytest.mark.parametrize("metric", METRICS)
def test_measured_is_the_mean_over_seeds_and_images(spec, method, draw, metric):
    measured = synthetic(spec)
    found = cell(built(spec, measured), method, "setting3", metric)
    values = np.array([measured[f"{draw}/seed{seed}"][metric] for seed in (0, 1)])
    assert found["measured"] == pytest.approx(values.mean(), rel=1e-12)
    assert (found["images"], found["seeds"], found["iterations"]) == (3, 2, 1500)


def test_difference_is_measured_minus_paper(spec):
    table = built(spec)
    both = table[table["measured"].notna() & table["paper"].notna()]
    assert len(both) == 5 * 4 * 3
    assert np.allclose(both["difference"], both["measured"] - both["paper"], rtol=0, atol=0)
    assert table.loc[~table.index.isin(both.index), "difference"].isna().all()
    row = cell(table, "SRResNet baseline", "setting1", "psnr_y")
    assert row["difference"] == row["measured"] - 28.14


def test_columns_that_identify_a_row(spec):
    table = built(spec)
    crafted = cell(table, "SRResNet alexnet-random", "setting1", "psnr_y")
    assert [crafted[name] for name in ("type", "backbone", "extractor", "weighting")] == [
        *("crafted", "srresnet", "alexnet-random", "frechet-a25")
    ]
    assert cell(table, "RCAN", "setting1", "psnr_y")[["backbone", "extractor", "weighting"]].isna().all()
    assert cell(table, "RRDB upper bound", "setting1", "psnr_y")[["extractor", "weighting"]].isna().all()


def test_status_of_computed_cells(spec):
    table = built(spec)
    assert cell(table, "SRResNet baseline", "setting1", "psnr_y")["status"] == "run"
    assert cell(table, "SRResNet baseline", "setting1", "ssim_rgb")["status"] == "run; compared under ssim_y"
    for metric in METRICS:
        assert cell(table, "SRResNet dct", "setting1", metric)["status"] == "run; not in the paper"
    assert pd.isna(cell(table, "SRResNet baseline", "setting1", "psnr_rgb")["paper"])


def change(spec, *path, value):
    section = spec
    for key in path[:-1]:
        section = section[key]
    section[path[-1]] = value


@pytest.mark.parametrize(
    ("path", "value", "where", "reason"),
    [
        (None, None, ("RCAN", "setting1", "psnr_y"), "not among tables.methods"),
        (None, None, ("DASR", "setting4", "ssim_rgb"), "not among tables.methods"),
        (None, None, ("SRResNet alexnet-minc", "setting1", "psnr_y"), "no weights for alexnet-minc"),
        (None, None, ("SRResNet vgg22", "setting1", "lpips"), "vgg22 is not in tables.extractors.srresnet"),
        (
            ("tables", "backbones"),
            ["srresnet"],
            ("RRDB alexnet-minc", "setting1", "psnr_y"),
            "rrdb is not in tables.backbones",
        ),
        (
            ("tables", "settings"),
            ["setting1", "setting4"],
            ("RRDB baseline", "setting2", "psnr_y"),
            "setting2 is not in tables.settings",
        ),
        (
            ("evaluate", "metrics"),
            ["psnr_rgb"],
            ("RRDB baseline", "setting2", "psnr_y"),
            "psnr_y is not in evaluate.metrics",
        ),
        (
            ("evaluate", "lpips", "weights"),
            "none",
            ("RRDB upper bound", "setting2", "lpips"),
            "no LPIPS weights (evaluate.lpips.weights)",
        ),
    ],
)
def test_every_reason_of_a_missing_cell(spec, path, value, where, reason):
    if path:
        change(spec, *path, value=value)
    found = cell(built(spec, absent={"alexnet-minc"}), *where)
    assert found["status"] == f"not run: {reason}"
    assert found[["measured", "difference", "images", "seeds", "iterations"]].isna().all()


def test_every_cell_is_measured_or_says_why(spec):
    table = built(spec, absent={"alexnet-minc", "dasr"})
    run = table["status"].str.startswith("run")
    assert (table["measured"].notna() == run).all()
    assert table.loc[~run, "status"].str.startswith("not run: ").all()
    assert run.sum() == 2 * 4 * 4 * 5


def test_a_backbone_and_a_setting_of_the_users_own(spec):
    spec["tables"]["backbones"] = ["srresnet", "tiny"]
    spec["tables"]["extractors"]["tiny"] = ["dct"]
    spec["tables"]["settings"] = ["setting1", "attic"]
    table = built(spec)
    assert list(dict.fromkeys(table["method"]))[-3:] == ["tiny baseline", "tiny dct", "tiny upper bound"]
    assert list(dict.fromkeys(table["setting"])) == [*SETTINGS, "attic"]
    assert cell(table, "tiny baseline", "setting1", "psnr_y")["status"] == "run; not in the paper"
    assert cell(table, "SRResNet baseline", "attic", "psnr_rgb")["status"] == "run; not in the paper"
    assert cell(table, "RRDB baseline", "attic", "psnr_y")["status"] == "not run: rrdb is not in tables.backbones"


def test_alpha_names_the_rows(spec):
    spec["weights"]["alpha"] = 2.5
    assert cell(built(spec), "SRResNet dct", "setting1", "psnr_y")["weighting"] == "frechet-a2.5"


def test_exact_images_are_left_out_and_counted(spec):
    measured = synthetic(spec)
    model = "srresnet/setting1/uniform/seed"
    measured[f"{model}0"].loc[1, "psnr_y"] = np.inf
    found = cell(built(spec, measured), "SRResNet baseline", "setting1", "psnr_y")
    means = [measured[f"{model}0"]["psnr_y"][[0, 2]].mean(), measured[f"{model}1"]["psnr_y"].mean()]
    assert found["measured"] == pytest.approx(np.mean(means), rel=1e-12)
    assert found["status"] == "run; infinite for 1 of 6 images, left out of the mean"
    for seed in (0, 1):
        measured[f"{model}{seed}"]["psnr_y"] = np.inf
    assert cell(built(spec, measured), "SRResNet baseline", "setting1", "psnr_y")["measured"] == np.inf


def test_a_model_without_metrics_is_refused(spec):
    measured = synthetic(spec)
    del measured["rrdb/setting2/oracle/seed1"]
    with pytest.raises(DegcraftError, match=r"rrdb/setting2/oracle/seed1\.csv: not given"):
        built(spec, measured)


def markdown_cells(text, method):
    line = next(line for line in text.splitlines() if line.startswith(f"| {method} |"))
    return [part.strip() for part in line.strip("|").split("|")][1:]


def test_markdown_has_the_papers_layout(spec):
    measured = synthetic(spec)
    for model, table in measured.items():
        best = model.startswith("srresnet/setting1/dct.")
        table["psnr_y"] = 29.0 if best else 28.0
        table["lpips"] = 0.3 if best else 0.4
        table["ssim_y"] = 0.7
    measured["srresnet/setting1/oracle/seed0"]["psnr_y"] = 40.0
    text = table2_markdown(built(spec, measured, {"alexnet-minc"}), spec)
    header = next(line for line in text.splitlines() if line.startswith("| Method"))
    assert header.split(" | ")[1:4] == ["setting1 PSNR", "setting1 SSIM", "setting1 LPIPS"]
    assert len(markdown_cells(text, "RCAN")) == 12
    assert markdown_cells(text, "SRResNet baseline")[:3] == ["28.00 (28.14)", "**0.7000** (0.7368)", "0.4000 (0.3370)"]
    assert markdown_cells(text, "SRResNet dct")[:3] == ["**29.00** (–)", "**0.7000** (–)", "**0.3000** (–)"]  # noqa: RUF001
    assert markdown_cells(text, "SRResNet upper bound")[0] == "34.00 (28.86)"
    assert markdown_cells(text, "RCAN")[0] == "– (23.65) [1]"  # noqa: RUF001
    assert "- [1] not run: not among tables.methods" in text.splitlines()
    mark = markdown_cells(text, "SRResNet alexnet-minc")[0].split()[-1]
    assert f"- {mark} not run: no weights for alexnet-minc" in text.splitlines()


def test_markdown_states_the_conventions(spec):
    line = table2_markdown(built(spec), spec).splitlines()[2]
    for part in (
        *("psnr_y", "4 pixels cut", "v0.1, alex", "Test images per setting: 3", "seeds: 0, 1", "iterations: 1500"),
        *("srresnet: kind srresnet, width 16, blocks 4", "rrdb: kind rrdb, width 16, blocks 1, growth 8"),
    ):
        assert part in line


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
    with pytest.raises(DegcraftError, match="missing, truncated or damaged"):
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
