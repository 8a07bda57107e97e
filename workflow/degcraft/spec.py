"""What each job reads of the config, as text that is equal exactly when the job's work is equal."""

import json
import math
import re
from collections.abc import Callable
from typing import Any

from degcraft import compared, exhibits, repeats
from degcraft.errors import DegcraftError
from degcraft.sections import REALESRGAN, Section, drawn, entry, only, without
from degcraft.sections import SECOND_ORDER as SECOND_ORDER

SAME = ".same"  # ends the name of a setting whose references have the bins' own clean contents


def spec(config: Section, stage: str, **wildcards: str) -> str:
    """The narrowest sections of the config that a job of `stage` reads, as JSON.

    Parameters
    ----------
    config : dict
        A valid config.
    stage : str
        prepare, applications, truth, synthesize, pretrain, features, distances, posterior, alpha, weights, estimation,
        train, methods, restore, evaluate, tables, evidence, checks, export, report or figures.
    **wildcards : str
        What the job is for; others than the stage needs are passed over.
        prepare: set. applications, truth, checks, report, and restore for the user's own files: application.
        synthesize: set, and target unless the set is bins or samples.
        pretrain and features: extractor. posterior: bank. weights: weighting. estimation: part.
        train, methods, export and evaluate: backbone, target, draw, seed. tables: table. evidence: figure.

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
    """What the name of a weighting says: its kind, and whichever of alpha and floor it holds.

    Kinds: frechet (the paper's, with its alpha), frechet-auto (alpha chosen from the bank), mixture (maximum-likelihood
    proportions of the bins), refined (a density past the bins) and second-order (the same in the space of the
    second-order model). ``-f`` and a number after any of them: another share of the uniform distribution than
    ``weights.floor``.

    Raises
    ------
    DegcraftError
        Not a weighting, or one whose files have another name.

    Examples
    --------
    >>> parse_weighting("frechet-a2.5"), parse_weighting("refined-f0.1")
    ({'kind': 'frechet', 'alpha': 2.5}, {'kind': 'refined', 'floor': 0.1})
    """
    match = re.fullmatch(
        rf"(?:frechet-a({_NUMBER})|(frechet-auto|mixture|refined|{SECOND_ORDER}))(?:-f({_NUMBER}))?", name
    )
    if match is None or float(match[3] or 0) > 1:
        raise DegcraftError(
            f'unknown weighting "{name}"; needed is frechet-a and an alpha >= 0, frechet-auto, mixture, refined or '
            "second-order, and, for another share of the uniform distribution, -f and a number up to 1; "
            "write frechet-a25 or refined-f0.1"
        )
    parsed: Section = {"kind": match[2] or "frechet"}
    if match[1]:
        parsed["alpha"] = float(match[1])
    if match[3]:
        parsed["floor"] = float(match[3])
    plain = match[2] or f"frechet-a{parsed['alpha']:g}"
    plain += f"-f{parsed['floor']:g}" if "floor" in parsed else ""
    if name != plain:
        raise DegcraftError(f'unknown weighting "{name}"; its files are named {plain}; write that')
    return parsed


def floored_weighting(config: Section, name: str) -> Section:
    """What `parse_weighting` says, with the floor that holds where the name has none.

    Examples
    --------
    >>> floored_weighting({"weights": {"floor": 0.05}}, "refined"), floored_weighting({}, "refined-f0")
    ({'kind': 'refined', 'floor': 0.05}, {'kind': 'refined', 'floor': 0.0})
    """
    weighting = parse_weighting(name)
    if "floor" in weighting:
        return weighting
    # paper: 3.2 the paper's own weights are left as they are, unless the name asks for a floor.
    return {**weighting, "floor": 0 if weighting["kind"].startswith("frechet") else config["weights"]["floor"]}


_NUMBER = r"\d+(?:\.\d+)?(?:e[+-]\d+)?"


def _canonical(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _canonical(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_canonical(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


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
    if wildcards["set"] in repeats.SETS:
        return repeats.synthesis(config, wildcards)
    if wildcards["set"] == "samples":
        second_order = {"second_order": config["second_order"], "count": config["posterior"]["samples"]}
        return {**second_order, "seed": config["seed"]}
    setting = {"setting": entry(config, "settings", wildcards["target"].removesuffix(SAME))}
    return {**common, **setting, **({"bins": config["bins"]} if wildcards["set"] == "stability" else {})}


def _applications(config: Section, wildcards: dict[str, str]) -> Section:
    # Any of these may be left out, which means the same.
    application = {"reduce": 1, **without(entry(config, "applications", wildcards["application"]), "truth")}
    application["references"] = {"count": 100, "min": 20, "crops": [], **application.get("references", {})}
    return {"application": application, "crop": config["prepare"]["crop"], "seed": config["seed"]}


def _pretrain(config: Section, wildcards: dict[str, str]) -> Section:
    extractor = entry(config, "extractors", wildcards["extractor"])
    return {
        "extractor": extractor,
        "pretrain": config["pretrain"][extractor["kind"]],
        "log_every": config["train"]["log_every"],
        "compute": config["compute"],
        "seed": config["seed"],
    }


def _features(config: Section, wildcards: dict[str, str]) -> Section:
    extractor = entry(config, "extractors", wildcards["extractor"])
    sections = {"extractor": extractor, "features": config["features"]}
    return {**sections, "compute": config["compute"]} if "weights" in extractor else sections


def _distances(config: Section, _: dict[str, str]) -> Section:
    return {"distances": config["distances"], "bins": config["bins"]}


def _posterior(config: Section, wildcards: dict[str, str]) -> Section:
    sections = {"posterior": without(config["posterior"], "samples"), "seed": config["seed"]}
    return sections if wildcards["bank"] == "samples" else {**sections, "bins": _ranges(config)}


def _alpha(config: Section, _: dict[str, str]) -> Section:
    return {"distances": config["distances"], "bins": config["bins"], "seed": config["seed"]}


def _weights(config: Section, wildcards: dict[str, str]) -> Section:
    weighting = floored_weighting(config, wildcards["weighting"])
    sections = {"weighting": weighting}
    if weighting["kind"].startswith("frechet"):
        return sections
    sections["seed"] = config["seed"]
    if weighting["kind"] == "second-order":
        return sections
    return {**sections, "bins": config["bins"] if weighting["kind"] == "mixture" else _ranges(config)}


def _ranges(config: Section) -> Section:
    """The degradation space without its division into bins."""
    return {name: only(entry, "range") for name, entry in config["bins"].items()}


def _train(config: Section, wildcards: dict[str, str]) -> Section:
    # Other seeds are other jobs; checkpoints do not change results.
    train = without(config["train"], "seeds", "checkpoint_every", "continued")
    if initial_draw(config, wildcards["draw"]):
        train["iterations"] = math.ceil(train["iterations"] * config["train"]["continued"])
    return {
        "backbone": entry(config, "backbones", wildcards["backbone"]),
        "train": train,
        "compute": config["compute"],
        "seed": config["seed"],
        "training_seed": int(wildcards["seed"]),
        **drawn(config, wildcards["draw"], wildcards["target"]),
    }


def initial_draw(config: Section, draw: str) -> str | None:
    """Draw of the model that a crafted one is trained on from, None where it starts afresh.

    Examples
    --------
    >>> [initial_draw({"train": {"init": "uniform"}}, draw) for draw in ("oracle", "dct.mixture", "dct.second-order")]
    [None, 'uniform', 'realesrgan']
    """
    if config["train"]["init"] == "scratch" or "." not in draw:
        return None
    return REALESRGAN if parse_weighting(draw.partition(".")[2])["kind"] == SECOND_ORDER else "uniform"


def _methods(config: Section, wildcards: dict[str, str]) -> Section:
    method = compared.entry(config, wildcards["backbone"], wildcards["draw"])
    if wildcards["draw"] == compared.PUBLISHED:
        backbone = entry(config, "backbones", method["backbone"]) if "backbone" in method else method
        return {"network": backbone.get("kind")}
    sections = {
        "method": without(method, "row", "perceptual"),
        "log_every": config["train"]["log_every"],
        "compute": config["compute"],
        "seed": config["seed"],
        "training_seed": int(wildcards["seed"]),
    }
    extractor = method.get("perceptual", "none")
    return sections if extractor == "none" else {**sections, "perceptual": entry(config, "extractors", extractor)}


def _export(config: Section, wildcards: dict[str, str]) -> Section:
    job = only(wildcards, "backbone", "target", "draw")
    return {**job, "seed": int(wildcards["seed"]), "initial": initial_draw(config, wildcards["draw"])}


def _restore(config: Section, wildcards: dict[str, str]) -> Section:
    sections = {"compute": config["compute"]}
    if "application" not in wildcards:
        return sections
    application = _applications(config, wildcards)["application"]
    return {**sections, "application": only(application, "images", "packaged", "reduce")}


def _evaluate(config: Section, wildcards: dict[str, str]) -> Section:
    sections = {"evaluate": config["evaluate"]}
    if wildcards["draw"] != compared.IMAGE:
        return sections
    return {**sections, "images": compared.entry(config, wildcards["backbone"], compared.IMAGE)["images"]}


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
        "methods": {name: config["methods"][name] for name in compared.chosen(config)},
    }


_SECTIONS: dict[str, Callable[[Section, dict[str, str]], Section]] = {
    "prepare": _prepare,
    "applications": _applications,
    "truth": lambda config, wildcards: {
        "truth": entry(config, "applications", wildcards["application"]).get("truth", [])
    },
    "synthesize": _synthesize,
    "pretrain": _pretrain,
    "features": _features,
    "distances": _distances,
    "posterior": _posterior,
    "alpha": _alpha,
    "weights": _weights,
    "estimation": repeats.measurement,
    "train": _train,
    "methods": _methods,
    "restore": _restore,
    "evaluate": _evaluate,
    "tables": _tables,
    "evidence": exhibits.evidence,
    "export": _export,
    "checks": exhibits.checks,
    "report": exhibits.report,
    "figures": lambda config, _: only(config, "figures"),
}
