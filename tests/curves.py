import functools
import itertools

import numpy as np
import pandas as pd
from matplotlib.text import Text

from degcraft.evidence.alpha import alpha_table
from degcraft.evidence.blur import blur_table
from degcraft.evidence.cost import cost_table
from degcraft.evidence.estimation import COLUMNS, estimation_figure, joined
from degcraft.evidence.front import front_table
from degcraft.evidence.stability import stability, stability_table
from degcraft.figures import draw
from degcraft.figures.style import Style
from degcraft.streams import stream
from tests.conftest import ROOT

STYLE = Style(width=3.35, font=7, dpi=100)
PAPER = pd.read_csv(ROOT / "resources" / "paper" / "table2.csv")
ALPHAS = [0, 1, 5, 10, 15, 25, 50, 100]
TESTS = ["setting3", "setting1", "setting4"]
FRONT = [
    "traces.mixture",
    "traces.refined",
    "traces.refined-f0",
    "traces.refined-f0.5",
    "dct.refined",
    "dct.refined-f0.5",
]
WIDTHS = [0.0, 1.0, 1.5, 2.0, 2.5, 3.0, 4.0]


def metrics(name):
    """Metrics of two images of a model, from the stream of its name."""
    level = stream(0, "test", "curves", name).uniform(22, 26)
    return pd.DataFrame(
        {"name": ["a", "b"], "psnr_y": [level - 1, level + 1], "ssim_y": [level / 40, level / 40 + 0.1]}
    )


def blur(seeds):
    trainings = {"single": [2, 2], "broad": [0, 4], "same": [1.5, 2.5]}
    widths = {f"at-{width:g}": [width, width] for width in WIDTHS}
    settings = {name: {"blur": ends, "noise": [0, 0], "quality": "none"} for name, ends in (trainings | widths).items()}
    draws = [(f"{test}/oracle@{name}", test) for name in trainings for test in ("same", *widths)]
    names = [name.replace("oracle@same", "oracle") if test == "same" else name for name, test in draws]
    measured = {f"{name}/seed{seed}": metrics(f"{name}{seed}") for name in names for seed in range(seeds)}
    options = {"trainings": list(trainings), "test": "same", "widths": list(widths)}
    return blur_table(measured, settings, list(range(seeds)), options)


def concentration(seeds, *, methods=(), without=(), extractor="dasr"):
    evidence = {"backbone": "srresnet", "extractor": extractor, "setting": TESTS[0], "alphas": ALPHAS}
    measured = {}
    for test, seed in itertools.product(TESTS, range(seeds)):
        at = "" if test == TESTS[0] else f"@{TESTS[0]}"
        draws = [*(f"{extractor}.frechet-a{alpha}{at}" for alpha in ALPHAS), "uniform", f"oracle{at}", *methods]
        names = [f"{test}/{name}/seed{seed}" for name in draws if name not in without]
        measured |= {name: metrics(name) for name in names}
    spec = {"evidence": {**evidence, "outside": TESTS[1:]}, "train": {"seeds": list(range(seeds))}}
    return alpha_table(measured, PAPER, spec)


def scatter(extractors=("vgg22", "alexnet-random", "alexnet-random-1", "dct"), counts=(10, 40, 80), notes=None):
    families = {name: "alexnet-random" if name.startswith("alexnet-random") else name for name in extractors}
    measured = {}
    for name in set(extractors) - set(notes or {}):
        features = stream(0, "test", "curves", name).normal(size=(160, 6))
        drawn = stability(features, features + 0.3, counts, 6, lambda n, k: stream(0, "test", "draws", n, k), 1)
        measured[name] = drawn
    return stability_table(measured, families, notes or {})


def estimates(extractors=("traces", "dct"), repeats=("0a", "0b"), notes=None):
    weightings = {"frechet-a25": 0.2, "frechet-auto": 0.4, "mixture": 0.9, "refined": 0.8}
    tables = {}
    for extractor, seed in itertools.product(extractors, repeats):
        lines = []
        for target in ("setting1", "setting2", "setting3", "setting4", "box0", "box1", "pair0"):
            known = [("uniform", 100, 0.02, np.nan), ("oracle", 100, 1.0, np.nan)]
            counts = (10, 50, 100) if target.startswith("setting") else (100,)
            found = [(name, n, mass * n / (n + 5), 0.1) for name, mass in weightings.items() for n in counts]
            for name, n, mass, seconds in known + found:
                wobble = 0 if np.isnan(seconds) else 0.05 * stream(0, "test", extractor, seed, target, name, n).random()
                lines.append((target, name, n, mass + wobble, 1 - mass, 4.9 * mass + wobble, 75 - 74 * mass, seconds))
        columns = ["target", "weighting", "references", *COLUMNS[5:]]
        tables[extractor, seed] = pd.DataFrame(lines, columns=columns)
    return estimation_figure(joined(tables), notes or {})


def costs(samples=(2500, 5000, 10000, 20000), note=None):
    lines = [
        {"samples": n, "parameters": 30, "target": f"box{box}", "restricted": "a+b+c", "seconds": 1.0}
        | {"log_density": 0.2 * step + 0.3 * box, "log_density_restricted": step + 0.2 * box, "bound": 4.0 + 0.1 * box}
        for step, n in enumerate(samples)
        for box in range(5)
    ]
    return cost_table(pd.DataFrame(lines) if lines else None, [5, 5, 3], 100, note)


def front(seeds, *, outside=TESTS[1:], absent=()):
    evidence = {"backbone": "srresnet", "extractor": "dasr", "setting": TESTS[0], "alphas": ALPHAS, "front": FRONT}
    measured = {}
    for test, seed in itertools.product([TESTS[0], *outside], range(seeds)):
        at = "" if test == TESTS[0] else f"@{TESTS[0]}"
        draws = [*(f"dasr.frechet-a{alpha}{at}" for alpha in ALPHAS), *(f"{draw}{at}" for draw in FRONT)]
        names = [f"{test}/{name}/seed{seed}" for name in (*draws, "uniform", f"oracle{at}")]
        measured |= {name: metrics(name) for name in names}
    spec = {"evidence": {**evidence, "outside": list(outside)}, "train": {"seeds": list(range(seeds))}}
    return front_table(measured, dict(absent), {**spec, "weights": {"floor": 0.05}})


CASES = {
    "idea": ("figure1", lambda: blur(3)),
    "idea of one seed": ("figure1", lambda: blur(1)),
    "motivation": ("figure2", lambda: blur(3)),
    "motivation of one seed": ("figure2", lambda: blur(1)),
    "stability": ("figure3", scatter),
    "stability of all": (
        "figure3",
        lambda: scatter(
            ["alexnet-imagenet", "alexnet-minc", "alexnet-random", "alexnet-random-1", "vgg22", "vgg54", "dasr", "dct"],
            counts=(10, 20, 50, 80),
            notes={"vgg54": "no weights for vgg54: resources/weights/vgg19-dcbb9e9d.pth is not there"},
        ),
    ),
    "concentration": ("figure5", lambda: concentration(3)),
    "concentration of one seed": ("figure5", lambda: concentration(1, extractor="alexnet-imagenet")),
    "concentration with methods": ("figure5", lambda: concentration(2, methods=["BSRNet", "Real-ESRNet"])),
    "front": ("figure14", lambda: front(3)),
    "front of one seed": ("figure14", lambda: front(1)),
    "front of one setting": ("figure14", lambda: front(2, outside=["setting1"])),
    "front of four settings": ("figure14", lambda: front(2, outside=[f"setting{number}" for number in (1, 2, 4, 5)])),
    "front without an extractor": (
        "figure14",
        lambda: front(2, absent={"dasr": "no such file", "dct": "no such file"}),
    ),
    "cost": ("figure15", costs),
    "cost of one size": ("figure15", lambda: costs([2000])),
    "cost of the first order alone": ("figure15", lambda: costs([], "no weights for vgg54")),
    "estimation": ("figure17", estimates),
    "estimation of one repeat": ("figure17", lambda: estimates(["traces"], ["0a"])),
    "estimation of three extractors": (
        "figure17",
        lambda: estimates(["traces", "dct", "alexnet-imagenet"], notes={"alexnet-minc": "textures: no such folder"}),
    ),
    "concentration without uniform": ("figure5", lambda: concentration(2, without=["uniform", "dasr.frechet-a5"])),
}


@functools.cache
def drawn(case):
    name, table = CASES[case][0], CASES[case][1]()
    return draw(name, table, STYLE, {}), table


def texts(figure):
    """Boxes of the texts that are drawn, by the text; labels of ticks outside their axis are not."""
    sides = [side for axis in figure.axes for side in (axis.xaxis, axis.yaxis)]
    hidden = set()
    for side in sides:
        low, high = sorted(side.get_view_interval())
        for label in [*side.get_ticklabels(), *side.get_minorticklabels()]:
            if not low <= label.get_position()[side.axis_name == "y"] <= high:
                hidden.add(id(label))
    boxes = {}
    for text in figure.findobj(Text):
        if text.get_visible() and text.get_text() and id(text) not in hidden:
            boxes[text] = text.get_window_extent()
    return boxes
