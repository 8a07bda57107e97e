import numpy as np
import pandas as pd
import pytest

from degcraft import tables
from degcraft.errors import DegcraftError
from degcraft.markdown import table2_markdown
from degcraft.metrics import METRICS
from tests.tabled import SETTINGS, built, cell, paper, synthetic, table_spec


@pytest.fixture
def spec(default_config):
    return table_spec(default_config)


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
