"""The stage evidence: result files in, tables out. What the tables hold is tested beside the functions that make them."""

import json

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from degcraft import plans
from degcraft.bins import Region, edges, grid
from degcraft.config import merge
from degcraft.errors import DegcraftError
from degcraft.evidence import estimation
from degcraft.exhibits import families
from degcraft.io import read_table, whole_folder, write_arrays, write_pack, write_table
from degcraft.spec import spec as section
from degcraft.stages import evidence
from tests.conftest import photo_like


def metrics(folder, models, value=lambda _: 20.0):
    """Metrics files of models, each with two images around one value."""
    paths = []
    for model in models:
        paths.append(folder / "metrics" / f"{model}.csv")
        psnr = value(model)
        table = pd.DataFrame({"name": ["a", "b"], "psnr_y": [psnr - 1, psnr + 1], "ssim_y": [0.5, 0.7]})
        write_table(paths[-1], table)
    return paths


def test_blur_reads_its_models_by_their_paths(default_config, tmp_path):
    models = plans.blur_models(default_config)
    paths = metrics(tmp_path, models, lambda model: 20.0 + models.index(model))
    spec = {"blur": default_config["evidence"]["blur"], "settings": default_config["settings"], "seeds": [0]}
    evidence.run("figure2", paths, {}, spec, tmp_path / "figure2.csv")
    table = read_table(tmp_path / "figure2.csv", "training", "test", "psnr_y", text=["training", "test"])
    assert len(table) == len(models)
    line = table.query("training == 'blur-wide' and test == 'blur-3'")
    assert line["psnr_y"].item() == 20 + models.index("srresnet/blur-3/oracle@blur-wide/seed0")


def test_alpha_nought_is_the_uniform_network(default_config, tmp_path):
    paths = metrics(tmp_path, plans.alpha_models(default_config), lambda model: 30.0 if "uniform" in model else 20.0)
    spec = {"evidence": default_config["evidence"], "train": {"seeds": [0]}, "methods": {}}
    evidence.run("figure5", paths, {}, spec, tmp_path / "figure5.csv")
    table = read_table(tmp_path / "figure5.csv", "row", "alpha", "psnr_y", text=["row"])
    crafted = table[table["row"] == "alpha"]
    assert set(crafted["alpha"]) == set(default_config["evidence"]["alphas"])
    assert (crafted.loc[crafted["alpha"] == 0, "psnr_y"] == 30).all()
    assert (crafted.loc[crafted["alpha"] > 0, "psnr_y"] == 20).all()
    assert crafted["test"].nunique() == 3  # the setting and two outside


def test_figure5_shows_compared_methods_of_another_backbone(default_config, tmp_path):
    config = merge(default_config, {"tables": {"methods": ["bsrnet", "rcan"]}})
    paths = metrics(tmp_path, plans.alpha_models(config), lambda model: 30.0 if "rrdb" in model else 20.0)
    evidence.run("figure5", paths, {}, json.loads(section(config, "evidence", figure="figure5")), tmp_path / "5.csv")
    table = read_table(tmp_path / "5.csv", "row", "psnr_y", "note", text=["row", "note"]).set_index("row")
    assert table.loc["BSRNet", "psnr_y"].tolist() == [30.0] * 3  # the setting and two outside
    assert set(table.loc["Real-ESRNet", "note"]) == {"not among tables.methods"}
    assert (table.drop(index=["BSRNet", "Real-ESRNet"])["psnr_y"] == 20).all()


def test_a_metric_that_was_not_computed_is_named(default_config, tmp_path):
    (path, *_) = metrics(tmp_path, plans.blur_models(default_config))
    write_table(path, pd.DataFrame({"name": ["a"], "psnr_y": [20.0]}))
    with pytest.raises(DegcraftError, match=r"ssim_y was not computed; .*add it to evaluate\.metrics"):
        evidence.run("figure1", [path], {}, {}, tmp_path / "figure1.csv")


def test_maps_tell_contents_and_weighting_from_paths(default_config, tmp_path):
    regions = grid(default_config["bins"])
    paths = []
    for target in ("setting3", "setting3.same"):
        paths.append(tmp_path / target / "dct.frechet-a5.csv")
        write_table(paths[-1], edges(regions).assign(weight=1 / len(regions)))
    spec = {
        "families": families(default_config, ["dct", "alexnet-minc"]),
        "setting": "setting3",
        "bins": default_config["bins"],
        "ranges": default_config["settings"]["setting3"],
    }
    reasons = {"alexnet-minc": "no textures", "vgg22": "not asked for"}
    evidence.run("figure4", paths, reasons, spec, tmp_path / "figure4.csv")
    table = read_table(tmp_path / "figure4.csv", "extractor", "contents", "truth", text=["extractor"])
    assert table["contents"].dropna().unique().tolist() == ["disjoint", "same"]
    assert table.loc[table["note"].notna(), ["extractor", "note"]].to_numpy().tolist() == [
        ["alexnet-minc", "no textures"]
    ]
    assert table["true_mass"].dropna().unique() == pytest.approx(4 / 75)


def test_spreads_do_not_depend_on_the_extractor_s_place(tmp_path):
    rng = np.random.Generator(np.random.PCG64(0))
    features = rng.normal(size=(2, 40, 6)).astype(np.float32)
    spec = {"families": {"a": "a", "b": "b"}, "stability": {"counts": [4, 20], "repeats": 5}}
    spec |= {"distances": {"ddof": 1}, "seed": 0}
    for name in "ab":
        write_arrays(tmp_path / name / "stability-setting3.npz", {}, features=features)
    paths = [tmp_path / name / "stability-setting3.npz" for name in "ab"]
    evidence.run("figure3", paths, {}, spec, tmp_path / "figure3.csv")
    table = read_table(tmp_path / "figure3.csv", "extractor", "images", "distance")
    one, other = (table[table["extractor"] == name].drop(columns=["extractor", "family"]) for name in "ab")
    assert one.reset_index(drop=True).equals(other.reset_index(drop=True))
    assert len(one) == 2 * 5


def test_cost_reads_contents_and_the_second_order_model(tmp_path):
    write_pack(tmp_path / "bins", [photo_like(seed, 8, 8) for seed in range(6)], list("abcdef"), list("abcdef"))
    columns = ["samples", "parameters", "target", "log_density", "log_density_restricted", "bound"]
    write_table(tmp_path / "second-order.csv", pd.DataFrame([[60, 30, "box0", 1.0, 2.0, 4.0]], columns=columns))
    spec = {"extractors": ["vgg54", "dct"], "bins": {name: {"count": 2} for name in ("blur", "noise", "quality")}}
    index = tmp_path / "bins" / "index.csv"
    evidence.run("figure15", [index, tmp_path / "second-order.csv"], {}, spec, tmp_path / "all.csv")
    table = read_table(tmp_path / "all.csv")
    assert table.loc[table["row"] == "first-order", "images"].item() == 8 * 6
    assert table.loc[table["row"] == "second-order", "images"].item() == 60
    evidence.run("figure15", [index], {"vgg54": "no weights", "dasr": "no"}, spec, tmp_path / "one.csv")
    assert read_table(tmp_path / "one.csv")["note"].dropna().tolist() == ["no weights"]


def test_estimates_keep_their_repeats_and_name_what_is_absent(tmp_path):
    line = ["setting1", "dct", "mixture", 100, "0a", 0.9, 0.1, 2.5, 3.0, 0.1]
    write_table(tmp_path / "estimation.csv", pd.DataFrame([line], columns=list(estimation.COLUMNS)))
    spec, absent = {"extractors": ["dct", "vgg54"]}, {"vgg54": "no weights", "dasr": "no"}
    evidence.run("figure17", [tmp_path / "estimation.csv"], absent, spec, tmp_path / "all.csv")
    table = read_table(tmp_path / "all.csv")
    assert table["extractor"].tolist() == ["dct", "vgg54"]
    assert table["seed"][0] == "0a"
    assert table["note"].dropna().tolist() == ["no weights"]


def test_without_votes_the_table_says_why(tmp_path):
    evidence.run("figure9", [], {}, {"votes": "none"}, tmp_path / "figure9.csv")
    assert read_table(tmp_path / "figure9.csv", "note")["note"].tolist() == ["evidence.votes is none"]


@pytest.fixture
def restored(tmp_path):
    """LR images, restored images of two rows, their metrics, and the originals, as the workflow lays them out."""
    truth = [photo_like(number, 96, 128) for number in range(2)]
    write_pack(tmp_path / "test", truth, ["one", "two"], ["", ""])
    with whole_folder(tmp_path / "lr") as folder:
        for name, image in zip(("one", "two"), truth, strict=True):
            Image.fromarray(image[::4, ::4]).save(folder / f"{name}.png")
        write_table(folder / "parameters.csv", pd.DataFrame({"name": ["one", "two"]}))
    inputs = [tmp_path / "lr"]
    for draw, noise in (("uniform", 9), ("dct.frechet-a25", 3)):
        place = f"srresnet/setting3/{draw}/seed0"
        with whole_folder(tmp_path / "restored" / place) as folder:
            for number, name in enumerate(("one", "two")):
                rng = np.random.Generator(np.random.PCG64(number))
                noisy = truth[number] + rng.normal(0, noise, truth[number].shape)
                Image.fromarray(np.clip(noisy, 0, 255).astype(np.uint8)).save(folder / f"{name}.png")
        inputs.append(tmp_path / "restored" / place)
    for draw, psnr in (("uniform", 25.0), ("dct.frechet-a25", 30.0)):
        path = tmp_path / "metrics" / f"srresnet/setting3/{draw}/seed0.csv"
        write_table(path, pd.DataFrame({"name": ["two", "one"], "psnr_y": [psnr + 1, psnr]}))
        inputs.append(path)
    return inputs


def figure(images, **changes):
    return {"figure": {"target": "setting3", "images": images, "crop": "auto", "side": 8} | changes, "border": 4}


def test_crops_and_their_table_belong_together(restored, tmp_path):
    evidence.run_images(
        "figure6", restored, tmp_path / "test", {}, figure(2), tmp_path / "figure6.csv", tmp_path / "crops"
    )
    table = read_table(tmp_path / "figure6.csv", "image", "row", "file", text=["image", "row", "file"])
    assert set(table["file"]) == {path.name for path in (tmp_path / "crops").iterdir()}
    measured = table.set_index(["image", "row"])["psnr_y"]
    assert (measured["one", "uniform"], measured["two", "uniform"], measured["one", "dct"]) == (25, 26, 30)
    assert set(table["row"]) == {"whole LR", "LR", "bicubic", "uniform", "dct", "truth"}
    assert Image.open(tmp_path / "crops" / table.set_index(["image", "row"])["file"]["two", "dct"]).size == (32, 32)


def test_an_application_has_no_truth_and_no_metrics(restored, tmp_path):
    images = [path for path in restored if path.suffix != ".csv"]
    evidence.run_images("figure7", images, None, {}, figure(["two"]), tmp_path / "figure7.csv", tmp_path / "crops")
    table = read_table(tmp_path / "figure7.csv", "image", "row", text=["image", "row"])
    assert set(table["image"]) == {"two"}
    assert "truth" not in set(table["row"])
    assert table["psnr_y"].isna().all()


def test_figure_8_has_a_profile_of_each_row(restored, tmp_path):
    evidence.run_images(
        "figure8", restored, tmp_path / "test", {}, figure(1), tmp_path / "figure8.csv", tmp_path / "crops"
    )
    table = read_table(tmp_path / "figure8.csv", "row", "position", "gradient", text=["row"])
    assert table.groupby("row")["position"].max().to_dict() == dict.fromkeys(["bicubic", "dct", "truth", "uniform"], 31)


def test_an_unknown_image_is_named_with_those_that_exist(restored, tmp_path):
    with pytest.raises(
        DegcraftError, match=r"evidence\.images\.figure6\.images: no image three in setting3, .*one, two"
    ):
        evidence.run_images("figure6", restored, None, {}, figure(["three"]), tmp_path / "f.csv", tmp_path / "crops")
    assert not (tmp_path / "crops").exists()


def test_plans_train_nothing_twice(default_config):
    models = [*plans.blur_models(default_config), *plans.alpha_models(default_config)]
    assert len(models) == len(set(models))
    assert not [model for model in models if "frechet-a0/" in model]
    # An application has no oracle, and figures of a setting of Table 2 show all its rows.
    assert [model.split("/")[2] for model in plans.image_models(default_config, "figure7")] == [
        "uniform",
        "dct.frechet-a25",
    ]
    assert [model.split("/")[2] for model in plans.image_models(default_config, "figure6")] == [
        "uniform",
        "alexnet-random.frechet-a25",
        "dct.frechet-a25",
        "oracle",
    ]


def test_absent_extractors_are_not_planned(default_config):
    config = merge(default_config, {"evidence": {"extractors": ["dct", "vgg22"], "alphas": [5]}})
    assert plans.map_weights(config, {"vgg22": "no file"}) == [
        f"setting3{contents}/dct.frechet-a{alpha}" for contents in ("", ".same") for alpha in (25, 5)
    ]


def test_a_row_that_cannot_be_computed_is_left_out_and_named(default_config, restored, tmp_path):
    config = merge(default_config, {"evidence": {"extractor": "dct"}})
    assert "dct" not in "".join(plans.image_models(config, "figure6", {"dct": "no file"}))
    assert {model.split("/")[2].split("@")[0] for model in plans.alpha_models(config, {"dct": "no file"})} == {
        "uniform",
        "oracle",
    }
    place = tmp_path / "figure6.csv"
    evidence.run_images("figure6", restored, None, {"vgg54": "no file"}, figure(1), place, tmp_path / "crops")
    table = read_table(place, "row", "note", text=["row"])
    assert table.loc[table["note"].notna(), ["row", "note"]].to_numpy().tolist() == [["vgg54", "no file"]]


def test_families_differ_in_their_seed_alone(default_config):
    names = ["alexnet-random-2", "dct", "alexnet-random", "vgg22", "vgg54"]
    assert families(default_config, names) == {
        "alexnet-random-2": "alexnet-random-2",
        "dct": "dct",
        "alexnet-random": "alexnet-random-2",
        "vgg22": "vgg22",
        "vgg54": "vgg54",
    }


def test_true_ranges_and_bins_of_an_uncompressed_setting():
    region = Region.from_config({"blur": [1, 2], "noise": [0, 0], "quality": "none"})
    assert region.quality == (float("inf"), float("inf"))
    drawn = [region.draw(np.random.Generator(np.random.PCG64(seed))) for seed in range(50)]
    assert {quality for _, _, quality in drawn} == {float("inf")}
    assert {noise for _, noise, _ in drawn} == {0}
    assert 1 <= min(blur for blur, _, _ in drawn) < max(blur for blur, _, _ in drawn) <= 2
