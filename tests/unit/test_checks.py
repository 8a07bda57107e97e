import json

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from scipy.ndimage import gaussian_filter

from degcraft import checks
from degcraft.bins import Region, edges, grid
from degcraft.degradations.first_order import degrade
from degcraft.errors import DegcraftError
from degcraft.interpolation import bicubic
from degcraft.leaves import dead_leaves
from degcraft.spaces import Space
from degcraft.stages import checks as stage
from degcraft.stages.weights import cells
from degcraft.weighting.density import EDGES, Density

BINS = {
    "blur": {"range": [0, 5], "count": 5},
    "noise": {"range": [0, 50], "count": 5},
    "quality": {"range": [30, 90], "count": 3},
}
OPTIONS = {"kernel_size": 21, "downsampling": "bicubic", "noise": "colour", "chroma": "4:2:0"}
BOX = {"blur": [1.5, 2.5], "noise": [5, 15], "quality": [75, 85]}
JUDGED = {"explained": 0.97, "expected": 0.93, "verdict": "explained"}
SIDE = 128


def filled(box):
    """Density of degradations that fill a box."""
    space, masses = Space.of_bins(BINS), []
    for name, low, high in zip(space.names, space.lows, space.highs, strict=True):
        ends = (np.array(box[name]) - low) / (high - low)
        inside = np.clip(np.minimum(EDGES[1:], ends[1]) - np.maximum(EDGES[:-1], ends[0]), 0, None)
        masses.append(inside / inside.sum())
    return Density(np.ones(1), np.array(masses)[None])


def table(box=BOX, floor=0.05, others=None, **judged):
    """Table of the weighting refined for material that fills a box, as the stage weights writes it.

    Half of the material may fill another box, `others`.
    """
    density = filled(box) if others is None else filled(box).mixed(filled(others), 0.5)
    return cells(density.mixed(Density.uniform(3), floor), Space.of_bins(BINS)).assign(**{**JUDGED, **judged})


def rounded(image):
    return np.clip(np.rint(image), 0, 255).astype(np.uint8)


def noisy(lr):
    """An SR image that, blurred and reduced again, is the LR image with all its noise."""
    found = bicubic(lr).astype(float)
    for _ in range(20):
        rest = lr - checks._again(rounded(found), 2.0, OPTIONS)
        planes = [Image.fromarray(rest[..., k]).resize((SIDE, SIDE), Image.Resampling.BICUBIC) for k in range(3)]
        found += np.stack([np.asarray(plane) for plane in planes], axis=-1)
    return rounded(found)


@pytest.fixture(scope="module")
def measured():
    """Means over images whose truth is known, a line per kind of SR image."""
    rng, lines = np.random.default_rng(0), []
    for number in range(10):
        truth = dead_leaves(rng, SIDE, SIDE)
        lr = degrade(truth, Region.from_config(BOX).draw(rng), rng, OPTIONS)
        stripes = 14 * np.cos(0.7 * np.pi * np.arange(SIDE))[None, :, None]
        rows = {
            "truth": truth,
            "invented": rounded(truth + stripes),
            "smooth": rounded(gaussian_filter(truth.astype(float), (6, 6, 0))),
            "drifted": rounded(truth + 12.0),
            "moved": np.roll(truth, 4, axis=1),
            "noisy": noisy(lr),
        }
        lines.append(checks.image_checks(lr, rows, table(), OPTIONS, (0, "film", str(number))))
    means = pd.concat(lines).groupby("row")[list(checks.COLUMNS)].mean()
    return means.assign(ratio=means["consistency_rmse"] / means["expected_rmse"])


def test_the_truth_is_as_consistent_as_expected(measured):
    assert measured.loc["truth", "ratio"] == pytest.approx(1, abs=0.15)
    assert measured.loc["invented", "ratio"] == pytest.approx(1, abs=0.15)  # what LR pixels cannot confirm, they allow


@pytest.mark.parametrize("row", ["smooth", "drifted", "moved"])
def test_what_leaves_its_input_is_far_above_expected(measured, row):
    assert measured.loc[row, "ratio"] > 1.3


def test_what_keeps_the_noise_is_far_below_expected(measured):
    assert measured.loc["noisy", "ratio"] < 0.5


def test_sharpness_orders_images(measured):
    assert measured.loc["bicubic", "sharpness"] == pytest.approx(1)
    assert measured["sharpness"].loc[["smooth", "bicubic", "truth", "invented"]].is_monotonic_increasing


def test_unconfirmed_adds_up_in_squares(measured):
    found = measured["unconfirmed"]
    assert found["smooth"] < 0.1 * found["truth"]
    assert found["bicubic"] < 0.5 * found["truth"]
    luma_of_stripes = 14 / np.sqrt(2) * 219 / 255
    assert found["invented"] ** 2 - found["truth"] ** 2 == pytest.approx(luma_of_stripes**2, rel=0.25)


@pytest.mark.parametrize(("period", "share"), [(16, 0), (9, 0), (7, 1), (3, 1)])
def test_unconfirmed_begins_at_the_nyquist_frequency_of_the_input(period, share):
    waves = 127.5 + 40 * np.cos(2 * np.pi * (np.arange(144) + 0.5) / period)
    image = rounded(np.broadcast_to(waves[:, None, None], (144, 144, 3)))
    assert checks.unconfirmed(image) == pytest.approx(share * 40 / np.sqrt(2) * 219 / 255, abs=2.5)


def test_flat_images():
    flat = np.full((64, 64, 3), 90, np.uint8)
    edge = np.where(np.arange(64)[:, None, None] < 32, flat, 200).astype(np.uint8)
    assert (checks.sharpness(flat, flat), checks.sharpness(edge, flat)) == (1, float("inf"))
    assert checks.unconfirmed(flat) == pytest.approx(0, abs=1e-9)


def test_without_noise_and_compression_only_rounding_is_expected():
    image, clean = dead_leaves(np.random.default_rng(1), 64, 64), Region.from_config({**BOX, "blur": [2, 2]})
    given = checks.distribution(edges([Region(clean.blur, (0.0, 0.0), (100.0, 100.0))]).assign(weight=1.0))
    found = checks.expectation(image, given, 2.0, {**OPTIONS, "chroma": "4:4:4"}, (0, "film", "a"))
    assert 0.2 < found < 1.2


def test_the_share_of_uniform_is_taken_out():
    assert checks.mean(checks.estimated(table(floor=0.3)), "noise") == pytest.approx(10, abs=0.01)
    weights = np.zeros(len(grid(BINS)))
    weights[7] = 1
    bins = edges(grid(BINS)).assign(weight=0.9 * weights + 0.1 / len(weights))
    np.testing.assert_allclose(checks.estimated(bins)["weight"], weights, atol=1e-12)
    alike = bins.assign(weight=1 / len(weights))
    assert checks.estimated(alike)["weight"].sum() == pytest.approx(1)


def test_words_of_a_narrow_estimate():
    box = {"blur": [1.5, 2.1], "noise": [10, 14], "quality": [42, 48]}
    blur, noise, jpeg, lost, verdict = checks.in_words(table(box))
    assert blur.startswith("Blur of about 1.8 HR pixels (nine tenths between 1.5 and 2.1")
    assert noise.startswith("Noise of about 12 of 255 (nine tenths between 10 and 14")
    assert jpeg.startswith("Strong JPEG compression, quality about 45 (")
    assert "less than about 8 pixels" in lost
    assert verdict.startswith("The model explains the material: 97% of the references")


def test_words_of_hardly_anything_and_of_the_end_of_a_range():
    blur, noise, jpeg, _, _ = checks.in_words(table({"blur": [0, 0.5], "noise": [0, 2], "quality": [88, 90]}))
    assert blur.startswith("Hardly any blur, about 0.2")
    assert noise.startswith("Hardly any noise, about")
    assert jpeg.startswith("Hardly any JPEG compression, quality about 89")
    assert jpeg.endswith("; the estimate ends at 90).")


def test_words_of_what_most_images_agree_on():
    box = {"blur": [1.5, 2.1], "noise": [10, 14], "quality": [42, 48]}
    wide = {name: ends["range"] for name, ends in BINS.items()}
    blur, noise, jpeg, _, _ = checks.in_words(table(box, others=wide))
    # Half lies evenly between 0 and 5, half between 1.5 and 2.1: .1 x + .5 (x - 1.5) / .6 = .25, .5; .5 + .1 x = .75.
    assert blur.startswith("Blur of about 1.9 HR pixels in most images (half between 1.6 and 2.5); others differ much,")
    assert noise.startswith("Noise of about 13 of 255 in most images (half between 11 and 25)")
    assert jpeg.startswith("Strong JPEG compression, quality about 4")
    assert all("; others differ much, or do not tell (nine tenths between " in told for told in (blur, noise, jpeg))


def test_words_of_what_is_not_known():
    box = {"blur": [0, 5], "noise": [10, 14], "quality": [30, 90]}
    blur, _, jpeg, _, verdict = checks.in_words(table(box, verdict="not explained", explained=0.2))
    assert blur.startswith("The images do not tell how wide the blur is")
    assert jpeg.startswith("The images do not tell how strong the JPEG compression is")
    assert verdict.startswith("The model does not explain the material: only 20%")
    assert "a part of the material" in checks.in_words(table(verdict="partly explained"))[-1]


def test_words_of_bins_and_of_the_second_order_model():
    weights = [float(region.blur == (1, 2) and region.noise == (10, 20)) for region in grid(BINS)]
    told = checks.in_words(edges(grid(BINS)).assign(distance=1.0, weight=np.array(weights) / 3))
    assert len(told) == 4
    assert told[0].startswith("Blur of about 1.5 HR pixels")
    second = cells(Density.uniform(2), Space.cube(("sigma1", "level1"))).assign(**JUDGED)
    assert [sentence.split()[0] for sentence in checks.in_words(second)] == ["The", "The"]


@pytest.fixture
def results(tmp_path):
    """Inputs of the stage: two windows, two rows, and references without a posterior."""
    rng = np.random.default_rng(3)
    for folder in ("test", "a", "b"):
        (tmp_path / folder).mkdir()
    for name in ("one", "007"):
        truth = dead_leaves(rng, 64, 64)
        lr = degrade(truth, (2.0, 10.0, 80.0), rng, OPTIONS)
        for folder, image in (("test", lr), ("a", truth), ("b", bicubic(lr))):
            Image.fromarray(image).save(tmp_path / folder / f"{name}.png")
    pd.DataFrame({"name": ["one", "007"]}).to_csv(tmp_path / "test" / "parameters.csv", index=False)
    table().to_csv(tmp_path / "weights.csv", index=False)
    return tmp_path


def checked(folder, name="checks.csv"):
    spec = {"rows": ["traces.refined", "uniform"], "degradation": OPTIONS, "seed": 0}
    rows = [folder / "a", folder / "b"]
    stage.run("film", folder / "test", rows, folder / "weights.csv", spec, folder / name)
    return folder / name


def test_the_stage_writes_a_line_per_row_and_image(results):
    found = pd.read_csv(checked(results), dtype={"image": str})
    assert list(found) == ["row", "image", *checks.COLUMNS]
    assert found["row"].tolist() == ["bicubic"] * 2 + ["traces.refined"] * 2 + ["uniform"] * 2
    assert found["image"].tolist() == ["one", "007"] * 3
    first, last = found[found["row"] == "bicubic"], found[found["row"] == "uniform"]
    assert first[list(checks.COLUMNS)].to_numpy() == pytest.approx(last[list(checks.COLUMNS)].to_numpy())


def test_the_same_input_gives_the_same_bytes(results):
    assert checked(results).read_bytes() == checked(results, "again.csv").read_bytes()


def test_a_restored_window_of_another_size_is_refused(results):
    Image.new("RGB", (60, 64)).save(results / "b" / "one.png")
    with pytest.raises(DegcraftError, match=r"one.png: shape \(64, 60, 3\) for an LR image of \(16, 16, 3\)"):
        checked(results)


def test_the_second_order_model_leaves_consistency_empty(results):
    second = cells(Density.uniform(2), Space.cube(("sigma1", "level1"))).assign(**JUDGED)
    second.to_csv(results / "weights.csv", index=False)
    found = pd.read_csv(checked(results))
    assert found[["consistency_rmse", "expected_rmse"]].isna().all(axis=None)
    assert found[["sharpness", "unconfirmed"]].notna().all(axis=None)


def test_without_a_posterior_kinds_are_not_examined(tmp_path):
    stage.run_mixed(None, None, tmp_path / "weights.csv", tmp_path, tmp_path / "mixed.json")
    found = json.loads((tmp_path / "mixed.json").read_text())
    assert (found["mixed"], found["groups"]) == (False, [])
    assert "was not examined" in found["notes"][0]
