import functools
import itertools

import pandas as pd
from matplotlib.text import Text

from degcraft.evidence.alpha import alpha_table
from degcraft.evidence.blur import blur_table
from degcraft.evidence.stability import stability, stability_table
from degcraft.figures import draw
from degcraft.figures.style import Style
from degcraft.streams import stream
from tests.conftest import ROOT

STYLE = Style(width=3.35, font=7, dpi=100)
PAPER = pd.read_csv(ROOT / "resources" / "paper" / "table2.csv")
ALPHAS = [0, 1, 5, 10, 15, 25, 50, 100]
TESTS = ["setting3", "setting1", "setting4"]
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
    "concentration without uniform": ("figure5", lambda: concentration(2, without=["uniform", "dasr.frechet-a5"])),
}


@functools.cache
def drawn(case):
    name, table = CASES[case][0], CASES[case][1]()
    return draw(name, table, STYLE, {}), table


def texts(figure):
    """Boxes of the texts that are drawn, by the text; labels of ticks outside their axis are not."""
    sides = [(axis, side) for axis in figure.axes for side in (axis.xaxis, axis.yaxis)]
    labels = {
        id(label): axis for axis, side in sides for label in [*side.get_ticklabels(), *side.get_minorticklabels()]
    }
    tight = {axis: axis.get_tightbbox().padded(1) for axis in figure.axes}
    boxes = {}
    for text in figure.findobj(Text):
        if text.get_visible() and text.get_text():
            box = text.get_window_extent()
            if id(text) not in labels or tight[labels[id(text)]].contains(*box.p0):
                boxes[text] = box
    return boxes
