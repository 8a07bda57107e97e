"""What can be asked for: targets, draws, models, and the paths that name them."""

import difflib
import re
from collections.abc import Iterable
from typing import Any

from degcraft import compared
from degcraft.errors import DegcraftError, unknown
from degcraft.sections import BICUBIC, BSRGAN, REALESRGAN, SHARPENED
from degcraft.spec import SAME, SECOND_ORDER, weighting_name

ANY = "any"  # stands for the target where a model serves them all
GENERAL_DRAWS = ("uniform", BICUBIC, BSRGAN, REALESRGAN, SHARPENED)  # of no target: one model serves them all
PLAIN_DRAWS = (*GENERAL_DRAWS, "oracle")
_SERVE_ALL = (*GENERAL_DRAWS, compared.BLIND, compared.PUBLISHED)  # also of the methods that are trained once
_NUMBER = r"[0-9]+(?:\.[0-9]+)?(?:e[+-]?[0-9]+)?"
WEIGHTING = rf"(?:frechet-a{_NUMBER}|frechet-auto|mixture|refined|{SECOND_ORDER})(?:-f{_NUMBER})?"

# Folders of results whose next parts are named by the config, in this order.
_PARTS = {
    "features": ["extractor"],
    "pretrained": ["extractor"],
    "distances": ["target", "extractor"],
    "posteriors": ["extractor"],
    "alphas": ["extractor"],
    "estimation": ["extractor"],
    "weights": ["target", "draw"],
    "models": ["backbone", "target", "draw"],
    "restored": ["backbone", "target", "draw"],
    "metrics": ["backbone", "target", "draw"],
    "exported": ["backbone", "target", "draw"],
    "checks": ["application"],
    "applications": ["application"],
}
_WITH_REFERENCES = ("distances", "weights")  # folders in which <setting>.same has files too
_TRAINED = ("models", "exported")  # folders of models themselves, which may be of any target
_TESTED = ("restored", "metrics")  # folders in which a draw may be <draw>@<target that it was trained for>


def targets(config: dict[str, Any]) -> list[str]:
    """All targets: settings, then applications."""
    return [*config["settings"], *config["applications"]]


def measured(config: dict[str, Any]) -> list[str]:
    """Targets with truth, on which models are measured: settings, and applications that name theirs."""
    return [*config["settings"], *(name for name, entry in config["applications"].items() if entry.get("truth"))]


def draw_pattern(config: dict[str, Any]) -> str:
    """Regular expression of every draw: oracle, a general one, or ``<extractor>.<weighting>``."""
    return rf"(?:uniform|oracle|{further_pattern(config)})"


def further_pattern(config: dict[str, Any]) -> str:
    """Regular expression of the draws that a table may show beside uniform and oracle."""
    extractors = "|".join(map(re.escape, config["extractors"]))
    return rf"(?:{'|'.join(GENERAL_DRAWS[1:])}|(?:{extractors})\.{WEIGHTING})"


def tested_draw_pattern(config: dict[str, Any]) -> str:
    """Regular expression of the draws of a tested model: ``<draw>@<target>`` was trained for another target."""
    return rf"{draw_pattern(config)}(?:@(?:{'|'.join(map(re.escape, targets(config)))}))?"


def model(backbone: str, target: str, draw: str, seed: str | int) -> str:
    """Folder of the model that is tested on a target under a draw.

    Examples
    --------
    >>> model("rrdb", "setting4", "dct.frechet-a25@setting3", 0), model("rrdb", "setting4", "uniform", 1)
    ('rrdb/setting3/dct.frechet-a25/seed0', 'rrdb/any/uniform/seed1')
    >>> model("ikc", "setting4", "blind", 0)
    'ikc/any/blind/seed0'
    """
    draw, _, trained_for = draw.partition("@")
    return f"{backbone}/{ANY if draw in _SERVE_ALL else trained_for or target}/{draw}/seed{seed}"


def trained(tested_model: str) -> str:
    """Folder of the model that is tested as ``<backbone>/<target>/<draw>/seed<k>``.

    Examples
    --------
    >>> trained("rrdb/setting4/uniform/seed1")
    'rrdb/any/uniform/seed1'
    """
    backbone, target, draw, seed = tested_model.split("/")
    return model(backbone, target, draw, seed.removeprefix("seed"))


def tested(draw: str, trained_for: str, target: str) -> str:
    """Draw, as tested on `target`, of a model that was trained for another target or the same.

    Examples
    --------
    >>> tested("oracle", "setting3", "setting4"), tested("oracle", "setting3", "setting3")
    ('oracle@setting3', 'oracle')
    """
    return draw if draw in GENERAL_DRAWS or trained_for == target else f"{draw}@{trained_for}"


def table_models(config: dict[str, Any]) -> list[str]:
    """Models that Table 2 shows, as ``<backbone>/<target>/<draw>/seed<k>``."""
    tables, weighting = config["tables"], weighting_name(config)
    ours = [
        f"{backbone}/{target}/{draw}/seed{seed}"
        for backbone in tables["backbones"]
        for target in tables["settings"]
        for draw in [
            *("uniform", "oracle"),
            *(f"{name}.{weighting}" for name in tables["extractors"][backbone]),
            *tables.get("draws", {}).get(backbone, []),
        ]
        for seed in config["train"]["seeds"]
    ]
    return list(dict.fromkeys([*ours, *compared.models(config)]))


def fitted(config: dict[str, Any]) -> list[str]:
    """Weights whose fit is judged, as ``<target>/<draw>``: further draws of Table 2, its settings, applications."""
    draws = dict.fromkeys(draw for listed in config["tables"].get("draws", {}).values() for draw in listed)
    judged = [draw for draw in draws if "." in draw and not draw.split(".", 1)[1].startswith("frechet")]
    return [
        f"{target}/{draw}" for target in (*config["tables"]["settings"], *config["applications"]) for draw in judged
    ]


def check(config: dict[str, Any], wanted: Iterable[str]) -> None:
    """Refuse asked-for result paths that name an unknown target, extractor, backbone or draw.

    Raises
    ------
    DegcraftError
        One line for each unknown name, with the nearest known one.
    """
    problems = [problem for path in wanted for problem in _problems(config, str(path))]
    if problems:
        raise DegcraftError("\n".join(problems))


def _problems(config: dict[str, Any], path: str) -> list[str]:
    parts = path.split("/")
    if parts[0] != "results" or len(parts) < 3 or parts[1] not in _PARTS:
        return []
    if ".." in parts or " " in path:
        return [f'{path}: ".." and spaces are not allowed in a target path']
    problems = []
    for noun, part in zip(_PARTS[parts[1]], parts[2:], strict=False):
        name = part.removesuffix(".csv").removesuffix(".json")
        if noun == "draw" and parts[1] != "weights" and (name in compared.DRAWS or parts[2] not in config["backbones"]):
            problems += _method_problems(config, parts[2], name)
        elif noun == "draw":
            problems += _draw_problems(config, parts[1], name)
        elif noun == "target":
            known = [*targets(config), *([ANY] if parts[1] in _TRAINED else [])]
            setting = name.removesuffix(SAME) if parts[1] in _WITH_REFERENCES else name
            if name not in known and setting not in config["settings"]:
                problems.append(unknown(noun, name, known))
            elif parts[1] == "metrics" and name not in measured(config):
                problems.append(
                    f"{name} has no truth to measure against; name its HR images in applications.{name}.truth, or "
                    f"look at results/restored/{'/'.join(parts[2:]).removesuffix('.csv')}"
                )
        elif name not in (known := config[f"{noun}s"] | (config["methods"] if noun == "backbone" else {})):
            problems.append(unknown(noun, name, known))
    if parts[1] in _TRAINED and len(parts) > 4 and (parts[3] == ANY) != (parts[4] in _SERVE_ALL):
        problems.append(
            f"{', '.join(_SERVE_ALL[:-1])} and {_SERVE_ALL[-1]} models, and only they, serve any target; write "
            f"results/{parts[1]}/{parts[2]}/{ANY}/{GENERAL_DRAWS[0]}"
        )
    if parts[1] in (*_TRAINED, *_TESTED) and parts[4:5] == ["oracle"] and parts[3] in config["applications"]:
        problems.append(f"oracle draws from the known ranges of a setting, and {parts[3]} has none; write uniform")
    return [f"{path}: {problem}" for problem in problems]


def _method_problems(config: dict[str, Any], name: str, draw: str) -> list[str]:
    """Why a compared method has no such models."""
    if name not in config["methods"]:
        return [unknown("method", name, config["methods"])] if name in config["backbones"] else []  # said before
    filed = compared.place(name, config["methods"][name])
    return [] if filed == (name, draw) else [f"the models of {name} are {filed[0]}/<target>/{filed[1]}; write that"]


def _draw_problems(config: dict[str, Any], folder: str, name: str) -> list[str]:
    pattern = tested_draw_pattern(config) if folder in _TESTED else draw_pattern(config)
    if re.fullmatch(pattern, name):
        return []
    crafted = [f"{extractor}.{weighting_name(config)}" for extractor in config["extractors"]]
    draw, _, target = name.partition("@")
    if target and folder in _TESTED and re.fullmatch(draw_pattern(config), draw):
        return [unknown("target", target, targets(config))]
    near = difflib.get_close_matches(name, [*PLAIN_DRAWS, *crafted], n=1)
    return [unknown("draw", name, near or [*PLAIN_DRAWS, f"<extractor>.{weighting_name(config)}"])]
