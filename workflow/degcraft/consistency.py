"""Problems between options of the config, which no part of the schema can see."""

import re
import sys
from collections.abc import Iterator
from typing import Any

from degcraft import compared
from degcraft.errors import DegcraftError, unknown
from degcraft.inputs import DISJOINT, SETS
from degcraft.spec import SECOND_ORDER, parse_weighting
from degcraft.targets import GENERAL_DRAWS, further_pattern


def is_number(value: Any) -> bool:
    """True for finite numbers that are no booleans."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= sys.float_info.max


def value_at(config: Any, path: str) -> Any:
    """Value at a dotted path, None where there is none."""
    for key in path.split("."):
        config = config[key] if isinstance(config, dict) and key in config else None
    return config


def problems(config: dict[str, Any]) -> Iterator[str]:
    """Problems between options; parts that the schema refuses are passed over."""
    yield from _shared_photographs(config)
    yield from _unnameable_paths(config)
    for name in SETS:
        section = value_at(config, f"prepare.{name}")
        if isinstance(section, dict) and not any(section.get(key) for key in ("images", "packaged", "dead_leaves")):
            leaves_too = ", or let dead_leaves be > 0" if "dead_leaves" in section else ""
            yield f"prepare.{name}: no images; name a folder in images or a photograph in packaged{leaves_too}"
    counts = [value_at(config, f"bins.{name}.count") for name in ("blur", "noise", "quality")]
    if counts == [1, 1, 1]:
        yield "bins: one bin in all, at least two are needed; raise a count"
    lr, floor = value_at(config, "train.lr"), value_at(config, "train.lr_floor")
    if is_number(lr) and is_number(floor) and floor > lr > 0:
        yield f"train.lr_floor: expected at most train.lr, {lr}, got {floor}"
    batch, gpus = value_at(config, "train.batch"), value_at(config, "train.gpus")
    if is_number(batch) and is_number(gpus) and gpus >= 1 and batch % gpus:
        yield f"train.gpus: expected a divisor of train.batch, {batch}, got {gpus}"
    alphas = value_at(config, "evidence.alphas")
    named = {"weights.alpha": value_at(config, "weights.alpha")}
    named |= {f"evidence.alphas[{i}]": alpha for i, alpha in enumerate(alphas if isinstance(alphas, list) else [])}
    for path, alpha in named.items():
        if is_number(alpha) and float(f"{alpha:g}") != alpha:
            yield f"{path}: expected at most six digits, for it names files, got {alpha} (write {alpha:g})"
    shown, rows, known = (value_at(config, path) for path in ("tables.backbones", "tables.extractors", "backbones"))
    for backbone in known if isinstance(known, dict) and isinstance(shown, list) and isinstance(rows, dict) else []:
        if backbone in shown and backbone not in rows:
            yield f"tables.extractors.{backbone}: missing; tables.backbones has it (write {backbone}: [])"
    yield from _draw_problems(config)
    yield from _report_problems(config)
    yield from _second_order_problems(config)
    yield from _estimation_problems(config)
    yield from _application_problems(config)
    yield from _method_problems(config)
    yield from _evidence_problems(config)


def _unnameable_paths(config: dict[str, Any]) -> Iterator[str]:
    """Paths that commands would take for options, or the engine for patterns."""
    paths = {name: value_at(config, name) for name in ("data", "evaluate.lpips.weights")}
    for section, key in (("extractors", "weights"), ("extractors", "textures"), ("methods", "checkpoint")):
        entries = value_at(config, section)
        for name in entries if isinstance(entries, dict) else ():
            paths[f"{section}.{name}.{key}"] = value_at(entries, f"{name}.{key}")
    for option, path in paths.items():
        if isinstance(path, str) and path.startswith("-"):
            yield f'{option}: "{path}" begins with a dash, which commands take for an option; write its whole path'
        if isinstance(path, str) and re.search(r"[{}]", path):
            yield f'{option}: "{path}" holds a brace, which the engine takes for a pattern; give it another name'


def _draw_problems(config: dict[str, Any]) -> Iterator[str]:
    rows, shown = value_at(config, "tables.draws"), value_at(config, "evidence.lookalikes.draw")
    listed = {f"tables.draws.{backbone}": draws for backbone, draws in (rows if isinstance(rows, dict) else {}).items()}
    listed["evidence.front"] = value_at(config, "evidence.front")
    if not isinstance(value_at(config, "extractors"), dict):
        return
    for path, draws in listed.items():
        for draw in draws if isinstance(draws, list) else []:
            if isinstance(draw, str) and not re.fullmatch(further_pattern(config), draw):
                yield (
                    f"{path}: {draw}: expected an extractor, a dot and a weighting (frechet-a10, frechet-auto, "
                    f"mixture, refined, second-order), or one of {', '.join(GENERAL_DRAWS[1:])} (write traces.refined)"
                )
    if isinstance(shown, str) and (not re.fullmatch(further_pattern(config), shown) or not _judged(shown)):
        yield (
            f"evidence.lookalikes.draw: {shown}: expected an extractor, a dot and a weighting with a verdict "
            "on the fit (mixture, refined, second-order; write traces.refined)"
        )


def _report_problems(config: dict[str, Any]) -> Iterator[str]:
    draw, beside = value_at(config, "report.draw"), value_at(config, "report.beside")
    if not isinstance(value_at(config, "extractors"), dict):
        return
    known = further_pattern(config)
    if isinstance(draw, str) and ("." not in draw or not re.fullmatch(known, draw)):
        yield (
            f"report.draw: {draw}: expected an extractor, a dot and a weighting (best one with a verdict on the fit: "
            "mixture, refined or second-order; write traces.refined)"
        )
    for other in beside if isinstance(beside, list) else []:
        if isinstance(other, str) and other != GENERAL_DRAWS[0] and not re.fullmatch(known, other):
            yield (
                f"report.beside: {other}: expected one of {', '.join(GENERAL_DRAWS)}, or an extractor, a dot and a "
                "weighting (write uniform)"
            )
        elif other == draw:
            yield f"report.beside: {other} is report.draw itself; name others (or write [])"
        elif other == "bicubic":
            yield "report.beside: bicubic: the page shows interpolation under this name; remove it"


def _judged(draw: str) -> bool:
    """True for crafted draws whose weights come with a verdict on the fit."""
    weighting = draw.partition(".")[2]
    return bool(weighting) and not weighting.startswith("frechet")


def _second_order_problems(config: dict[str, Any]) -> Iterator[str]:
    for name in ("first", "second"):
        down, up = (value_at(config, f"second_order.{name}.{way}") for way in ("down", "up"))
        if is_number(down) and is_number(up) and down + up > 1:
            yield f"second_order.{name}.down: expected at most 1 together with up, {up:g}, got {down:g}"


def _estimation_problems(config: dict[str, Any]) -> Iterator[str]:
    listed, settings = value_at(config, "estimation.weightings"), value_at(config, "settings")
    for name in listed if isinstance(listed, list) else []:
        if isinstance(name, str):
            yield from (f"estimation.weightings: {problem}" for problem in _weighting_problems(name))
    for name in settings if isinstance(settings, dict) else []:
        if isinstance(name, str) and re.fullmatch(r"(box|pair)[0-9]+", name):
            yield f"settings.{name}: random targets have such names; choose another"


def _weighting_problems(name: str) -> Iterator[str]:
    """Why a weighting is not measured beside others."""
    try:
        parsed = parse_weighting(name)
    except DegcraftError as error:
        yield str(error)
        return
    if parsed["kind"] == SECOND_ORDER:
        yield f"{name} has no bins to compare; remove it, Figure 15 shows it"
    if "floor" in parsed:
        yield f"{name}: all have the floor of weights.floor (write {name.rsplit('-f', 1)[0]})"


def _method_problems(config: dict[str, Any]) -> Iterator[str]:
    methods = value_at(config, "methods")
    entries = methods if isinstance(methods, dict) else {}
    rows: dict[str, str] = {}
    for name, method in entries.items():
        if not isinstance(method, dict):
            continue
        row = method.get("row")
        if isinstance(row, str) and rows.setdefault(row, name) != name:
            yield f"methods.{name}.row: {row} is the row of {rows[row]} too; rows need different names"
        kind, trained = method.get("kind"), [key for key in ("backbone", "draw") if key in method]
        if isinstance(kind, str) and kind in compared.PHASES:
            if trained:
                yield f"methods.{name}: {' and '.join(trained)} beside kind: {kind}, which has its own network (remove)"
            yield from _kind_problems(config, name, method)
        elif not kind and len(trained) < 2 and "checkpoint" not in method:
            yield f"methods.{name}: backbone and draw, kind or checkpoint needed (write backbone: rcan, draw: bicubic)"


# Options that a kind needs and others do not have.
_OF_KIND = {
    "perceptual": ("fssr", "usrda"),
    "domain": ("fssr",),
    "noise": ("fssr",),
    "noise_penalty": ("pdmsr",),
    "corrections": ("ikc",),
    "images": ("kernelgan",),
}
_UNPATCHED = ("kernelgan",)  # crops of the test image: their sides are among its sizes


def _kind_problems(config: dict[str, Any], name: str, method: dict[str, Any]) -> Iterator[str]:
    """Problems of an entry that learns in its own way."""
    kind, where = method["kind"], f"methods.{name}"
    for option, kinds in _OF_KIND.items():
        if (option in method) != (kind in kinds):
            yield f"{where}.{option}: {'does not go with' if option in method else 'missing; needed with'} kind: {kind}"
    for section, needed in (("sizes", compared.SIZES[kind]), ("phases", compared.PHASES[kind])):
        given = method.get(section, {})
        if isinstance(given, dict) and set(given) != set(needed):
            yield f"{where}.{section}: {', '.join(given) or 'nothing'}; kind: {kind} needs {', '.join(needed)}"
    phases = method.get("phases", {})
    for phase, recipe in phases.items() if isinstance(phases, dict) and kind not in _UNPATCHED else []:
        for option in ("batch", "patch"):
            if isinstance(recipe, dict) and option not in recipe:
                yield f"{where}.phases.{phase}.{option}: missing; add it"
    perceptual, extractors = method.get("perceptual", "none"), value_at(config, "extractors")
    if isinstance(perceptual, str) and perceptual != "none" and isinstance(extractors, dict):
        if perceptual not in extractors:
            yield f"{where}.perceptual: {unknown('extractor', perceptual, extractors)}"
        elif value_at(extractors[perceptual], "kind") != "vgg":
            yield f"{where}.perceptual: {perceptual} is not of kind vgg; write one that is, or none"


def _application_problems(config: dict[str, Any]) -> Iterator[str]:
    settings, applications = (value_at(config, name) for name in ("settings", "applications"))
    for name, entry in applications.items() if isinstance(applications, dict) else []:
        if isinstance(settings, dict) and name in settings:
            yield f"applications.{name}: settings has this name too; targets need different names (choose another)"
        if isinstance(entry, dict) and not entry.get("images") and not entry.get("packaged"):
            yield f"applications.{name}: no images; name a folder in images or a photograph in packaged"
        least, most = (value_at(entry, f"references.{key}") for key in ("min", "count"))
        least, most = 20 if least is None else least, 100 if most is None else most
        if is_number(least) and is_number(most) and least > most:
            yield f"applications.{name}.references.min: expected at most count, {most}, got {least} (write {most})"


def _evidence_problems(config: dict[str, Any]) -> Iterator[str]:
    queue, batch = value_at(config, "pretrain.dasr.queue"), value_at(config, "pretrain.dasr.batch")
    if type(queue) is int and type(batch) is int and batch > 0 and queue % batch:
        yield (
            f"pretrain.dasr.queue: expected a multiple of the batch, {batch}, got {queue} "
            f"(write {-(-queue // batch) * batch})"
        )
    counts, pool = value_at(config, "evidence.stability.counts"), value_at(config, "prepare.stability.count")
    largest = max((n for n in counts if type(n) is int), default=0) if isinstance(counts, list) else 0
    if type(pool) is int and 2 * largest > pool:
        yield (
            f"evidence.stability.counts: two sets of {largest} images are drawn from {pool}; "
            f"lower it, or set prepare.stability.count to {2 * largest} or more"
        )
    settings, applications, images, widths = (
        value_at(config, path) for path in ("settings", "applications", "evidence.images", "evidence.blur.widths")
    )
    for width in widths if isinstance(widths, list) else []:
        blur = value_at(config, f"settings.{width}.blur")
        if isinstance(blur, list) and len(set(map(str, blur))) > 1:
            yield f"evidence.blur.widths: {width} has the range {blur}; a single width is needed (choose another)"
    if isinstance(settings, dict) and isinstance(applications, dict):
        entries = images if isinstance(images, dict) else {}
        named = [
            (f"evidence.images.{figure}.target", entry["target"])
            for figure, entry in entries.items()
            if isinstance(entry, dict) and "target" in entry
        ]
        shown = value_at(config, "evidence.lookalikes.targets")
        named += [("evidence.lookalikes.targets", target) for target in (shown if isinstance(shown, list) else [])]
        for path, target in named:
            if isinstance(target, str) and target not in {**settings, **applications}:
                yield f"{path}: {unknown('target', target, [*settings, *applications])}"


def _shared_photographs(config: dict[str, Any]) -> Iterator[str]:
    owner: dict[str, str] = {}
    for name in DISJOINT:
        packaged = value_at(config, f"prepare.{name}.packaged")
        for photograph in packaged if isinstance(packaged, list) else []:
            if isinstance(photograph, str) and owner.setdefault(photograph, name) != name:
                first = f"prepare.{owner[photograph]}.packaged"
                yield f"prepare.{name}.packaged: {photograph} is in {first} too; the sets must differ (remove one)"
