"""The tiny run's figures: all there, and drawn from what was measured."""

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from degcraft.io import read_arrays
from degcraft.plans import FIGURES, IMAGES
from tests.workflow.engine import snakemake


def read(tiny_run, name):
    return pd.read_csv(tiny_run / f"results/{name}.csv")


def mean(tiny_run, model, metric="psnr_y"):
    return pd.read_csv(tiny_run / f"results/metrics/{model}.csv")[metric].mean()


@pytest.mark.parametrize("figure", FIGURES)
def test_every_figure_is_drawn_twice_from_its_table(tiny_run, figure):
    assert len(read(tiny_run, figure))
    assert (tiny_run / f"results/{figure}.pdf").read_bytes().startswith(b"%PDF")
    pixels = np.array(Image.open(tiny_run / f"results/{figure}.png").convert("L"))
    assert 200 < pixels.shape[1] < 800  # one or two columns of 3.35 inches at 100 dpi
    assert np.ptp(pixels) > 200


def test_blur_is_measured_on_models_of_other_ranges(tiny_run):
    table = read(tiny_run, "figure2").set_index(["training", "test"])
    assert len(table) == 3 * 3  # trainings; their test range and two widths
    other = mean(tiny_run, "srresnet/blur-3/oracle@blur-wide/seed0")
    assert table.loc[("blur-wide", "blur-3"), "psnr_y"] == pytest.approx(other)
    own = mean(tiny_run, "srresnet/blur-matched/oracle/seed0")
    assert table.loc[("blur-matched", "blur-matched"), "psnr_y"] == pytest.approx(own)


def test_alpha_is_measured_inside_and_outside(tiny_run):
    table = read(tiny_run, "figure5")
    line = table.query("row == 'alpha' and alpha == 25 and test == 'setting1'")
    assert line["psnr_y"].item() == pytest.approx(mean(tiny_run, "srresnet/setting1/dct.frechet-a25@setting3/seed0"))
    nought = table.query("row == 'alpha' and alpha == 0 and inside")["psnr_y"].item()
    assert nought == pytest.approx(mean(tiny_run, "srresnet/setting3/uniform/seed0"))
    assert table["note"].isna().all()
    method = table.query("row == 'BSRNet' and inside")
    assert method["psnr_y"].item() == pytest.approx(mean(tiny_run, "rrdb/setting3/bsrgan/seed0"))
    assert method["paper_psnr"].item() == 27.48


def test_the_front_is_measured_inside_and_outside(tiny_run):
    table = read(tiny_run, "figure14")
    assert list(dict.fromkeys(table["draw"])) == [
        *("uniform", "dct.frechet-a0", "dct.frechet-a25", "traces.refined", "traces.refined-f0.5", "oracle")
    ]
    line = table.query("draw == 'traces.refined-f0.5' and test == 'setting1'")
    psnr = mean(tiny_run, "srresnet/setting1/traces.refined-f0.5@setting3/seed0")
    assert line["psnr_y"].item() == pytest.approx(psnr)
    assert line["gain"].item() == pytest.approx(psnr - mean(tiny_run, "srresnet/setting1/uniform/seed0"))
    assert table.loc[table["draw"] == "traces.refined", "floor"].tolist() == [0.05, 0.05]


def test_lookalikes_are_of_the_references_and_of_what_was_found(tiny_run):
    table = read(tiny_run, "figure16")
    assert table.groupby(["target", "row"])["place"].count().to_dict() == {
        (target, row): 3 for target in ("archive", "setting3") for row in ("crafted", "real", "uniform")
    }
    for target, lines in table.groupby("target"):
        (references,) = read_arrays(tiny_run / f"results/degraded/references/{target}.npz", "images")
        for line in lines[lines["row"] == "real"].to_dict("records"):
            shown = np.array(Image.open(tiny_run / f"results/crops/figure16/{line['file']}"))[::2, ::2]
            inside = [reference[8:56, 8:56] for reference in references]  # LR images of 64 x 64
            assert any(np.array_equal(shown, crop) for crop in inside)
        weights = pd.read_csv(tiny_run / f"results/weights/{target}/traces.refined.csv")
        assert set(lines["verdict"]) == set(weights["verdict"])
        assert lines["blur_low"].between(0, lines["blur_high"]).all()


def test_extractors_without_their_files_leave_a_note(tiny_run):
    for figure in ("figure3", "figure4"):
        table = read(tiny_run, figure)
        assert table.loc[table["note"].notna(), "extractor"].tolist() == ["alexnet-minc"]
        assert set(table.loc[table["note"].isna(), "extractor"]) == {
            "dct",
            "alexnet-random",
            "alexnet-random-1",
            "dasr",
        }
        log = (tiny_run / f"results/logs/draw_figure/{figure}.log").read_text()
        assert "not shown: AlexNet MINC (extractors.alexnet-minc.textures: textures/minc-2500: no such folder)" in log


def test_weights_of_both_contents_are_maps(tiny_run):
    table = read(tiny_run, "figure4").query("extractor == 'dct' and alpha == 25")
    sums = table.groupby("contents")["weight"].sum()
    assert sums.to_dict() == pytest.approx({"disjoint": 1, "same": 1})
    same, disjoint = (
        read_arrays(tiny_run / f"results/degraded/references/setting3{end}.npz", "images")[0] for end in (".same", "")
    )
    assert not np.array_equal(same, disjoint)


@pytest.mark.parametrize("figure", IMAGES)
def test_crops_are_of_the_restored_images(tiny_run, figure):
    table = read(tiny_run, figure)
    table = table[table["draw"].notna()].drop_duplicates(["image", "row"])
    assert len(table)
    target = {"figure6": "setting3", "figure8": "setting3", "figure10": "setting1", "figure11": "setting1"}
    for line in table.itertuples():
        folder = f"results/restored/srresnet/{target.get(figure, 'archive')}/{line.draw}/seed0"
        whole = np.array(Image.open(tiny_run / folder / f"{line.image}.png"))
        top, left, side = 4 * line.top, 4 * line.left, 4 * line.side
        crop = np.array(Image.open(tiny_run / f"results/crops/{figure}/{line.file}"))
        assert np.array_equal(crop, whole[top : top + side, left : left + side])


def test_one_seed_decides_nothing_about_trained_networks(tiny_run):
    table = read(tiny_run, "claims")
    assert list(table) == ["claim", "source", "measured", "spread", "expected", "verdict", "why"]
    assert set(table["verdict"]) <= {"holds", "does not hold", "not tested"}
    trained = table[table["source"].str.contains("Table 2|Fig. 2|Fig. 5")]
    assert set(trained["verdict"]) == {"not tested"}
    assert trained["why"].str.contains("1 seed, 3 are needed").any()


def test_votes_are_drawn_when_there_are_any(tiny_run, tmp_path):
    ballots = [(voter, "a", method, rank) for voter in "xyz" for rank, method in enumerate(("ours", "theirs"), 1)]
    votes = pd.DataFrame(ballots, columns=["voter", "image", "method", "rank"])
    votes.to_csv(tmp_path / "votes.csv", index=False)
    config = tmp_path / "votes.yaml"
    config.write_text(f"evidence: {{votes: {tmp_path / 'votes.csv'}}}\n")
    result = snakemake(tmp_path, "--cores", "1", "results/figure9.png", config=config)
    assert result.returncode == 0, result.stdout[-3000:]
    table = read(tmp_path, "figure9")
    assert table.query("method == 'ours' and rank == 1")["votes"].item() == 3
    votes.assign(rank=1).to_csv(tmp_path / "votes.csv", index=False)
    result = snakemake(tmp_path, "--cores", "1", "results/figure9.png", config=config)
    assert result.returncode != 0
    assert "tied at rank 1" in result.stdout
