import json

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from degcraft.bins import PARAMETERS, Mixture, Region, edges, grid
from degcraft.config import merge
from degcraft.degradations import degrade
from degcraft.errors import DegcraftError
from degcraft.evidence.lookalikes import COLUMNS, Material, Source, enlarged, lookalike_table, middle
from degcraft.io import read_table, write_arrays, write_pack, write_table
from degcraft.plans import lookalike_weights
from degcraft.spaces import Cells
from degcraft.spec import spec
from degcraft.stages import lookalikes
from degcraft.streams import stream
from tests.conftest import photo_like
from tests.pictures import DEGRADATION, FOUND
from tests.pictures import lookalikes as built


def rngs(target, row, place):
    return stream(0, "test", "lookalikes", target, row, place)


def test_the_middle_of_a_crop_twice_as_large():
    lr = photo_like(0, 72, 80)
    shown = enlarged(middle(lr))
    assert shown.shape == (96, 96, 3)
    assert np.array_equal(shown[1::2, ::2], lr[12:60, 16:64])
    assert np.array_equal(shown[::2], shown[1::2])
    small = photo_like(1, 30, 64)
    assert np.array_equal(middle(small), small[:, 8:56])


def test_every_row_of_every_target():
    table, images = built(["setting3", "film"], count=3)
    assert list(table) == list(COLUMNS)
    assert table[["target", "row", "place"]].to_numpy().tolist() == [
        [target, row, place]
        for target in ("setting3", "film")
        for row in ("real", "crafted", "uniform")
        for place in range(3)
    ]
    assert set(images) == set(table["file"])
    assert {image.shape for image in images.values()} == {(96, 96, 3)}
    assert set(table.loc[table["row"] == "crafted", "draw"]) == {"traces.refined-f0.1"}
    assert table.loc[table["row"] == "real", ["draw", *PARAMETERS]].isna().all(axis=None)
    for name, value in FOUND.items():
        assert set(table[name]) == {value}


def test_real_crops_are_references_at_equal_steps():
    _, images = built(["film"], count=3, references=8)
    for place, number in enumerate((0, 4, 7)):
        reference = photo_like(number, 72, 72)
        assert np.array_equal(images[f"film-real-{place}.png"][::2, ::2], middle(reference))


@pytest.mark.parametrize("row", ["crafted", "uniform"])
def test_contents_are_degraded_with_the_parameters_that_are_told(row):
    table, images = built(["film"], count=3)
    for line in table[table["row"] == row].to_dict("records"):
        content = photo_like(100 + (0, 3, 6)[line["place"]], 288, 288)
        rng = rngs("film", row, line["place"])
        rng.random(4)  # region, blur, noise and quality
        lr = degrade(content, tuple(line[name] for name in PARAMETERS), rng, DEGRADATION)
        assert np.array_equal(images[line["file"]][::2, ::2], middle(lr))
    drawn = table.loc[table["row"] == row, "blur"]
    assert (drawn.between(1.5, 2.5).all(), drawn.nunique()) == (row == "crafted", 3)


def test_fewer_references_than_crops_leave_short_rows():
    table, _ = built(["film"], count=6, references=4)
    assert table.groupby("row")["place"].count().to_dict() == {"real": 4, "crafted": 4, "uniform": 4}


def test_an_absent_row_is_a_note():
    table, _ = built(["film"], count=2, crafted=False, absent={"crafted": "no such file"})
    assert table["row"].tolist() == ["real", "real", "uniform", "uniform", "crafted"]
    assert table["note"].dropna().tolist() == ["no such file"]
    assert table["verdict"].isna().all()


def test_parameters_of_the_second_order_model_are_not_blur_noise_and_quality(default_config):
    options = {"second_order": default_config["second_order"]}
    source = Source("traces.second-order", Cells.cube(30), options)
    material = Material(photo_like(0, 72, 72)[None], {"crafted": source}, {"verdict": "explained", "explained": 1.0})
    table, images = lookalike_table({"film": material}, [photo_like(1, 288, 288)], 1, {}, rngs)
    assert table[list(PARAMETERS)].isna().all(axis=None)
    assert len(images) == 2


def weights(folder, target, config):
    """Weights of bins with a verdict, all in the first bin."""
    regions = grid(config["bins"])
    weight = np.eye(1, len(regions))[0]
    path = folder / "weights" / target / "dct.mixture.csv"
    write_table(path, edges(regions).assign(weight=weight, explained=0.5, expected=0.9, verdict="partly explained"))
    return path


@pytest.fixture
def inputs(default_config, tmp_path):
    changes = {"targets": ["setting3", "archive"], "draw": "dct.mixture", "crops": 3}
    config = merge(default_config, {"evidence": {"lookalikes": changes}})
    contents = [photo_like(number, 96, 96) for number in range(4)]
    write_pack(tmp_path / "bins", contents, list("abcd"), [""] * 4)
    references = []
    for seed, target in enumerate(changes["targets"]):
        references.append(tmp_path / "references" / f"{target}.npz")
        write_arrays(references[-1], {}, images=np.stack([photo_like(10 * seed + n, 24, 24) for n in range(5)]))
    return {
        "references": references,
        "weights": [weights(tmp_path, target, config) for target in changes["targets"]],
        "images": tmp_path / "bins",
        "absent": {"vgg22": "not asked for"},
        "spec": json.loads(spec(config, "evidence", figure="figure16")),
        "output": tmp_path / "figure16.csv",
        "crops": tmp_path / "crops",
    }


def test_the_stage_writes_the_crops_that_its_table_names(inputs):
    lookalikes.run(**inputs)
    table = read_table(inputs["output"], *COLUMNS, text=["target"])
    assert set(table["file"]) == {path.name for path in inputs["crops"].iterdir()}
    assert list(dict.fromkeys(table["target"])) == ["setting3", "archive"]
    assert set(table["verdict"]) == {"partly explained"}
    assert table["blur_high"].unique() == pytest.approx([0.95])  # of the first bin, 0 to 1
    crafted = table[table["row"] == "crafted"]
    assert crafted["blur"].between(0, 1).all()
    assert crafted["quality"].between(30, 50).all()
    first = np.array(Image.open(inputs["crops"] / "archive-real-0.png"))
    assert np.array_equal(first[::2, ::2], photo_like(10, 24, 24))


def test_same_input_same_bytes(inputs, tmp_path):
    lookalikes.run(**inputs)
    again = {
        **inputs,
        "output": tmp_path / "again.csv",
        "crops": tmp_path / "again",
        "references": inputs["references"][1:],
    }
    lookalikes.run(**again)
    for path in again["crops"].iterdir():  # whichever targets stand beside it
        assert path.read_bytes() == (inputs["crops"] / path.name).read_bytes()
    assert len(list(again["crops"].iterdir())) == 9


def test_without_weights_the_crafted_row_is_named(inputs):
    lookalikes.run(**{**inputs, "weights": [], "absent": {"dct": "no such file"}})
    table = read_table(inputs["output"], "row", "note")
    assert table.loc[table["note"].notna(), ["row", "note"]].to_numpy().tolist() == [["crafted", "no such file"]]
    assert set(table["row"]) == {"real", "uniform", "crafted"}


def test_weights_without_a_verdict_are_refused(inputs):
    path = inputs["weights"][1]
    write_table(path, pd.read_csv(path).drop(columns="verdict"))
    with pytest.raises(DegcraftError, match=r"archive/dct\.mixture\.csv: .*no column verdict"):
        lookalikes.run(**inputs)
    assert not inputs["crops"].exists()


@pytest.mark.parametrize(
    ("draw", "crafted", "uniform"),
    [
        ("dct.mixture", {"degradation", "bins"}, {"degradation", "bins"}),
        ("dct.refined-f0.1", {"degradation"}, {"degradation", "bins"}),
        ("dct.second-order", {"degradation"}, {"degradation"}),
    ],
)
def test_specs_hold_what_each_row_is_drawn_from(default_config, draw, crafted, uniform):
    config = merge(default_config, {"evidence": {"lookalikes": {"draw": draw}}})
    found = json.loads(spec(config, "evidence", figure="figure16"))
    assert (set(found["crafted"]), set(found["uniform"])) == (crafted, uniform)
    assert ("second_order" in found["uniform"]["degradation"]) == (draw == "dct.second-order")


def test_weights_of_every_target_unless_the_extractor_is_absent(default_config):
    config = merge(default_config, {"evidence": {"lookalikes": {"targets": ["setting2", "archive"]}}})
    assert lookalike_weights(config) == ["setting2/traces.refined", "archive/traces.refined"]
    assert lookalike_weights(config, {"traces"}) == []


def test_the_uniform_row_covers_all_bins(default_config):
    rng = np.random.default_rng(0)
    drawn = np.array([Mixture.uniform(grid(default_config["bins"])).draw(rng) for _ in range(400)])
    assert (drawn.min(axis=0) < [0.5, 5, 36]).all()
    assert (drawn.max(axis=0) > [4.5, 45, 84]).all()
    assert Region.from_config(default_config["settings"]["setting3"]).blur == (1.5, 2.5)
