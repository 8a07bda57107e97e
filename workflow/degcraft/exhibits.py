"""What the figures and claims read of the config."""

import json

from degcraft import compared
from degcraft.sections import REALESRGAN, Section, drawn, entry, only, without


def families(config: Section, extractors: list[str]) -> dict[str, str]:
    """The first of `extractors` that differs from each in its seed alone: one network, initialised differently."""
    first: dict[str, str] = {}
    return {
        name: first.setdefault(json.dumps(without(entry(config, "extractors", name), "seed"), sort_keys=True), name)
        if config["extractors"][name].get("weights") == "random"
        else name
        for name in extractors
    }


def evidence(config: Section, wildcards: dict[str, str]) -> Section:
    """Sections behind one figure or the claims."""
    chosen, figure = config["evidence"], wildcards["figure"]
    if figure in ("figure1", "figure2"):
        blur = chosen["blur"]
        names = [*blur["trainings"], blur["test"], *blur["widths"]]
        trained = {"seeds": config["train"]["seeds"], "backbone": chosen["backbone"]}
        return {**trained, "blur": blur, "settings": {name: entry(config, "settings", name) for name in names}}
    if figure in ("figure3", "figure4"):
        return _maps(config, figure)
    if figure == "figure5":
        measured = only(chosen, "backbone", "extractor", "setting", "alphas", "outside")
        places = compared.filed(config)
        methods = {row: "/".join(places[row]) for row in compared.BESIDE_ALPHA if row in places}
        return {"evidence": measured, "train": only(config["train"], "seeds"), "methods": methods}
    if figure == "figure9":
        return {"votes": chosen["votes"]}
    if figure == "figure14":
        measured = only(chosen, "backbone", "extractor", "setting", "alphas", "outside", "front")
        return {
            "evidence": measured,
            "train": only(config["train"], "seeds"),
            "weights": only(config["weights"], "floor"),
        }
    if figure in ("figure15", "figure17"):
        divided = {"bins": {name: only(axis, "count") for name, axis in config["bins"].items()}}
        return {"extractors": config["estimation"]["extractors"], **(divided if figure == "figure15" else {})}
    if figure == "figure16":
        return _lookalikes(config)
    if figure == "claims":
        measured = without(chosen, "images", "votes", "stability", "front", "lookalikes")
        narrow = {"train": only(config["train"], "seeds"), "evaluate": only(config["evaluate"], "metrics")}
        tables = without(config["tables"], "methods")  # claims are about ours
        return {**only(config, "weights"), "tables": tables, **narrow, "evidence": measured}
    return {"figure": chosen["images"][figure], "border": config["evaluate"]["crop"]}


def _maps(config: Section, figure: str) -> Section:
    chosen = config["evidence"]
    shown = {"families": families(config, chosen["extractors"]), "setting": chosen["setting"]}
    if figure == "figure3":
        drawn_from = {"stability": chosen["stability"], "distances": config["distances"], "seed": config["seed"]}
        return {**shown, **drawn_from}
    return {**shown, "bins": config["bins"], "ranges": entry(config, "settings", chosen["setting"])}


def _lookalikes(config: Section) -> Section:
    chosen = config["evidence"]["lookalikes"]
    return {"lookalikes": chosen, **_degraded(config, chosen["draw"]), "seed": config["seed"]}


def _degraded(config: Section, draw: str) -> Section:
    """What both rows of degraded contents are drawn from: the crafted distribution, and all of its model alike."""
    crafted = drawn(config, draw, "")
    whole = REALESRGAN if "second_order" in crafted["degradation"] else "uniform"
    return {"crafted": crafted, "uniform": drawn(config, whole, "")}


def checks(config: Section, _: dict[str, str]) -> Section:
    """Sections behind the checks of an application: the rows, and what they are degraded with again."""
    rows = [config["report"]["draw"], *config["report"]["beside"]]
    return {"rows": rows, "degradation": config["degradation"], "seed": config["seed"]}


def report(config: Section, wildcards: dict[str, str]) -> Section:
    """Sections behind the page of an application; what its page says about the run is among them."""
    chosen = config["report"]
    return {
        "report": chosen,
        "application": entry(config, "applications", wildcards["application"]),
        "backbone": entry(config, "backbones", chosen["backbone"]),
        "train": {
            **only(config["train"], "iterations", "batch", "patch", "init"),
            "seeds": config["train"]["seeds"][:1],
        },
        "evaluate": only(config["evaluate"], "crop"),
        **_degraded(config, chosen["draw"]),
        "seed": config["seed"],
    }
