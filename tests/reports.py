"""Contents of a report from synthetic arrays; tests of its parts and of the page in a browser share them."""

import numpy as np
import pandas as pd

from degcraft.bins import PARAMETERS, edges, grid
from degcraft.evidence.lookalikes import COLUMNS
from degcraft.interpolation import bicubic
from degcraft.report.contents import BICUBIC, TRUTH, Contents, Estimate, Places, Window
from degcraft.report.timings import timing_table
from tests.conftest import photo_like

SPACE = {"blur": ([0, 5], 5), "noise": ([0, 50], 5), "quality": ([30, 90], 3)}
BINS = {name: {"range": ends, "count": count} for name, (ends, count) in SPACE.items()}
DRAW, BESIDE = "traces.refined", ["uniform", "realesrgan"]
AWKWARD = "<b>&\"'"


def binned(error=True):
    regions = grid(BINS)
    weights = np.linspace(1, 5, len(regions)) ** 2
    table = edges(regions).assign(weight=weights / weights.sum())
    fit = {"explained": 0.9, "expected": 0.94, "verdict": "explained"}
    return table.assign(error=0.01, **fit) if error else table


def classes(cells=40):
    """Two classes of equal share: one at the lower ends, one uniform."""
    lines = []
    for number, share in enumerate((0.5, 0.5)):
        for name in PARAMETERS:
            ends = np.linspace(*SPACE[name][0], cells + 1)
            weight = np.full(cells, 1 / cells) if number else np.eye(1, cells)[0]
            frame = {"class": number, "share": share, "parameter": name}
            lines.append(pd.DataFrame({**frame, "low": ends[:-1], "high": ends[1:], "weight": weight}))
    return pd.concat(lines, ignore_index=True).assign(explained=0.7, expected=0.94, verdict="partly explained")


def windows(count=2, side=24):
    found = []
    for number in range(count):
        lr = photo_like(number, side, side)
        rows = {draw: photo_like(10 * number + place, 4 * side, 4 * side) for place, draw in enumerate([DRAW, *BESIDE])}
        found.append(
            Window(f"frame_{number}", f"frame {number}", lr, {**rows, BICUBIC: bicubic(lr), TRUTH: bicubic(lr)})
        )
    return found


def estimate(weights):
    lines = [{"row": row, "place": 0, "file": f"{row}.png"} for row in ("real", "crafted", "uniform")]
    lines[1] |= {"blur": 1.25, "noise": 8.0, "quality": 70.0}
    fit = {"verdict": "partly explained", "explained": 0.7, "expected": 0.94}
    words = ["Blur is about 1.2 pixels, noise about 8 of 255.", "JPEG is weak."]
    pictures = {line["file"]: photo_like(place, 96, 96) for place, line in enumerate(lines)}
    ranges = np.array([np.full((3, 40), 0.0), np.full((3, 40), 0.1)]) if "class" in weights else None
    explained = np.array([True, True, False, True, True])
    return Estimate(weights, fit, words, ranges, explained, pd.DataFrame(lines, columns=list(COLUMNS)), pictures)


def contents(**changes):
    """Everything on a page; `changes` replace fields."""
    rows = [BICUBIC, DRAW, *BESIDE]
    checks = pd.DataFrame(
        {"row": row, "image": f"frame {number}", "consistency_rmse": 5.0 + place, "expected_rmse": 4.0}
        | {"sharpness": 2.0 * place + number, "unconfirmed": 0.125 * place}
        for place, row in enumerate(rows)
        for number in range(2)
    )
    quality = pd.DataFrame(
        {"row": [DRAW, *BESIDE, BICUBIC], "psnr_y": [26.5, 25, 25.5, 26], "ssim_y": [0.75, 0.5, 0.625, 0.8125]}
    )
    seconds = {("train_model", "srresnet", "film", DRAW, "seed0"): 90.0, ("prepare_application", "film"): 4.0}
    steps = {"step": [50, 100, 150], "loss": [0.2, 0.1, 0.05]}
    crops = {"crop": range(5), "source": [f"{AWKWARD}.png"] * 5, "frame": np.nan, "top": 3, "left": 7}
    fields = {
        "application": "film",
        "draw": DRAW,
        "beside": BESIDE,
        "windows": windows(),
        "references": np.stack([photo_like(number, 18, 18) for number in range(5)]),
        "crops": pd.DataFrame(crops),
        "material": {"kind": "images", "images": 9, "pixels": {"width": [600, 800]}, "notes": ["Two are alike."]},
        "estimate": estimate(classes()),
        "mixed": ["Two kinds: a and b."],
        "quality": quality.assign(lpips=np.nan),
        "pairs": 2,
        "checks": checks,
        "losses": {draw: pd.DataFrame(steps) for draw in [DRAW, *BESIDE]},
        "timings": timing_table(seconds, {"film", "seed0"}),
        "places": Places("results/m.safetensors", "results/m.onnx", "results/applications/film/restored", ["a b.png"]),
        "settings": {"report": {"draw": DRAW}},
        "versions": {"degcraft": "1"},
    }
    return Contents(**{**fields, **changes})
