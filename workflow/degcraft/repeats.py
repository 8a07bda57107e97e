"""Repeats of the measurement of estimates: their names and files, and what their jobs read of the config."""

from collections.abc import Collection
from typing import Any

Section = dict[str, Any]

# In role a, bins and references have their own contents; in role b, one another's.
ROLES = ("a", "b")
PATTERN = f"seed[0-9]+[{''.join(ROLES)}]"
SETS = ("targets", "second-order")  # what the stage synthesize makes for them


def repeats(config: Section) -> list[str]:
    """Names of all repeats.

    Examples
    --------
    >>> repeats({"estimation": {"seeds": [0, 1], "roles": ["a", "b"]}})
    ['seed0a', 'seed0b', 'seed1a', 'seed1b']
    """
    estimation = config["estimation"]
    return [f"seed{seed}{role}" for seed in estimation["seeds"] for role in estimation["roles"]]


def tables(config: Section, absent: Collection[str] = ()) -> list[str]:
    """Measurements of all extractors that are not in `absent`, as ``<extractor>/<repeat>``."""
    extractors = [name for name in config["estimation"]["extractors"] if name not in absent]
    return [f"{extractor}/{repeat}" for extractor in extractors for repeat in repeats(config)]


def contents(repeat: str, references: bool) -> str:
    """Image set that a repeat's bins, or its references, are made from.

    Examples
    --------
    >>> contents("seed3a", references=False), contents("seed3b", references=False)
    ('bins', 'references')
    """
    return "references" if references == repeat.endswith(ROLES[0]) else "bins"


def synthesis(config: Section, wildcards: dict[str, str]) -> Section:
    """What the references of known targets are drawn with; set: targets, or second-order."""
    estimation = config["estimation"]
    common = {"boxes": estimation["boxes"], "references": estimation["references"], "seed": config["seed"]}
    if wildcards["set"] == "second-order":
        return {**common, "parameters": estimation["parameters"], "second_order": config["second_order"]}
    return {
        **common,
        "pairs": estimation["pairs"],
        "counts": [max(*estimation["counts"], estimation["references"])],
        "settings": {name: config["settings"][name] for name in config["tables"]["settings"]},
        "bins": {name: {"range": entry["range"]} for name, entry in config["bins"].items()},
        "degradation": config["degradation"],
    }


def measurement(config: Section, wildcards: dict[str, str]) -> Section:
    """What estimates are measured with; part: repeat, second-order or collect."""
    estimation = config["estimation"]
    if wildcards["part"] == "collect":
        return {"references": estimation["references"]}
    common = {"floor": config["weights"]["floor"], "seed": config["seed"]}
    if wildcards["part"] == "second-order":
        recipe = {key: value for key, value in config["posterior"].items() if key != "samples"}
        return {**common, "samples": estimation["samples"], "posterior": recipe}
    shared = {key: estimation[key] for key in ("weightings", "counts", "references")}
    return {**common, **shared, "bins": config["bins"], "distances": config["distances"]}
