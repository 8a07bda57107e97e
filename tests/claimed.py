"""Made tables that the claims are computed from."""

import copy

import numpy as np
import pandas as pd

from degcraft.evidence.maps import EDGES, map_table
from tests.conftest import ROOT

SEEDS = (0, 1, 2)
NOISE = (-0.01, 0.0, 0.01)  # dB, of the seeds
SETTINGS = ("setting1", "setting2", "setting3", "setting4")
WIDTHS = (0.0, 1.0, 1.5, 2.0, 2.5, 3.0, 4.0)
RANGES = {"blur-single": (2.0, 2.0), "blur-wide": (0.0, 4.0), "blur-matched": (1.5, 2.5)}
TRUTH = np.array([0.5, 0.5, 0, 0, 0, 0, 0, 0])
PAPER = pd.read_csv(ROOT / "resources" / "paper" / "table2.csv")
EXTRACTORS = PAPER["extractor"].dropna().unique().tolist()


def claims_spec(config, backbones=("srresnet", "rrdb"), extractors=("vgg22", "dct")):
    """Config sections that the claims read."""
    spec = {name: copy.deepcopy(config[name]) for name in ("tables", "weights", "evaluate", "train", "backbones")}
    spec["train"]["seeds"] = list(SEEDS)
    spec["tables"] = {
        "settings": list(SETTINGS),
        "backbones": list(backbones),
        "extractors": {name: list(extractors) for name in backbones},
    }
    spec["evidence"] = {
        "extractors": ["alexnet-imagenet", "vgg22", "dasr", "alexnet-random", "dct"],
        "setting": "setting3",
        "alphas": [0, 1, 25, 100],
        "outside": ["setting1"],
        "blur": {"trainings": list(RANGES), "test": "blur-matched", "widths": [f"blur-{width:g}" for width in WIDTHS]},
    }
    return spec


def blur_lines(psnr, seeds=SEEDS):
    """Figure 2 with ``psnr(training, test width or None for the range, seed)``."""
    tests = {"blur-matched": None, **{f"blur-{width:g}": width for width in WIDTHS}}
    lines = []
    for training, (low, high) in RANGES.items():
        for test, width in tests.items():
            ends = RANGES["blur-matched"] if width is None else (width, width)
            for seed in seeds:
                place = {"training": training, "training_low": low, "training_high": high}
                place |= {"test": test, "test_low": ends[0], "test_high": ends[1], "seed": seed, "images": 5}
                lines.append({**place, "psnr_y": psnr(training, width, seed), "ssim_y": 0.5})
    return pd.DataFrame(lines)


def good_blur(training, width, seed):
    """As the paper: matched best in its range, wide next, single good at its own width alone."""
    drop = {"blur-matched": 0.0, "blur-wide": 0.3, "blur-single": 0.6}[training]
    if width is not None and training == "blur-single":
        drop = 0.5 * abs(width - 2)
    if width is not None and not 1.5 <= width <= 2.5 and training == "blur-matched":
        drop = 1.0
    return 28 - drop + 0.1 * seed + (NOISE[seed] if training == "blur-matched" else 0.0)


def stability_lines(extractor, spreads, mean=10.0, repeats=25, family=None):
    """Figure 3 c with the exact standard deviation ``spreads[n]`` at each number of images n."""
    unit = np.linspace(-1, 1, repeats)
    unit = unit / unit.std(ddof=1) if repeats > 1 else unit
    lines = [
        {"extractor": extractor, "family": family or extractor, "images": images, "repeat": repeat, "note": None}
        | {"distance": mean + spread * float(unit[repeat])}
        for images, spread in spreads.items()
        for repeat in range(repeats)
    ]
    return pd.DataFrame(lines)


def weights(on_truth, wide=False):
    """Eight weights with `on_truth` on the two true bins; the rest on one bin, or on all six if `wide`."""
    rest = np.full(6, 1 / 6) if wide else np.eye(6)[0]
    return np.r_[on_truth * np.array([0.8, 0.2]), (1 - on_truth) * rest]


def map_lines(maps, families=None, absent=None):
    """Figure 4 from weights by (extractor, contents) at alpha 25."""
    tables = {
        (extractor, "frechet-a25", contents): pd.DataFrame({"bin": range(8), **dict.fromkeys(EDGES, 0.0), "weight": w})
        for (extractor, contents), w in maps.items()
    }
    return map_table(tables, TRUTH, families or {}, "setting3", absent or {})


def alpha_lines(psnr, alphas=(0, 1, 25, 100), tests=("setting3", "setting1"), seeds=SEEDS):
    """Figure 5 with ``psnr(alpha, test, seed)``; SSIM is a hundredth of it; uniform is alpha 0."""
    lines = [
        {"row": "alpha", "alpha": float(alpha), "test": test, "seed": seed, "psnr_y": psnr(alpha, test, seed)}
        for alpha in alphas
        for test in tests
        for seed in seeds
    ]
    lines += [{**line, "row": "uniform", "alpha": np.nan} for line in lines if line["alpha"] == 0]
    table = pd.DataFrame([*lines, {"row": "BSRNet", "test": tests[0], "note": "not among tables.methods"}])
    return table.assign(ssim_y=table["psnr_y"] / 100)


def good_alpha(alpha, test, seed):
    """As the paper: rises inside the target; falls outside."""
    rank = (0, 1, 25, 100).index(alpha)
    return 25 + (0.2 if test == "setting3" else -0.3) * rank + 0.1 * seed + rank * NOISE[seed]


def metric_tables(psnr, spec):
    """Metrics of every model of Table 2 with mean PSNR ``psnr(backbone, setting, draw, seed)`` over three images."""
    return {
        f"{backbone}/{setting}/{draw if draw in ('uniform', 'oracle') else f'{draw}.frechet-a25'}/seed{seed}": pd.DataFrame(
            {"name": ["a", "b", "c"], "psnr_y": psnr(backbone, setting, draw, seed) + np.array([-3.0, 0.0, 3.0])}
        )
        for backbone in spec["tables"]["backbones"]
        for setting in SETTINGS
        for draw in ("uniform", *spec["tables"]["extractors"][backbone], "oracle")
        for seed in spec["train"]["seeds"]
    }


def good_psnr(backbone, setting, draw, seed):
    """As the paper: crafted above uniform and near the oracle, for both backbones."""
    gain = {"uniform": 0.0, "vgg22": 0.5, "dct": 0.6, "oracle": 0.62}[draw]
    noise = 0.0 if draw == "uniform" else NOISE[seed] * (1 + (draw == "vgg22"))
    return 25 + gain + (0.4 if backbone == "rrdb" else 0.0) + 0.2 * seed + noise


def only(lines, part):
    """The one line whose claim contains `part`."""
    found = [line for line in lines if part in line["claim"]]
    assert len(found) == 1, [line["claim"] for line in found]
    return found[0]
