"""What can be asked for: draws, models, and the paths that name them."""

import re
from collections.abc import Iterable
from typing import Any

from degcraft.errors import DegcraftError, unknown
from degcraft.spec import weighting_name

ANY = "any"  # stands for the target where a model serves them all
PLAIN_DRAWS = ("uniform", "oracle")
WEIGHTING = r"frechet-a[0-9]+(?:\.[0-9]+)?(?:e[+-]?[0-9]+)?"

# Folders of results whose next parts are named by the config, in this order.
_PARTS = {
    "features": ["extractor"],
    "distances": ["setting", "extractor"],
    "weights": ["setting", "draw"],
    "models": ["backbone", "setting", "draw"],
    "restored": ["backbone", "setting", "draw"],
    "metrics": ["backbone", "setting", "draw"],
}
_SECTIONS = {"extractor": "extractors", "setting": "settings", "backbone": "backbones"}


def draw_pattern(config: dict[str, Any]) -> str:
    """Regular expression of every draw: uniform, oracle, or ``<extractor>.<weighting>``."""
    extractors = "|".join(map(re.escape, config["extractors"]))
    return rf"{'|'.join(PLAIN_DRAWS)}|(?:{extractors})\.{WEIGHTING}"


def table_models(config: dict[str, Any]) -> list[str]:
    """Models that Table 2 shows, as ``<backbone>/<target>/<draw>/seed<k>``."""
    tables, weighting = config["tables"], weighting_name(config)
    return [
        f"{backbone}/{target}/{draw}/seed{seed}"
        for backbone in tables["backbones"]
        for target in tables["settings"]
        for draw in (*PLAIN_DRAWS, *(f"{name}.{weighting}" for name in tables["extractors"][backbone]))
        for seed in config["train"]["seeds"]
    ]


def check(config: dict[str, Any], wanted: Iterable[str]) -> None:
    """Refuse asked-for result paths that name an unknown setting, extractor, backbone or draw.

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
    crafted = [f"{name}.{weighting_name(config)}" for name in config["extractors"]]
    problems = []
    for noun, part in zip(_PARTS[parts[1]], parts[2:], strict=False):
        name = part.removesuffix(".csv")
        if noun == "draw":
            if not re.fullmatch(draw_pattern(config), name):
                problems.append(unknown(noun, name, [*PLAIN_DRAWS, *crafted]))
        elif name not in config[_SECTIONS[noun]] and (name != ANY or parts[1] != "models"):
            problems.append(unknown(noun, name, config[_SECTIONS[noun]]))
    if parts[1] == "models" and len(parts) > 4 and (parts[3] == ANY) != (parts[4] == "uniform"):
        problems.append(
            f"uniform models, and only they, serve any target; write results/models/{parts[2]}/{ANY}/uniform"
        )
    return [f"{path}: {problem}" for problem in problems]
