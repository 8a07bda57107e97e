import copy
import math

import pytest

from degcraft.config import leaves, merge
from degcraft.schema import options
from tests.validated import problems

SETTING = {"blur": [0, 1], "noise": [0, 1], "quality": [80, 90]}
BAD = [
    # unknown and missing keys
    ({"trian": {"lr": 1}}, 'trian: unknown key; did you mean "train"?'),
    ({"train": {"iteratoins": 5}}, 'train.iteratoins: unknown key; did you mean "iterations"?'),
    ({"alpha": 10}, 'alpha: unknown key; did you mean "weights.alpha"?'),
    ({"bins": {"blur": {"zzz": 1}}}, "bins.blur.zzz: unknown key; known here: range, count"),
    ({"extractors": {"new": {}}}, "extractors.new.kind: missing; add it, one of alexnet, vgg, dasr, dct"),
    ({"extractors": {"new": {"kind": "vgg", "weights": "torchvision"}}}, "extractors.new.layer: missing; add it, [i, j], "),
    ({"backbones": {"new": {"kind": "rrdb", "width": 4, "blocks": 1}}}, "backbones.new.growth: missing; add it, an integer >= 1"),
    # types
    ({"weights": {"alpha": "25"}}, 'weights.alpha: expected a number >= 0, got "25" (write 25)'),
    ({"train": {"lr": "2e-4"}}, 'train.lr: expected a number > 0, got "2e-4" (write 0.0002)'),
    ({"train": {"lr_floor": "1e-7"}}, 'train.lr_floor: expected a number >= 0, got "1e-7" (write 1.0e-07)'),
    ({"train": {"batch": 8.0}}, "train.batch: expected an integer >= 1, got 8.0 (write 8)"),
    ({"train": {"batch": True}}, "train.batch: expected an integer >= 1, got true"),
    ({"train": {"seeds": 0}}, "train.seeds: expected a list of different integers >= 0, got 0 (write [0])"),
    ({"train": {"seeds": [1, 1]}}, "train.seeds: expected a list of different integers >= 0, got [1, 1]"),
    ({"train": {"seeds": []}}, "train.seeds: expected a list of different integers >= 0, got []"),
    ({"compute": None}, "compute: expected a section of options, got null"),
    ({"prepare": {"train": {"images": "photos"}}}, "prepare.train.images: expected a list of folders, "),
    ({"prepare": {"train": {"images": [{"list": "a.txt"}]}}}, "prepare.train.images[0].list: expected the path of a .csv file"),
    ({"prepare": {"train": {"images": [{"where": {}}]}}}, "prepare.train.images[0].list: missing"),
    ({"data": 5}, "data: expected a folder, got 5"),
    # limits
    ({"weights": {"alpha": -1}}, "weights.alpha: expected a number >= 0, got -1"),
    ({"weights": {"alpha": "much"}}, 'weights.alpha: expected a number >= 0, got "much"'),
    ({"weights": {"alpha": math.nan}}, "weights.alpha: expected a number >= 0, got NaN"),
    ({"weights": {"alpha": math.inf}}, "weights.alpha: expected a number >= 0, got Infinity"),
    ({"weights": {"alpha": None}}, "weights.alpha: expected a number >= 0, got null"),
    ({"weights": {"alpha": 25.1234567}}, "weights.alpha: expected at most six digits, "),
    ({"seed": -1}, "seed: expected an integer >= 0, got -1"),
    ({"bins": {"blur": {"count": 0}}}, "bins.blur.count: expected an integer >= 1, got 0"),
    ({"bins": {name: {"count": 1} for name in SETTING}}, "bins: one bin in all, at least two are needed"),
    ({"bins": {"blur": {"range": [5, 0]}}}, "bins.blur.range: expected [low, high], two numbers >= 0 with low < high, got [5, 0] (write [0, 5])"),
    ({"bins": {"noise": {"range": [5, 5]}}}, "bins.noise.range: expected [low, high], two numbers >= 0 with low < high, got [5, 5]"),
    ({"bins": {"noise": {"range": [-1, 5]}}}, "bins.noise.range[0]: expected a number >= 0, got -1"),
    ({"bins": {"noise": {"range": [1, 2, 3]}}}, "bins.noise.range: expected [low, high], "),
    ({"bins": {"quality": {"range": [0, 90]}}}, "bins.quality.range[0]: expected a number >= 1 and <= 100, got 0"),
    ({"settings": {"setting1": {"quality": [90, 80]}}}, "settings.setting1.quality: expected [low, high], two numbers from 1 to 100 with low <= high, or none, got [90, 80] (write [80, 90])"),
    ({"settings": {"setting1": {"quality": [90, 101]}}}, "settings.setting1.quality: expected [low, high], two numbers from 1 to 100 with low <= high, or none, got [90, 101]"),
    ({"settings": {"setting1": {"quality": "all"}}}, "settings.setting1.quality: expected [low, high], two numbers from 1 to 100 with low <= high, or none, got \"all\""),
    ({"settings": {"setting1": {"blur": [-0.5, 1]}}}, "settings.setting1.blur[0]: expected a number >= 0, got -0.5"),
    ({"degradation": {"kernel_size": 20}}, "degradation.kernel_size: expected an odd integer >= 3, got 20"),
    ({"degradation": {"downsampling": "bicubik"}}, 'degradation.downsampling: expected one of bicubic, area, stride, got "bicubik" (write bicubic)'),
    ({"degradation": {"chroma": 14520}}, 'degradation.chroma: expected one of "4:2:0", "4:2:2", "4:4:4", with the quotes, got 14520'),
    ({"prepare": {"crop": 290}}, "prepare.crop: expected an integer >= 32, a multiple of 4, got 290"),
    ({"prepare": {"references": {"count": 1}}}, "prepare.references.count: expected an integer >= 2, got 1"),
    ({"prepare": {"test": {"count": 0}}}, "prepare.test.count: expected an integer >= 1, or null for all, got 0"),
    ({"train": {"patch": 65}}, "train.patch: expected an integer >= 4, a multiple of 4, got 65"),
    ({"train": {"lr": 0}}, "train.lr: expected a number > 0, got 0"),
    ({"train": {"lr_floor": 1}}, "train.lr_floor: expected at most train.lr, 0.002, got 1"),
    ({"train": {"betas": [0.9, 1]}}, "train.betas[1]: expected a number >= 0 and < 1, got 1"),
    ({"train": {"ema": 1}}, "train.ema: expected a number >= 0 and < 1, got 1"),
    ({"weights": {"floor": 1.5}}, "weights.floor: expected a number >= 0 and <= 1, got 1.5"),
    ({"weights": {"floor": -0.1}}, "weights.floor: expected a number >= 0 and <= 1, got -0.1"),
    ({"posterior": {"folds": 1}}, "posterior.folds: expected an integer >= 2, got 1"),
    ({"posterior": {"components": 0}}, "posterior.components: expected an integer >= 1, got 0"),
    ({"posterior": {"width": 64.0}}, "posterior.width: expected an integer >= 1, got 64.0 (write 64)"),
    ({"distances": {"ddof": 2}}, "distances.ddof: expected one of 0, 1, got 2"),
    ({"evaluate": {"metrics": ["psnr_y", "psnr_y"]}}, "evaluate.metrics: expected a list of different metrics, "),
    ({"evaluate": {"metrics": ["psnr"]}}, "evaluate.metrics[0]: expected one of psnr_y, psnr_rgb, ssim_y, ssim_rgb, lpips"),
    # options that do not go together
    ({"extractors": {"dct": {"layer": [2, 2]}}}, "extractors.dct: layer does not go with kind: dct; remove it"),
    ({"extractors": {"traces": {"weights": "random", "seed": 0}}}, "extractors.traces: weights does not go with kind: traces"),
    ({"extractors": {"vgg22": {"seed": 1}}}, "extractors.vgg22: seed does not go with kind: vgg, weights: torchvision"),
    ({"extractors": {"vgg22": {"weights": "random"}}}, "extractors.vgg22.seed: missing; add it, an integer >= 0"),
    ({"extractors": {"vgg22": {"layer": [2, 3]}}}, "extractors.vgg22.layer: expected [i, j], with i from 1 to 5, "),
    ({"extractors": {"dasr": {"weights": "torchvision"}}}, "extractors.dasr.weights: expected random, trained or the path of "),
    ({"extractors": {"vgg54": {"weights": "vgg.h5"}}}, "extractors.vgg54.weights: expected torchvision, random, trained or the path of a .safetensors, .pth or .pt file"),
    ({"extractors": {"vgg54": {"weights": "trained"}}}, "extractors.vgg54.weights: expected torchvision, random or the path of"),
    ({"extractors": {"own": {"kind": "alexnet", "weights": "trained"}}}, "extractors.own.textures: missing; add it"),
    ({"extractors": {"vgg22": {"textures": "minc"}}}, "extractors.vgg22: textures does not go with kind: vgg, weights: torchvision; remove it"),
    # targets and evidence
    ({"applications": {"setting1": {"images": ["a"], "packaged": [], "references": {"count": 30}, "window": 64, "count": 1}}}, "applications.setting1: settings has this name too"),
    ({"applications": {"archive": {"packaged": []}}}, "applications.archive: no images; name a folder in images"),
    ({"applications": {"archive": {"references": 100}}}, "applications.archive.references: expected options such as {count: 100, min: 20, crops: []}, got 100"),
    ({"applications": {"archive": {"references": {"count": 10}}}}, "applications.archive.references.min: expected at most count, 10, got 20 (write 10)"),
    ({"applications": {"archive": {"references": {"min": 1}}}}, "applications.archive.references.min: expected an integer >= 2, got 1"),
    ({"applications": {"archive": {"reduce": 0}}}, "applications.archive.reduce: expected an integer >= 1, got 0"),
    ({"applications": {"archive": {"truth": "hr"}}}, 'applications.archive.truth: expected a list of folders, patterns (FOLDER/*.png), or {list: FILE.csv, where: {COLUMN: VALUE}}, got "hr" (write [hr])'),
    ({"pretrain": {"dasr": {"queue": 1000}}}, "pretrain.dasr.queue: expected a multiple of the batch, 16, got 1000 (write 1008)"),
    ({"evidence": {"alphas": [0, 25, 0.1234567]}}, "evidence.alphas[2]: expected at most six digits, for it names files"),
    ({"evidence": {"stability": {"counts": [10, 400]}}}, "evidence.stability.counts: two sets of 400 images are drawn from 600; lower it, or set prepare.stability.count to 800 or more"),
    ({"evidence": {"blur": {"widths": ["blur-0", "blur-wide"]}}}, "evidence.blur.widths: blur-wide has the range [0, 4]; a single width is needed"),
    ({"evidence": {"blur": {"trainings": ["blur-wide", "blur-matched"]}}}, "evidence.blur.trainings: expected three different names of settings"),
    ({"evidence": {"images": {"figure6": {"target": "archives"}}}}, 'evidence.images.figure6.target: unknown target "archives"; did you mean "archive"?'),
    ({"evidence": {"images": {"figure7": {"crop": "best"}}}}, "evidence.images.figure7.crop: expected auto, or [left, top], two integers >= 0"),
    ({"evidence": {"images": {"figure9": {"target": "archive"}}}}, "evidence.images.figure9: unknown key; expected figure6, figure7"),
    ({"evidence": {"front": ["traces.refined", "traces.refind"]}}, "evidence.front: traces.refind: expected an extractor, a dot and a weighting"),
    ({"evidence": {"front": ["oracle"]}}, "evidence.front: oracle: expected an extractor, a dot and a weighting"),
    ({"evidence": {"lookalikes": {"draw": "dct.frechet-a25"}}}, "evidence.lookalikes.draw: dct.frechet-a25: expected an extractor, a dot and a weighting with a verdict"),
    ({"evidence": {"lookalikes": {"draw": "second-order"}}}, "evidence.lookalikes.draw: second-order: expected an extractor"),
    ({"evidence": {"lookalikes": {"targets": ["archives"]}}}, 'evidence.lookalikes.targets: unknown target "archives"; did you mean "archive"?'),
    ({"evidence": {"votes": "votes.txt"}}, "evidence.votes: expected none or the path of a .csv file"),
    ({"figures": {"font": 4}}, "figures.font: expected a number >= 6 and <= 16, got 4"),
    ({"backbones": {"srresnet": {"growth": 8}}}, "backbones.srresnet: growth does not go with kind: srresnet; remove it"),
    # names
    ({"settings": {"my/film": SETTING}}, 'settings: "my/film" cannot name files; use lower-case letters, digits and hyphens (write my-film)'),
    ({"settings": {"..": SETTING}}, 'settings: ".." cannot name files; use lower-case letters, digits and hyphens (write name)'),
    ({"settings": {"My Film": SETTING}}, 'settings: "My Film" cannot name files; use lower-case letters, digits and hyphens (write my-film)'),
    ({"settings": {"film\n": SETTING}}, r'settings: "film\n" cannot name files'),
    ({"settings": {"any": SETTING}}, 'settings: "any" has a meaning of its own in file names; choose another name'),
    ({"settings": {1: SETTING}}, 'settings.1: the name is not text; put it in quotes (write "1")'),
    ({"extractors": {"oracle": {"kind": "dct"}}}, 'extractors: "oracle" has a meaning of its own in file names'),
    ({"extractors": {"a.b": {"kind": "dct"}}}, 'extractors: "a.b" cannot name files'),
    ({"backbones": {"a b": {"kind": "srresnet", "width": 4, "blocks": 1}}}, 'backbones: "a b" cannot name files'),
    ({"tables": {"settings": ["setting9"]}}, 'tables.settings[0]: unknown setting "setting9"; did you mean "setting4"?'),
    ({"tables": {"backbones": ["rdb"]}}, 'tables.backbones[0]: unknown backbone "rdb"; did you mean "rrdb"?'),
    ({"tables": {"extractors": {"rrdb": ["lpips"]}}}, 'tables.extractors.rrdb[0]: unknown extractor "lpips"; known: alexnet-imagenet, '),
    ({"tables": {"extractors": {"my net": []}}}, 'tables.extractors: unknown backbone "my net"; known: srresnet, rrdb'),
    # image sets
    ({"prepare": {"test": {"packaged": ["chelsae"]}}}, "prepare.test.packaged[0]: expected one of astronaut, "),
    ({"prepare": {"test": {"packaged": ["camera"]}}}, "prepare.test.packaged: camera is in prepare.train.packaged too"),
    ({"prepare": {"test": {"packaged": []}}}, "prepare.test: no images; name a folder in images or a photograph in packaged"),
    ({"prepare": {"bins": {"packaged": [], "dead_leaves": 0}}}, "prepare.bins: no images; name a folder in images or a photograph in packaged, or let dead_leaves be > 0"),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "line"), BAD, ids=[line.split(";")[0][:60] for _, line in BAD])
def test_bad_input_gets_one_plain_line(default_config, changes, line):
    (found,) = problems(merge(default_config, changes))
    assert found.startswith(f"config.yaml: {line}")


OPTIONAL = {
    f"applications.<application>.{name}"
    for name in ("reduce", "truth", "references.count", "references.min", "references.crops")
}
OPTIONAL |= {"tables.draws.<backbone>", "tables.methods", "backbones.<backbone>.dropout"}
OPTIONAL |= {"methods.<method>"}


@pytest.mark.parametrize(
    "path", sorted({path.split(".")[0] for path in options()} | set(options()) - {"data"} - OPTIONAL)
)
def test_every_option_is_required_where_its_kind_has_it(default_config, path):
    config = copy.deepcopy(default_config)
    *parents, last = place = owned(config, path.split("."))
    node = config
    for key in parents:
        node = node[key]
    del node[last]
    assert any(f"{'.'.join(place)}: missing; " in line for line in problems(config))


def owned(node, path):
    """The path with the first entry that has the option in the place of each <name>; None if there is none."""
    key, *rest = path
    names = list(node) if key.startswith("<") else [key] if key in node else []
    ends = [] if rest else [[name] for name in names]
    for name in names if rest else ():
        below = owned(node[name], rest) if isinstance(node[name], dict) else None
        ends += [[name, *below]] if below else []
    return ends[0] if ends else None


def test_a_missing_section_is_told(default_config):
    config = {key: section for key, section in default_config.items() if key != "features"}
    assert problems(config) == ["config.yaml: features: missing; add it with all its options, as config.yaml has it"]


def test_all_problems_come_at_once_and_once_each(default_config):
    changes = [
        {"trian": {}},
        {"weights": {"alpha": "25"}},
        {"bins": {"blur": {"range": [5, 0]}, "noise": {"count": 0}}},
        {"settings": {"my film": SETTING}},
        {"tables": {"settings": ["setting7"]}},
        {"prepare": {"test": {"packaged": ["camera", "camera"]}}},
    ]
    config = default_config
    for change in changes:
        config = merge(config, change)
    found = problems(config)
    places = [line.split(": ")[1] for line in found]
    assert places == [
        "trian", "bins.blur.range", "bins.noise.count", "settings", "prepare.test.packaged", "weights.alpha",
        "tables.settings[0]", "prepare.test.packaged",
    ]  # fmt: skip


def test_the_order_of_sections_does_not_matter(default_config):
    assert problems(dict(reversed(default_config.items()))) == []


def test_a_backbone_of_the_tables_needs_its_extractors(default_config):
    config = copy.deepcopy(default_config)
    del config["tables"]["extractors"]["rrdb"]
    assert problems(config) == [
        "config.yaml: tables.extractors.rrdb: missing; tables.backbones has it (write rrdb: [])",
    ]


@pytest.mark.parametrize(
    "changes",
    [
        {"settings": {"setting1": {"blur": [1, 1]}}},
        {"settings": {"my-film": SETTING}, "tables": {"settings": ["my-film"]}},
        {"weights": {"alpha": 0}},
        {"weights": {"alpha": 2.5}},
        {"bins": {"blur": {"count": 1}, "noise": {"count": 1}}},
        {"tables": {"extractors": {"rrdb": []}}},
        {"tables": {"backbones": ["rrdb"]}},
        {
            "prepare": {
                "train": {"images": ["a", {"list": "b.csv"}, {"list": "c.csv", "where": {"group": "A", "n": 3}}]}
            }
        },
        {"extractors": {"vgg": {"kind": "vgg", "layer": [3, 4], "weights": "random", "seed": 3}}},
        {"extractors": {"dasr": {"weights": "random", "seed": 3}}},
        {
            "applications": {
                "film": {"images": ["a"], "packaged": [], "references": {"count": 30}, "window": 64, "count": 1}
            }
        },
        {"applications": {"archive": {"images": ["a/*_LR.png"], "packaged": [], "truth": ["a/*_HR.png", "b"]}}},
    ],
)
def test_unusual_but_right(default_config, changes):
    assert problems(merge(default_config, changes)) == []


def at(path, value):
    for key in reversed(path.split(".")):
        value = {key: value}
    return value


@pytest.mark.parametrize(
    "value", [None, math.nan, 10**400, "x", [{}], [[1], "a"], {1: 2}], ids=lambda value: str(value)[:9]
)
def test_no_value_breaks_the_validation(default_config, value):
    paths = {path.rsplit(".", up)[0] for path, _, _ in leaves(default_config) for up in range(path.count(".") + 1)}
    # The first change makes room: a map would be merged into the one that is there.
    refused = [path for path in paths if problems(merge(merge(default_config, at(path, None)), at(path, value)))]
    assert len(refused) > 50
