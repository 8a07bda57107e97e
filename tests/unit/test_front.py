import numpy as np
import pandas as pd
import pytest

from degcraft.config import merge
from degcraft.errors import DegcraftError
from degcraft.evidence.front import COLUMNS, front_table
from degcraft.io import read_table, write_table
from degcraft.plans import alpha_models, front_models
from degcraft.stages import evidence

SEEDS = [0, 1]
TESTS = ["setting3", "setting1", "setting4"]
FRONT = [
    "traces.mixture",
    "traces.refined-f0.5",
    "traces.refined",
    "dct.frechet-a25-f0.1",
    "realesrgan",
    "dct.frechet-a5",
]
DRAWS = ["uniform", "dct.frechet-a5", "dct.frechet-a25", *FRONT[:-1], "oracle"]


def spec(**change):
    chosen = {"backbone": "srresnet", "extractor": "dct", "setting": "setting3", "alphas": [25, 0, 5], "front": FRONT}
    return {
        "evidence": {**chosen, "outside": ["setting1", "setting4"], **change},
        "train": {"seeds": SEEDS},
        "weights": {"floor": 0.05},
    }


def measured():
    """PSNR tells test, draw and seed: tens, ones and tenths."""
    found = {}
    for tens, test in enumerate(TESTS, 1):
        for ones, draw in enumerate(DRAWS):
            at = draw if test == "setting3" or draw in ("uniform", "realesrgan") else f"{draw}@setting3"
            for seed in SEEDS:
                psnr = 10 * tens + ones + (1 + ones) * seed / 10
                found[f"{test}/{at}/seed{seed}"] = pd.DataFrame({"name": ["a", "b"], "psnr_y": [psnr - 2, psnr + 2]})
    return found


@pytest.mark.parametrize("draw", DRAWS)
def test_gain_is_over_uniform_of_the_same_seed_on_the_same_test(draw):
    table = front_table(measured(), {}, spec())
    ones = DRAWS.index(draw)
    for tens, test in enumerate(TESTS, 1):
        lines = table[(table["draw"] == draw) & (table["test"] == test)].sort_values("seed")
        assert lines["seed"].tolist() == SEEDS
        assert lines["inside"].tolist() == [test == "setting3"] * 2
        assert lines["psnr_y"].tolist() == pytest.approx([10 * tens + ones, 10 * tens + ones + (1 + ones) / 10])
        assert lines["gain"].tolist() == pytest.approx([ones, ones * 1.1], abs=1e-12)
        assert lines["images"].tolist() == [2, 2]


def test_lines_in_order_with_their_alphas_and_floors():
    table = front_table(measured(), {}, spec())
    assert list(table) == list(COLUMNS)
    first = table.drop_duplicates("draw")[["line", "draw", "alpha", "floor"]].astype(object)
    assert first.where(first.notna(), None).to_numpy().tolist() == [
        ["uniform", "uniform", None, None],
        ["dct", "dct.frechet-a0", 0, None],
        ["dct", "dct.frechet-a5", 5, None],  # listed in front too, shown once
        ["dct", "dct.frechet-a25", 25, None],
        ["traces.mixture", "traces.mixture", None, 0.05],
        ["traces.refined", "traces.refined", None, 0.05],
        ["traces.refined", "traces.refined-f0.5", None, 0.5],
        ["dct.frechet-a25", "dct.frechet-a25-f0.1", None, 0.1],
        ["realesrgan", "realesrgan", None, None],
        ["oracle", "oracle", None, None],
    ]
    assert table["note"].isna().all()


def test_alpha_nought_is_the_uniform_network():
    table = front_table(measured(), {}, spec())
    nought = table[table["draw"] == "dct.frechet-a0"]
    assert (nought["gain"] == 0).all()
    assert len(nought) == 6


def test_an_absent_extractor_is_one_note_per_draw():
    found = {model: frame for model, frame in measured().items() if "dct" not in model}
    table = front_table(found, {"dct": "no such file", "vgg22": "not asked for"}, spec())
    missing = table[table["note"].notna()]
    assert missing["draw"].tolist() == ["dct.frechet-a0", "dct.frechet-a5", "dct.frechet-a25", "dct.frechet-a25-f0.1"]
    assert set(missing["note"]) == {"no such file"}
    assert missing[["test", "seed", "psnr_y", "gain"]].isna().all(axis=None)
    assert set(table.loc[table["note"].isna(), "line"]) == {
        *("uniform", "traces.mixture", "traces.refined", "realesrgan", "oracle")
    }


def test_a_model_that_was_not_measured_is_named():
    found = measured()
    del found["setting4/traces.refined-f0.5@setting3/seed1"]
    with pytest.raises(DegcraftError, match=r"setting4/traces\.refined-f0\.5@setting3/seed1\.csv: not given"):
        front_table(found, {}, spec())


@pytest.mark.parametrize("outside", [[], ["setting3"]])
def test_without_a_setting_outside_there_is_a_note_alone(outside):
    table = front_table(measured(), {}, spec(outside=outside))
    assert table["note"].tolist() == ["evidence.outside names no setting but setting3"]
    assert table[["test", "gain"]].isna().all(axis=None)


def test_infinite_images_do_not_count():
    found = measured()
    found["setting1/oracle@setting3/seed0"] = pd.DataFrame({"name": ["a", "b"], "psnr_y": [27.0, np.inf]})
    table = front_table(found, {}, spec())
    line = table.query("draw == 'oracle' and test == 'setting1' and seed == 0")
    assert (line["psnr_y"].item(), line["gain"].item()) == (27.0, 7.0)


def test_models_are_those_of_figure_5_and_of_the_further_draws(default_config):
    changes = {"evidence": {"extractor": "dct", "alphas": [0, 5], "front": FRONT, "outside": ["setting1"]}}
    config = merge(default_config, changes)
    models = front_models(config)
    assert len(models) == len(set(models))
    assert set(alpha_models(config)) <= set(models)
    assert {model for model in models if "traces" in model or "realesrgan" in model} == {
        *(f"srresnet/setting3/{draw}/seed0" for draw in (*FRONT[:3], "realesrgan")),
        *(f"srresnet/setting1/{draw}@setting3/seed0" for draw in FRONT[:3]),
        "srresnet/setting1/realesrgan/seed0",
    }
    assert not [model for model in front_models(config, {"traces", "dct"}) if "traces" in model or "dct" in model]


def test_the_stage_reads_models_by_their_paths(tmp_path):
    paths = []
    for model, frame in measured().items():
        paths.append(tmp_path / "metrics" / "srresnet" / f"{model}.csv")
        write_table(paths[-1], frame)
    evidence.run("figure14", paths, {}, spec(), tmp_path / "figure14.csv")
    table = read_table(tmp_path / "figure14.csv", *COLUMNS, text=["draw"])
    assert table["gain"].tolist() == front_table(measured(), {}, spec())["gain"].tolist()
