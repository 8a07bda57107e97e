"""The page: everything in one HTML file, which needs nothing from elsewhere."""

import json
from typing import Any

import jinja2
import numpy as np
from markupsafe import Markup

from degcraft.bins import PARAMETERS
from degcraft.checks import estimated
from degcraft.phrases import spoken
from degcraft.report import charts, words
from degcraft.report.contents import Contents, titled
from degcraft.report.distribution import joint, marginals
from degcraft.report.pictures import SHOWN, Shown, data_uri, shown
from degcraft.report.quality import CHECKED, check_means
from degcraft.report.svg import number

REFERENCES = 100  # crops on the contact sheet, at most
PARAMETER_CHARTS = 6  # of models with more parameters, the ones that the references tell most about
FILES = 60  # links to restored files, at most


def page(contents: Contents) -> str:
    """HTML of the page of one application.

    Parameters
    ----------
    contents : Contents
        At least one window.

    Returns
    -------
    str
        Styles, script and pictures inside; the same contents give the same text.
    """
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("degcraft.report"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.globals["part"] = lambda name: Markup(_source(environment, name))
    environment.filters |= {"number": number, "spoken": spoken}
    return environment.get_template("page.html").render(_context(contents))


def _source(environment: jinja2.Environment, name: str) -> str:
    """A template's text as it is, without reading it as a template."""
    if environment.loader is None:
        raise LookupError(name)
    return environment.loader.get_source(environment, name)[0]


def _context(contents: Contents) -> dict[str, Any]:
    names = words.rows(contents.draw, contents.beside)
    return {
        "contents": contents,
        "rows": names,
        "summary": words.summary(contents),
        "offered": [row for row in names if any(row in window.rows for window in contents.windows)],
        **_windows(contents),
        **_material(contents),
        **_estimate(contents),
        **_quality(contents, names),
        **_checks(contents, names),
        "curves": charts.curves(contents.losses, {draw: name for draw, (name, _) in names.items()}),
        "timings": contents.timings.to_dict("records"),
        "longest": max(contents.timings["seconds"], default=0.0),
        "total": float(contents.timings["seconds"].sum()),
        "files": list(contents.places.files)[:FILES],
        "settings": json.dumps(contents.settings, indent=2, sort_keys=True, ensure_ascii=False),
    }


def _windows(contents: Contents) -> dict[str, Any]:
    chosen: list[Shown] = shown(contents.windows)
    cut = any(max(window.lr.shape[:2]) > SHOWN for window in contents.windows[: len(chosen)])
    said = []
    if len(chosen) < len(contents.windows):
        said.append(f"{len(chosen)} of {len(contents.windows)} windows are shown, to keep this page small.")
    if cut:
        said.append(f"Of larger windows, the middle {SHOWN} pixels are shown.")
    return {"windows": chosen, "cut": " ".join(said)}


def _material(contents: Contents) -> dict[str, Any]:
    explained = contents.estimate.explained
    unexplained = np.zeros(len(contents.references), bool) if explained is None else ~explained
    crops = []
    lines = zip(contents.references[:REFERENCES], contents.crops.to_dict("records"), unexplained, strict=False)
    for pixels, line, alone in lines:
        place = f"{titled(line)}, at {int(line['left'])} right, {int(line['top'])} down"
        crops.append({"uri": data_uri(pixels), "place": place, "number": int(line["crop"]), "unexplained": alone})
    return {"crops": crops, "unexplained": int(unexplained.sum()), "facts": _facts(contents)}


def _facts(contents: Contents) -> list[tuple[str, str]]:
    material = contents.material
    facts = [("Kind", str(material["kind"]))] if "kind" in material else []
    if "images" in material:
        facts.append(("Images", str(material["images"])))
    for side, (low, high) in material.get("pixels", {}).items():
        facts.append((f"{side.capitalize()}, pixels", f"{low}" if low == high else f"{low} to {high}"))
    facts.append(("Reference crops", str(len(contents.references))))
    if "duplicates" in material:
        facts.append(("Duplicates left out", str(material["duplicates"])))
    return facts


def _estimate(contents: Contents) -> dict[str, Any]:
    estimate = contents.estimate
    weights = estimated(estimate.weights)
    found = marginals(weights, estimate.ranges)
    if len(found) > PARAMETER_CHARTS:  # told most about: farthest from uniform
        told = sorted(found, key=lambda one: -float((one.shares**2).sum() * len(one.shares)))[:PARAMETER_CHARTS]
        found = [one for one in found if one in told]
    named = {one.parameter for one in found} >= set(PARAMETERS)
    heat = charts.heat_map(*joint(weights, "blur", "noise"), ("blur", "noise")) if named else None
    kinds = {"real": "real", "crafted": "degraded as estimated", "uniform": "degraded at random"}
    alike = [
        {
            "name": kinds.get(str(row), str(row)),
            "crops": [
                {"uri": data_uri(estimate.pictures[line["file"]], exact=True), "told": _degraded(line)}
                for line in lines.to_dict("records")
            ],
        }
        for row, lines in estimate.lookalikes.dropna(subset=["file"]).groupby("row", sort=False)
    ]
    return {
        "marginals": [(charts.marginal_chart(one), charts.told(one)) for one in found],
        "heat": heat,
        "errors": words.uncertainty(estimate.weights, estimate.ranges is not None),
        "judged": bool(estimate.fit),
        "lookalikes": alike,
    }


def _degraded(line: dict[Any, Any]) -> str:
    """What a clean crop was degraded with; nothing for real ones."""
    if any(line[name] != line[name] for name in PARAMETERS):
        return ""
    blur, noise, quality = (float(line[name]) for name in PARAMETERS)
    return f"blur {blur:.1f}, noise {noise:.0f}, quality {quality:.0f}"


def _quality(contents: Contents, names: dict[str, tuple[str, str]]) -> dict[str, Any]:
    if contents.quality is None:
        return {"quality": None}
    metrics = [name for name in words.METRICS if name in contents.quality and contents.quality[name].notna().any()]
    best = {name: words.METRICS[name][2](contents.quality[name].dropna()) for name in metrics}
    lines = []
    for line in contents.quality.to_dict("records"):
        cells = []
        for name in metrics:
            value = float(line[name])
            text = f"{value:.{words.METRICS[name][1]}f}" if value == value else "not measured"
            cells.append({"text": text, "best": value == best[name]})
        lines.append({"name": names[line["row"]][0], "cells": cells})
    absent = [words.METRICS[name][0] for name in words.METRICS if name in contents.quality and name not in metrics]
    heads = [words.METRICS[name][0] for name in metrics]
    return {"quality": {"heads": heads, "lines": lines, "absent": absent}}


def _checks(contents: Contents, names: dict[str, tuple[str, str]]) -> dict[str, Any]:
    means = check_means(contents.checks, list(names))
    lines = [
        {"name": names.get(line["row"], (line["row"], ""))[0], "values": [float(line[column]) for column in CHECKED]}
        for line in means.to_dict("records")
    ]
    plain = {row: name for row, (name, _) in names.items()}
    measured = contents.checks.replace(np.inf, np.nan).dropna(subset=list(CHECKED))
    chart = charts.scatter(means, measured, plain) if len(measured) else None
    return {"checks": {"heads": [words.CHECKS[name] for name in CHECKED], "lines": lines}, "scatter": chart}
