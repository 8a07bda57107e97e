import base64
import dataclasses
import itertools
import re
import xml.etree.ElementTree as ET
from io import BytesIO

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from degcraft.alignment import Alignment
from degcraft.config import merge, validate
from degcraft.errors import DegcraftError
from degcraft.interpolation import bicubic
from degcraft.metrics import psnr_y
from degcraft.report import charts
from degcraft.report.contents import Window, titled
from degcraft.report.distribution import Marginal, joint, marginals, resampled
from degcraft.report.page import page
from degcraft.report.pictures import SHOWN, data_uri, shown
from degcraft.report.quality import check_means, quality_table
from degcraft.report.svg import Scale, element
from degcraft.report.timings import behind, timing_table
from degcraft.report.words import outcome
from degcraft.weighting.density import CELLS, Density
from tests.conftest import photo_like
from tests.reports import AWKWARD, BESIDE, DRAW, binned, classes, contents, estimate, windows

STILL = Alignment(0, 0, 1, 1, 1, 0, 0, 0)


def decoded(uri):
    kind, _, code = uri.partition(",")
    assert kind == "data:image/webp;base64"
    return np.array(Image.open(BytesIO(base64.b64decode(code))).convert("RGB"))


def test_pictures_decode_to_the_pixels_given():
    pixels = photo_like(3, 31, 45)
    assert np.array_equal(decoded(data_uri(pixels, exact=True)), pixels)
    lossy = decoded(data_uri(pixels)).astype(int)
    assert 0 < np.abs(lossy - pixels).mean() < 10


def test_windows_keep_their_place_when_they_are_cut():
    lr = photo_like(0, 201, SHOWN + 31)
    (found,) = shown([Window("wide", "wide.png", lr, {"truth": lr.repeat(4, 0).repeat(4, 1)})])
    assert (found.height, found.width) == (SHOWN, SHOWN)
    assert np.array_equal(decoded(found.lr), lr[20 : 20 + SHOWN, 15 : 15 + SHOWN])
    small = decoded(found.rows["truth"])[2::4, 2::4].astype(int)
    assert np.abs(small - decoded(found.lr)).mean() < 8


def test_windows_beyond_the_budget_are_left_out_and_told(monkeypatch):
    assert len(shown(windows(3), budget=10**9)) == 3
    assert [window.title for window in shown(windows(3), budget=10)] == ["frame 0"]
    monkeypatch.setattr("degcraft.report.page.shown", lambda chosen: shown(chosen, budget=10))
    assert "1 of 2 windows are shown" in page(contents())


def test_crops_that_the_model_does_not_explain_are_marked():
    text = page(contents())
    assert "does not explain 1 of them, framed here" in text
    assert len(re.findall(r'<li class="unexplained"><img [^>]*alt="Crop 2: [^"]*, not explained"', text)) == 1
    assert text.count("; not explained</li>") == 1
    judged = dataclasses.replace(contents().estimate, explained=None)
    assert "framed here" not in page(contents(estimate=judged))


@pytest.mark.parametrize(("frame", "said"), [(float("nan"), "Cafe Berlin.jpg"), (12.0, "Cafe Berlin.jpg, frame 12")])
def test_images_are_called_as_their_files_are(frame, said):
    assert titled({"source": "Cafe Berlin.jpg", "frame": frame}) == said


def test_text_of_others_is_escaped():
    text = page(contents(application=AWKWARD, mixed=[AWKWARD], material={"notes": [AWKWARD], "kind": AWKWARD}))
    assert "<b>" not in text
    assert text.count("&lt;b&gt;&amp;&#34;&#39;") >= 10
    assert str(element("text", AWKWARD, class_=AWKWARD)).count("&lt;b&gt;") == 2


def test_the_page_needs_nothing_from_elsewhere_and_is_the_same_twice():
    text = page(contents())
    assert text == page(contents())
    assert not re.findall(r"""(?:src|href)=["'](?!data:|#|restored/)""", text)
    assert not re.findall(r"https?://|@import|url\(", text)
    assert 'href="restored/a%20b.png"' in text


def test_every_drawing_has_a_title_and_a_description():
    drawings = re.findall(r"<svg.*?</svg>", page(contents()), flags=re.DOTALL)
    assert len(drawings) == 6
    ids = []
    for text in drawings:
        root = ET.fromstring(text)
        assert root.get("role") == "img"
        title, description = root[0], root[1]
        assert (title.tag, description.tag) == ("title", "desc")
        assert title.text
        assert len(description.text) > 15
        assert root.get("aria-labelledby") == f"{title.get('id')} {description.get('id')}"
        ids += [title.get("id"), description.get("id")]
    assert len(set(ids)) == len(ids)


def test_every_picture_has_a_text_and_headings_come_in_order():
    text = page(contents())
    assert len(re.findall("<img ", text)) == len(re.findall(r'<img [^>]*alt="[^"]+"', text)) > 15
    levels = [int(level) for level in re.findall(r"<h([1-6])", text)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"quality": None, "pairs": 0}, "There is no truth for this material"),
        ({"mixed": []}, "The reference crops seem to be of one kind"),
        ({"timings": timing_table({}, ())}, "No measurements of time are there"),
        ({"estimate": dataclasses.replace(estimate(binned(error=False)), fit={})}, "without a verdict on the fit"),
        ({"estimate": estimate(binned(error=False))}, "Without error bars"),
        ({"estimate": estimate(binned())}, "Bars: one standard error"),
        ({"places": dataclasses.replace(contents().places, files=[])}, "holds no files"),
    ],
)
def test_what_is_missing_says_why(change, reason):
    assert reason in page(contents(**change))
    assert reason not in page(contents())


def test_metrics_without_values_are_named_and_the_best_is_bold():
    text = page(contents())
    assert "Not measured: LPIPS" in text
    assert re.findall(r'<td class="number best">([^<]+)', text) == ["26.50", "0.8125"]


@pytest.mark.parametrize(("best", "said"), [(DRAW, "the best of these"), ("uniform", "less than uniform")])
def test_the_outcome_is_told_whoever_is_best(best, said):
    quality = contents().quality
    quality.loc[quality["row"] == best, "psnr_y"] = 30
    assert said in outcome(quality, DRAW, BESIDE, 2)


def test_marginals_of_bins_are_sums_over_the_others():
    table = binned()
    for found, name in zip(marginals(table), ("blur", "noise", "quality"), strict=True):
        for low, share in zip(found.edges, found.shares, strict=False):
            mine = table[f"{name}_low"] == low
            assert share == pytest.approx(table.loc[mine, "weight"].sum())
        assert found.high - found.shares == pytest.approx(0.01 * np.sqrt(mine.sum()))


def test_marginals_and_pairs_of_classes_are_mixtures():
    blur, noise, _ = marginals(classes())
    assert blur.shares[0] == pytest.approx(0.5 + 0.5 / 40)
    assert blur.shares[1:] == pytest.approx(0.5 / 40)
    first, second, masses = joint(classes(), "blur", "noise")
    assert masses[0, 0] == pytest.approx(0.5 + 0.5 / 1600)
    assert masses.sum(axis=1) == pytest.approx(blur.shares)
    assert masses.sum(axis=0) == pytest.approx(noise.shares)
    assert (first[-1], second[-1]) == (5, 50)


def test_pairs_of_bins_are_sums_over_quality():
    table = binned()
    first, second, masses = joint(table, "blur", "noise")
    assert masses[1, 2] == table[(table["blur_low"] == first[1]) & (table["noise_low"] == second[2])]["weight"].sum()


def test_a_heat_map_joins_cells_without_losing_any():
    drawing = ET.fromstring(charts.heat_map(*joint(classes(), "blur", "noise"), ("blur", "noise")))
    told = [float(rect[0].text.split(": ")[1].removesuffix(" %")) for rect in drawing.findall("rect")]
    assert len(told) == 400
    assert sum(told) == pytest.approx(100, abs=0.05 * 400)
    assert max(told) == pytest.approx(100 * (0.5 + 0.5 * 4 / 1600), abs=0.06)


def test_error_bars_of_few_cells_and_a_band_of_many_span_their_range():
    low, high = np.array([0.2, 0.5]), np.array([0.4, 0.7])
    one = Marginal("blur", np.array([0.0, 1, 2]), np.array([0.3, 0.6]), low, high)
    drawing = ET.fromstring(charts.marginal_chart(one))
    (bars,) = [path.get("d") for path in drawing.findall("path") if path.get("class") == "whisker"]
    below, above = (float(end) for end in re.match(r"M[\d.]+ ([\d.]+)V([\d.]+)", bars).groups())
    scale = Scale(0, 1.05 * 0.7, 206, 14)
    assert (below, above) == (scale(0.2), scale(0.4))
    assert 'class="band"' in charts.marginal_chart(Marginal("blur", np.linspace(0, 1, 21), *np.full((3, 20), 0.05)))


class Estimator:
    """A density whose first cell holds the share of references that are 1."""

    def refined(self, features, rng):
        cells = np.zeros((1, 1, CELLS))
        cells[0, 0, :2] = features.mean(), 1 - features.mean()
        return Density(np.ones(1), cells), None


def test_resampled_ranges_are_those_of_shares():
    features = np.repeat([0.0, 1.0], 50)[:, None]
    low, high = resampled(Estimator(), features, np.random.default_rng(0), count=400)
    # A share of one half among 100 has a standard error of 0.05, and nine tenths lie within 1.645 of them.
    assert (low[0, 0], high[0, 0]) == (pytest.approx(0.418, abs=0.02), pytest.approx(0.582, abs=0.02))


def test_bicubic_is_measured_as_models_are():
    lr = photo_like(5, 32, 32)
    truth = np.clip(bicubic(lr).astype(int) + 3, 0, 255).astype(np.uint8)
    model = pd.DataFrame({"name": ["a", "b"], "psnr_y": [30.0, 20.0], "lpips": np.nan})
    table = quality_table({"uniform": model}, [(lr, truth, STILL)], 4)
    assert table["row"].tolist() == ["uniform", "bicubic"]
    assert table["psnr_y"].tolist() == pytest.approx([25, psnr_y(bicubic(lr), truth, 4)])
    assert table["lpips"].isna().all()
    brighter = dataclasses.replace(STILL, offset_red=3.0, offset_green=3.0, offset_blue=3.0)
    aligned = quality_table({"uniform": model}, [(lr, truth, brighter)], 4)
    assert aligned["psnr_y"][1] > table["psnr_y"][1] + 10


def test_checks_of_estimates_without_a_blur_are_a_table_alone():
    blind = contents().checks.assign(consistency_rmse=np.nan, expected_rmse=np.nan)
    text = page(contents(checks=blind))
    assert "Consistency needs an estimate of blur" in text
    assert text.count("not measured") == 2 * 4


@pytest.mark.parametrize(("sharpness", "told"), [(0.9, True), (1.5, False), (np.nan, False)])
def test_a_network_that_does_no_more_than_bicubic_is_told(sharpness, told):
    text = page(contents(checks=contents().checks.assign(sharpness=sharpness)))
    assert ("no sharper than bicubic interpolation" in text) == told


def test_checks_are_averaged_in_the_order_of_the_page():
    means = check_means(contents().checks, [DRAW, *BESIDE, "bicubic"])
    assert means["row"].tolist() == [DRAW, *BESIDE, "bicubic"]
    assert means["sharpness"].tolist() == [2.5, 4.5, 6.5, 0.5]


def test_timings_are_of_this_application_in_the_order_of_the_work():
    known = {"film", "srresnet", "any", "uniform", "seed0", "train"}
    assert behind(("train_model", "srresnet", "any", "uniform", "seed0"), known)
    assert not behind(("train_model", "srresnet", "any", "uniform", "seed1"), known)
    assert not behind(("report_application", "film"), known)
    table = timing_table(
        {("train_model", "srresnet"): 3.0, ("new_job", "film"): 1.0, ("prepare_images", "train"): 2.0}, {"film"}
    )
    assert table["job"].tolist() == ["Preparing photographs", "Training a network", "New job"]
    assert table["of"].tolist() == ["train", "srresnet", ""]


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"draw": "uniform"}, "report.draw: uniform: expected an extractor"),
        ({"beside": ["oracle"]}, "report.beside: oracle: expected one of uniform"),
        ({"beside": ["bicubic"]}, "report.beside: bicubic: the page shows interpolation"),
        ({"beside": ["traces.refined"]}, "report.beside: traces.refined is report.draw itself"),
        ({"beside": ["uniform", "bsrgan", "dct.mixture", "realesrgan"]}, "report.beside"),
        ({"backbone": "srresnett"}, "report.backbone"),
    ],
)
def test_wrong_options_are_refused(default_config, change, problem):
    validate(default_config)
    with pytest.raises(DegcraftError, match=re.escape(problem)):
        validate(merge(default_config, {"report": change}))


def test_ticks_are_round_and_inside():
    for low, high in [(0, 1), (0, 0.0371), (30, 90), (0, 12345)]:
        ticks = Scale(low, high, 0, 1).ticks()
        assert 3 <= len(ticks) <= 7
        assert low <= min(ticks) <= max(ticks) <= high * 1.0001
