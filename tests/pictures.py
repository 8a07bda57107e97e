import functools
import itertools

import numpy as np
import pandas as pd
from matplotlib.text import Text

from degcraft.bins import PARAMETERS, Mixture, Region, grid, true_weights
from degcraft.evidence.crops import Scene, comparison_table
from degcraft.evidence.lookalikes import RANGES, Material, Source, lookalike_table
from degcraft.evidence.maps import map_table
from degcraft.evidence.sharpness import sharpness_table
from degcraft.evidence.votes import no_votes, read_votes, vote_table
from degcraft.figures import draw
from degcraft.figures.style import Style
from degcraft.streams import stream
from degcraft.weighting.frechet import bin_weights
from tests.conftest import photo_like

STYLE = Style(width=3.35, font=7, dpi=100)
PAPER = {"blur": ([0, 5], 5), "noise": ([0, 50], 5), "quality": ([30, 90], 3)}
FINE = {"blur": ([0, 5], 10), "noise": ([0, 50], 10), "quality": ([30, 90], 6)}
COARSE = {"blur": ([0, 5], 2), "noise": ([0, 50], 3), "quality": ([30, 90], 1)}
SETTING3 = Region((1.5, 2.5), (5, 15), (75, 85))
ALPHAS = [0, 1, 5, 10, 15, 25, 50, 100]
SEVEN = ["alexnet-imagenet", "alexnet-minc", "alexnet-random", "alexnet-random-1", "alexnet-random-2", "vgg22", "vgg54", "dasr", "dct"]  # fmt: skip
ABSENT = {
    "dasr": "no weights for dasr: resources/weights/dasr.safetensors is not there",
    "vgg54": "no weights for vgg54",
}


def maps(extractors=SEVEN, alphas=ALPHAS, contents=("disjoint", "same"), space=PAPER, absent=(), without=()):
    regions = grid({name: {"range": ends, "count": count} for name, (ends, count) in space.items()})
    lines = [
        {f"{name}_{end}": getattr(region, name)[at] for name in PARAMETERS for at, end in enumerate(("low", "high"))}
        for region in regions
    ]
    files = {}
    for extractor, kind in itertools.product(extractors, contents):
        distances = stream(0, "test", "figures", extractor, kind).uniform(1, 2, len(regions))
        for alpha in dict.fromkeys([25, *(alphas if extractor == "alexnet-random" else [])]):
            weight = bin_weights(distances, alpha)
            files[extractor, f"frechet-a{alpha}", kind] = pd.DataFrame(lines).assign(
                bin=range(len(lines)), weight=weight
            )
    for key in without:
        del files[key]
    families = {name: "alexnet-random" if name.startswith("alexnet-random") else name for name in extractors}
    return map_table(files, true_weights(regions, SETTING3), families, "setting3", dict(absent)), {}


def scene(name, rows, truth=True, height=30, width=45):
    original = photo_like(len(name), 4 * height, 4 * width)
    restored = {}
    for number, row in enumerate(rows):
        noise = stream(0, "test", "figures", name, row).normal(0, 4 + 3 * number, original.shape)
        restored[row] = np.clip(original + noise, 0, 255).astype(np.uint8)
    psnr = {row: 31.5 - number for number, row in enumerate(rows)} if truth else {}
    return Scene(name, original[1::4, 1::4].copy(), restored, original if truth else None, psnr)


FEW, MANY = (
    ["uniform", "dct", "oracle"],
    ["uniform", "alexnet-imagenet", "alexnet-random", "vgg22", "dasr", "dct", "oracle"],
)


def comparison(names, rows, truth=True, absent=(), **size):
    scenes = [scene(name, rows, truth, **size) for name in names]
    return comparison_table(scenes, {}, dict(absent), "auto", 12, 4, "evidence.images.figure6")


def sharpness(rows, truth=True, absent=(), **size):
    one = scene("park", rows, truth, **size)
    return sharpness_table(one, {}, dict(absent), "auto", 12, 4, "evidence.images.figure8")


DEGRADATION = {"kernel_size": 21, "downsampling": "bicubic", "noise": "colour", "chroma": "4:2:0"}
FIT = {"verdict": "partly explained", "explained": 0.9, "expected": 0.96}
FOUND = FIT | dict(zip(RANGES, (1.26, 2.62, 2.5, 16.2, 73.5, 85.5), strict=True))


def material(seed, references=8, crafted=True, fit=FOUND, side=72):
    """Material of one target, and its references by the way."""
    real = np.stack([photo_like(10 * seed + number, side, side) for number in range(references)])
    sources = (
        {"crafted": Source("traces.refined-f0.1", Mixture([SETTING3], np.ones(1)), DEGRADATION)} if crafted else {}
    )
    sources["uniform"] = Source("uniform", Mixture([Region((0, 5), (0, 50), (30, 90))], np.ones(1)), DEGRADATION)
    return Material(real, sources, fit if crafted else {})


def lookalikes(targets, count=6, absent=(), **options):
    contents = [photo_like(100 + number, 288, 288) for number in range(7)]
    materials = {target: material(seed, **options) for seed, target in enumerate(targets)}
    rngs = functools.partial(stream, 0, "test", "lookalikes")
    return lookalike_table(materials, contents, count, dict(absent), rngs)


def votes(methods, voters=12, images=6):
    lines = ["voter,image,method,rank"]
    for voter, image in itertools.product(range(voters), range(images)):
        liked = np.arange(len(methods)) + stream(0, "test", "figures", voter, image).normal(0, 1.2, len(methods))
        lines += [f"v{voter},i{image},{methods[at]},{rank}" for rank, at in enumerate(np.argsort(liked), 1)]
    return vote_table(read_votes("\n".join(lines).encode(), "votes.csv")), {}


CASES = {
    "maps": ("figure4", lambda: maps(absent={"vgg16": "no weights for vgg16"})),
    "maps of one extractor": ("figure4", lambda: maps(["dct"], contents=["disjoint"])),
    "maps without alphas": ("figure4", lambda: maps(["dct", "vgg22"], alphas=[])),
    "maps of disjoint contents": ("figure4", lambda: maps(contents=["disjoint"], absent=ABSENT)),
    "maps of fine bins": ("figure4", lambda: maps(["dct", "alexnet-random", "alexnet-random-1"], space=FINE)),
    "maps of coarse bins": ("figure4", lambda: maps(["dct", "alexnet-random"], [1, 25], space=COARSE)),
    "maps with a gap": ("figure4", lambda: maps(without=[("dct", "frechet-a25", "same")])),
    "comparison of one": ("figure6", lambda: comparison(["boat"], FEW)),
    "comparison of three": ("figure10", lambda: comparison(["boat", "tree", "house"], FEW, absent=ABSENT)),
    "comparison of the default": ("figure6", lambda: comparison(["boat", "tree", "house"], ["uniform", "alexnet-random", "dct", "oracle"])),
    "comparison of four and all rows": ("figure11", lambda: comparison(["boat", "tree", "house", "garden"], MANY)),
    "comparison of upright images": ("figure13", lambda: comparison(["tree", "1"], MANY, height=45, width=20)),
    "comparison without truth": ("figure7", lambda: comparison(["boat", "tree"], FEW, truth=False, absent=ABSENT)),
    "sharpness": ("figure8", lambda: sharpness(FEW, absent=ABSENT)),
    "sharpness of all rows": ("figure8", lambda: sharpness(MANY)),
    "sharpness without truth": ("figure8", lambda: sharpness(["uniform", "dct"], truth=False, height=60)),
    "lookalikes": ("figure16", lambda: lookalikes(["setting3", "film", "phone"])),
    "lookalikes of one": ("figure16", lambda: lookalikes(["film"], count=4)),
    "lookalikes of many crops": ("figure16", lambda: lookalikes(["film", "phone"], count=7)),
    "lookalikes without ranges": ("figure16", lambda: lookalikes(["film", "phone"], fit=FIT)),
    "lookalikes without weights": ("figure16", lambda: lookalikes(["film", "phone"], crafted=False, absent={"crafted": "no such file"})),
    "votes": ("figure9", lambda: votes(["oracle", "dct", "Real-ESRNet", "BSRNet", "uniform"])),
    "votes on two": ("figure9", lambda: votes(["dct", "uniform"], voters=1)),
    "no votes": ("figure9", lambda: (no_votes("evidence.votes is none"), {})),
}  # fmt: skip


@functools.cache
def drawn(case):
    """Figure, table and crops of a case; no test changes them."""
    name, (table, images) = CASES[case][0], CASES[case][1]()
    return draw(name, table, STYLE, images), table, images


def axes(figure):
    return {axis.get_label(): axis for axis in figure.axes}


def notes(axis):
    return [text.get_text() for text in axis.texts]


def shown(axis):
    (image,) = axis.get_images()
    return image.get_array()


def boxes(figure):
    """Boxes of all texts that are drawn, by the text; ticks have them where they are labelled."""
    found = {}
    for text in figure.findobj(Text):
        if (
            text.get_visible()
            and text.get_text()
            and (text.axes is None or text.axes.axison or text in text.axes.texts)
        ):
            found[text] = text.get_window_extent()
    limits = {
        id(label): (axis, side)
        for axis in figure.axes
        for side in "xy"
        for label in getattr(axis, f"get_{side}ticklabels")()
    }
    for text in list(found):
        if id(text) in limits:
            axis, side = limits[id(text)]
            low, high = sorted(getattr(axis, f"get_{side}lim")())
            if not low - 1e-9 <= text.get_position()["xy".index(side)] <= high + 1e-9:
                del found[text]
    return found
