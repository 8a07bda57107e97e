"""What each job reads of the config, as text that is equal exactly when the job's work is equal."""

import json
import re
from collections.abc import Callable
from typing import Any

from degcraft.errors import DegcraftError, unknown

Section = dict[str, Any]

SAME = ".same"  # ends the name of a setting whose references have the bins' own clean contents


def spec(config: Section, stage: str, **wildcards: str) -> str:
    """The narrowest sections of the config that a job of `stage` reads, as JSON.

    Parameters
    ----------
    config : dict
        A valid config.
    stage : str
        prepare, applications, synthesize, pretrain, features, distances, weights, train, restore, evaluate, tables,
        evidence or figures.
    **wildcards : str
        What the job is for; others than the stage needs are passed over.
        prepare: set. applications: application. synthesize: set, and target unless the set is bins. pretrain and
        features: extractor. weights: weighting. train: backbone, target, draw, seed. tables: table. evidence: figure.

    Returns
    -------
    str
        Keys sorted, no spaces, integral numbers without a point: 25 and 25.0 give the same text.

    Raises
    ------
    DegcraftError
        A wildcard names no extractor, backbone, setting or weighting.
    """
    sections = _SECTIONS[stage](config, wildcards)
    return json.dumps(_canonical(sections), sort_keys=True, separators=(",", ":"), allow_nan=False)


def weighting_name(config: Section) -> str:
    """Name of the config's weighting in file names.

    Examples
    --------
    >>> weighting_name({"weights": {"alpha": 25.0}})
    'frechet-a25'
    """
    return f"frechet-a{config['weights']['alpha'] + 0.0:g}"


def parse_weighting(name: str) -> Section:
    """Name and alpha of a weighting, from its name.

    Raises
    ------
    DegcraftError
        Not a weighting, or one whose files have another name.

    Examples
    --------
    >>> parse_weighting("frechet-a2.5")
    {'name': 'frechet-a2.5', 'alpha': 2.5}
    """
    match = re.fullmatch(r"frechet-a(\d+(?:\.\d+)?(?:e[+-]\d+)?)", name)
    if match is None:
        raise DegcraftError(f'unknown weighting "{name}"; needed is frechet-a and an alpha >= 0; write frechet-a25')
    alpha = float(match[1])
    if name != f"frechet-a{alpha:g}":
        raise DegcraftError(f'unknown weighting "{name}"; its files are named frechet-a{alpha:g}; write that')
    return {"name": name, "alpha": alpha}


def _canonical(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _canonical(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_canonical(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _entry(config: Section, section: str, name: str) -> Section:
    """Entry `name` of a map of the config."""
    entries: Section = config[section]
    if name not in entries:
        raise DegcraftError(f"config.yaml: {section}: {unknown(section.removesuffix('s'), name, entries)}")
    entry: Section = entries[name]
    return entry


def _only(section: Section, *keys: str) -> Section:
    return {key: section[key] for key in keys}


def _without(section: Section, *keys: str) -> Section:
    return {key: value for key, value in section.items() if key not in keys}


def _prepare(config: Section, wildcards: dict[str, str]) -> Section:
    name = wildcards["set"]
    section = {name: config["prepare"][name]}
    if name in ("references", "bins", "stability"):
        section["crop"] = config["prepare"]["crop"]
    return {"prepare": section, "seed": config["seed"]}


def _synthesize(config: Section, wildcards: dict[str, str]) -> Section:
    common = {"degradation": config["degradation"], "seed": config["seed"]}
    if wildcards["set"] == "bins":
        return {**common, "bins": config["bins"]}
    setting = {"setting": _entry(config, "settings", wildcards["target"].removesuffix(SAME))}
    return {**common, **setting, **({"bins": config["bins"]} if wildcards["set"] == "stability" else {})}


def _applications(config: Section, wildcards: dict[str, str]) -> Section:
    application = _entry(config, "applications", wildcards["application"])
    return {"application": application, "crop": config["prepare"]["crop"]}


def _pretrain(config: Section, wildcards: dict[str, str]) -> Section:
    extractor = _entry(config, "extractors", wildcards["extractor"])
    return {
        "extractor": extractor,
        "pretrain": config["pretrain"][extractor["kind"]],
        "log_every": config["train"]["log_every"],
        "compute": config["compute"],
        "seed": config["seed"],
    }


def _features(config: Section, wildcards: dict[str, str]) -> Section:
    extractor = _entry(config, "extractors", wildcards["extractor"])
    sections = {"extractor": extractor, "features": config["features"]}
    return sections if extractor["kind"] == "dct" else {**sections, "compute": config["compute"]}


def _distances(config: Section, _: dict[str, str]) -> Section:
    return {"distances": config["distances"], "bins": config["bins"]}


def _weights(_: Section, wildcards: dict[str, str]) -> Section:
    return {"weighting": parse_weighting(wildcards["weighting"])}


def _train(config: Section, wildcards: dict[str, str]) -> Section:
    sections = {
        "backbone": _entry(config, "backbones", wildcards["backbone"]),
        # Other seeds are other jobs; checkpoints do not change results.
        "train": _without(config["train"], "seeds", "checkpoint_every"),
        "degradation": config["degradation"],
        "compute": config["compute"],
        "seed": config["seed"],
        "training_seed": int(wildcards["seed"]),
    }
    if wildcards["draw"] == "oracle":
        return {**sections, "setting": _entry(config, "settings", wildcards["target"])}
    return {**sections, "bins": config["bins"]}


def _restore(config: Section, _: dict[str, str]) -> Section:
    return {"compute": config["compute"]}


def _evaluate(config: Section, _: dict[str, str]) -> Section:
    return {"evaluate": config["evaluate"]}


def _tables(config: Section, wildcards: dict[str, str]) -> Section:
    if wildcards["table"] == "table1":
        return {"settings": {name: config["settings"][name] for name in config["tables"]["settings"]}}
    tables = config["tables"]
    return {
        "tables": tables,
        "weights": config["weights"],
        "evaluate": config["evaluate"],
        "train": {key: config["train"][key] for key in ("iterations", "seeds")},
        "backbones": {name: config["backbones"][name] for name in tables["backbones"]},
    }


def families(config: Section, extractors: list[str]) -> dict[str, str]:
    """The first of `extractors` that differs from each in its seed alone: one network, initialised differently."""
    first: dict[str, str] = {}
    return {
        name: first.setdefault(json.dumps(_without(_entry(config, "extractors", name), "seed"), sort_keys=True), name)
        if config["extractors"][name].get("weights") == "random"
        else name
        for name in extractors
    }


def _evidence(config: Section, wildcards: dict[str, str]) -> Section:
    evidence, figure = config["evidence"], wildcards["figure"]
    trained = {"seeds": config["train"]["seeds"], "backbone": evidence["backbone"]}
    if figure in ("figure1", "figure2"):
        blur = evidence["blur"]
        names = [*blur["trainings"], blur["test"], *blur["widths"]]
        return {**trained, "blur": blur, "settings": {name: _entry(config, "settings", name) for name in names}}
    if figure in ("figure3", "figure4"):
        shown = {"families": families(config, evidence["extractors"]), "setting": evidence["setting"]}
        if figure == "figure3":
            return {
                **shown,
                "stability": evidence["stability"],
                "distances": config["distances"],
                "seed": config["seed"],
            }
        regions = {"bins": config["bins"], "ranges": _entry(config, "settings", evidence["setting"])}
        return {**shown, **regions}
    if figure == "figure5":
        chosen = _only(evidence, "backbone", "extractor", "setting", "alphas", "outside")
        return {"evidence": chosen, "train": _only(config["train"], "seeds")}
    if figure == "figure9":
        return {"votes": evidence["votes"]}
    if figure == "claims":
        measured = _without(evidence, "images", "votes", "stability")
        narrow = {"train": _only(config["train"], "seeds"), "evaluate": _only(config["evaluate"], "metrics")}
        return {**_only(config, "tables", "weights"), **narrow, "evidence": measured}
    return {"figure": evidence["images"][figure], "border": config["evaluate"]["crop"]}


def _figures(config: Section, _: dict[str, str]) -> Section:
    return {"figures": config["figures"]}


_SECTIONS: dict[str, Callable[[Section, dict[str, str]], Section]] = {
    "prepare": _prepare,
    "applications": _applications,
    "synthesize": _synthesize,
    "pretrain": _pretrain,
    "features": _features,
    "distances": _distances,
    "weights": _weights,
    "train": _train,
    "restore": _restore,
    "evaluate": _evaluate,
    "tables": _tables,
    "evidence": _evidence,
    "figures": _figures,
}
