import numpy as np
import pandas as pd
import pytest

from degcraft.evidence.alpha import COLUMNS, alpha_table
from tests.conftest import ROOT

PAPER = pd.read_csv(ROOT / "resources" / "paper" / "table2.csv")
SEEDS = [0, 1]
TESTS = ["setting3", "setting1", "setting4"]


def spec(**change):
    evidence = {"backbone": "srresnet", "extractor": "dasr", "setting": "setting3", "alphas": [25, 0, 2.5]}
    return {"evidence": {**evidence, "outside": ["setting1", "setting4"], **change}, "train": {"seeds": SEEDS}}


def names(extractor="dasr"):
    """Draws of each row, inside and outside."""
    crafted = {alpha: f"{extractor}.frechet-a{alpha}" for alpha in ("0", "2.5", "25")}
    return {**crafted, "uniform": "uniform", "oracle": "oracle"}


def measured(extractor="dasr"):
    """PSNR tells test, row and seed: tens, ones and tenths."""
    found = {}
    for tens, test in enumerate(TESTS, 1):
        for ones, draw in enumerate(names(extractor).values()):
            place = draw if test == "setting3" or draw == "uniform" else f"{draw}@setting3"
            for seed in SEEDS:
                psnr = 10 * tens + ones + seed / 10
                frame = pd.DataFrame({"name": ["a", "b"], "psnr_y": [psnr - 2, psnr + 2], "ssim_y": [0.2, 0.4]})
                found[f"{test}/{place}/seed{seed}"] = frame
    return found


def lines(table, row, test="setting3", alpha=None):
    found = table[(table["row"] == row) & (table["test"] == test)]
    return found if alpha is None else found[found["alpha"] == alpha]


@pytest.mark.parametrize(
    ("row", "alpha", "ones"),
    [("alpha", 0, 0), ("alpha", 2.5, 1), ("alpha", 25, 2), ("uniform", None, 3), ("oracle", None, 4)],
)
@pytest.mark.parametrize(("tens", "test"), list(enumerate(TESTS, 1)))
def test_every_row_on_every_test_with_its_own_numbers(row, alpha, ones, tens, test):
    found = lines(alpha_table(measured(), PAPER, spec()), row, test, alpha)
    assert found["seed"].tolist() == SEEDS
    assert found["psnr_y"].tolist() == pytest.approx([10 * tens + ones, 10 * tens + ones + 0.1], rel=1e-12)
    assert found["ssim_y"].tolist() == pytest.approx([0.3, 0.3])
    assert found["images"].tolist() == [2, 2]
    assert found["inside"].tolist() == [test == "setting3"] * 2
    assert found["note"].isna().all()


def test_columns_and_order():
    table = alpha_table(measured(), PAPER, spec())
    assert list(table) == list(COLUMNS)
    assert list(dict.fromkeys(table["row"])) == ["alpha", "uniform", "oracle", "BSRNet", "Real-ESRNet"]
    assert list(dict.fromkeys(table.loc[table["row"] == "alpha", "alpha"])) == [0, 2.5, 25]
    assert set(table.loc[table["row"] == "alpha", "extractor"]) == {"dasr"}
    assert table.loc[table["row"] != "alpha", ["alpha", "extractor"]].isna().all(axis=None)


@pytest.mark.parametrize(
    ("row", "psnr", "ssim"),
    [
        ("uniform", 27.53, 0.6980),
        ("oracle", 27.97, 0.7067),
        ("BSRNet", 27.48, 0.6968),
        ("Real-ESRNet", 27.44, 0.6986),
    ],
)
def test_numbers_of_the_paper_for_the_target(row, psnr, ssim):
    table = alpha_table(measured(), PAPER, spec())
    assert set(lines(table, row)["paper_psnr"]) == {psnr}
    assert set(lines(table, row)["paper_ssim"]) == {ssim}
    assert table.loc[~table["inside"], ["paper_psnr", "paper_ssim"]].isna().all(axis=None)


def test_the_paper_has_one_alpha():
    crafted = lines(alpha_table(measured(), PAPER, spec()), "alpha")
    assert crafted.loc[crafted["alpha"] == 25, "paper_psnr"].tolist() == [27.79, 27.79]
    assert crafted.loc[crafted["alpha"] == 25, "paper_ssim"].tolist() == [0.7041, 0.7041]
    assert crafted.loc[crafted["alpha"] != 25, ["paper_psnr", "paper_ssim"]].isna().all(axis=None)


def test_the_paper_knows_neither_our_extractor_nor_our_backbone():
    table = alpha_table(measured("dct"), PAPER, spec(extractor="dct"))
    assert lines(table, "alpha")["paper_psnr"].isna().all()
    assert lines(table, "alpha")["psnr_y"].notna().all()
    ours = alpha_table(measured(), PAPER, spec(backbone="mine"))
    assert lines(ours, "uniform")["paper_psnr"].isna().all()
    assert set(lines(ours, "BSRNet")["paper_psnr"]) == {27.48}


def test_numbers_of_the_paper_are_of_the_chosen_backbone_and_setting():
    rrdb = alpha_table(measured(), PAPER, spec(backbone="rrdb"))
    assert set(lines(rrdb, "uniform")["paper_psnr"]) == {27.91}
    other = alpha_table({}, PAPER, spec(setting="setting1", outside=["setting3"]))
    assert set(lines(other, "uniform", "setting1")["paper_psnr"]) == {28.14}


def test_methods_that_are_not_there_have_a_note_and_no_numbers():
    table = alpha_table(measured(), PAPER, spec())
    methods = table[table["row"].isin(["BSRNet", "Real-ESRNet"])]
    assert len(methods) == 6
    assert set(methods["note"]) == {"not among tables.methods"}
    assert methods[["seed", "images", "psnr_y", "ssim_y"]].isna().all(axis=None)
    assert table["note"].notna().sum() == 6


def test_methods_that_are_there_are_rows_like_others():
    frame = pd.DataFrame({"psnr_y": [24.0, 26.0], "ssim_y": [0.5, 0.5]})
    found = measured() | {f"{test}/BSRNet/seed{seed}": frame for test in TESTS for seed in SEEDS}
    table = alpha_table(found, PAPER, spec())
    assert lines(table, "BSRNet", "setting4")["psnr_y"].tolist() == [25.0, 25.0]
    assert lines(table, "BSRNet")["note"].isna().all()


def test_missing_models_and_seeds_are_told():
    found = measured()
    del found["setting3/oracle/seed1"]
    found = {model: frame for model, frame in found.items() if "frechet-a2.5@" not in model}
    table = alpha_table(found, PAPER, spec())
    assert lines(table, "oracle")["psnr_y"].tolist()[0] == 14.0
    assert lines(table, "oracle")["note"].tolist()[1] == "not measured: seed 1"
    assert lines(table, "alpha", "setting1", 2.5)["note"].tolist() == ["not measured"]
    assert lines(table, "alpha", "setting3", 2.5)["note"].isna().all()


def test_a_metric_that_was_not_computed_is_missing():
    found = {model: frame.drop(columns="ssim_y") for model, frame in measured().items()}
    table = alpha_table(found, PAPER, spec())
    assert np.isnan(table["ssim_y"]).all()
    assert lines(table, "uniform")["psnr_y"].notna().all()
