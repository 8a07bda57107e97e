"""Which results the figures and claims are drawn from, as the names that paths are made of."""

from collections.abc import Collection
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from degcraft import compared
from degcraft.inputs import data_path
from degcraft.spec import SAME, weighting_name
from degcraft.targets import tested

Config = dict[str, Any]

IMAGES = ("figure6", "figure7", "figure8", "figure10", "figure11", "figure12", "figure13")
LOOKALIKES = "figure16"
FIGURES = tuple(f"figure{number}" for number in range(1, 18))


def blur_models(config: Config) -> list[str]:
    """Models of Figures 1 and 2, as ``<backbone>/<test>/<draw>/seed<k>``."""
    evidence = config["evidence"]
    blur = evidence["blur"]
    return [
        f"{evidence['backbone']}/{test}/{tested('oracle', training, test)}/seed{seed}"
        for training in blur["trainings"]
        for test in dict.fromkeys([blur["test"], *blur["widths"]])
        for seed in config["train"]["seeds"]
    ]


def alpha_models(config: Config, absent: Collection[str] = ()) -> list[str]:
    """Models of Figure 5, on its setting and on those outside; alpha 0 is uniform, which is there anyway.

    Without the crafted ones where the extractor is in `absent`. The compared methods are those of Table 2.
    """
    evidence, places = config["evidence"], compared.filed(config)
    methods = [
        f"{backbone}/{test}/{draw}/seed{seed}"
        for backbone, draw in (places[row] for row in compared.BESIDE_ALPHA if row in places)
        for test in (evidence["setting"], *evidence["outside"])
        for seed in compared.seeds(draw, config["train"]["seeds"])
    ]
    return [*_over_alpha(config, absent), *methods]


def _over_alpha(config: Config, absent: Collection[str]) -> list[str]:
    evidence = config["evidence"]
    alphas = [] if evidence["extractor"] in absent else evidence["alphas"]
    crafted = [f"{evidence['extractor']}.{_frechet(alpha)}" for alpha in alphas if alpha]
    return _inside_and_outside(config, ["uniform", "oracle", *crafted])


def front_models(config: Config, absent: Collection[str] = ()) -> list[str]:
    """Models of Figure 14: those of Figure 5, and of the draws of ``evidence.front`` whose extractor is there."""
    draws = [draw for draw in config["evidence"]["front"] if draw.partition(".")[0] not in absent]
    return list(dict.fromkeys([*_over_alpha(config, absent), *_inside_and_outside(config, draws)]))


def _inside_and_outside(config: Config, draws: list[str]) -> list[str]:
    """Models under these draws, trained for ``evidence.setting``, tested there and outside."""
    evidence = config["evidence"]
    return [
        f"{evidence['backbone']}/{test}/{tested(draw, evidence['setting'], test)}/seed{seed}"
        for test in (evidence["setting"], *evidence["outside"])
        for draw in draws
        for seed in config["train"]["seeds"]
    ]


def map_weights(config: Config, absent: dict[str, str]) -> list[str]:
    """Bin weights of Figure 4, as ``<target>/<extractor>.<weighting>``; extractors in `absent` are left out."""
    evidence = config["evidence"]
    crafted = [(name, weighting_name(config)) for name in evidence["extractors"]]
    crafted += [(evidence["extractor"], _frechet(alpha)) for alpha in evidence["alphas"]]
    return [
        f"{evidence['setting']}{contents}/{extractor}.{weighting}"
        for contents in ("", SAME)
        for extractor, weighting in dict.fromkeys(crafted)
        if extractor not in absent
    ]


def lookalike_weights(config: Config, absent: Collection[str] = ()) -> list[str]:
    """Weights of Figure 16, as ``<target>/<draw>``; none where the extractor is in `absent`."""
    chosen = config["evidence"]["lookalikes"]
    there = chosen["draw"].partition(".")[0] not in absent
    return [f"{target}/{chosen['draw']}" for target in chosen["targets"] if there]


def image_extractors(config: Config, figure: str) -> list[str]:
    """Extractors of the crafted rows of a figure of crops.

    On a setting that Table 2 has, all of its rows; on another setting or an
    application, the one of ``evidence``.
    """
    evidence, tables = config["evidence"], config["tables"]
    backbone: str = evidence["backbone"]
    if evidence["images"][figure]["target"] in tables["settings"] and backbone in tables["backbones"]:
        listed: list[str] = tables["extractors"][backbone]
        return listed
    return [evidence["extractor"]]


def image_models(config: Config, figure: str, absent: Collection[str] = ()) -> list[str]:
    """Models whose SR images a figure of crops shows, in order, as ``<backbone>/<target>/<draw>/seed<k>``."""
    evidence = config["evidence"]
    target, backbone = evidence["images"][figure]["target"], evidence["backbone"]
    extractors = [name for name in image_extractors(config, figure) if name not in absent]
    crafted = [f"{name}.{weighting_name(config)}" for name in extractors]
    draws = ["uniform", *crafted, *(["oracle"] if target in config["settings"] else [])]
    return [f"{backbone}/{target}/{draw}/seed{config['train']['seeds'][0]}" for draw in draws]


def report_models(config: Config, application: str) -> list[str]:
    """Models behind the page of an application, the crafted one first, as ``<backbone>/<target>/<draw>/seed<k>``."""
    chosen, seed = config["report"], config["train"]["seeds"][0]
    return [f"{chosen['backbone']}/{application}/{draw}/seed{seed}" for draw in (chosen["draw"], *chosen["beside"])]


def vote_files(config: Config) -> list[str]:
    """CSV files of votes behind Figure 9, sorted: one, or those that a pattern names; none without votes.

    A pattern that names no file is given back as it stands, so that the workflow misses it.
    """
    votes = config["evidence"]["votes"]
    if votes == "none":
        return []
    place = Path(data_path(config, votes))
    if "*" not in place.name or not place.parent.is_dir():
        return [place.as_posix()]
    # Hidden files may have the suffix and be none (macOS: ._votes.csv).
    named = [file for file in place.parent.iterdir() if fnmatchcase(file.name, place.name) and file.name[0] != "."]
    return sorted(file.as_posix() for file in named) or [place.as_posix()]


def _frechet(alpha: float) -> str:
    return weighting_name({"weights": {"alpha": alpha}})
