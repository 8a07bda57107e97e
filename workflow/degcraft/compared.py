"""The compared methods of Table 2: what each entry of the config section ``methods`` learns from, and its models."""

from collections.abc import Sequence
from typing import Any

from degcraft.errors import DegcraftError, unknown

Section = dict[str, Any]

# What a method learns from. It names the draw of its models: HR images alone (one model serves all targets), the
# target's references (a model per target), the test image itself (no model), or the authors' own data.
BLIND, REFERENCES, IMAGE, PUBLISHED = "blind", "references", "image", "published"
DRAWS = (BLIND, REFERENCES, IMAGE, PUBLISHED)
BESIDE_ALPHA = ("BSRNet", "Real-ESRNet")  # rows that Figure 5 shows, too

# Per kind: the sizes and the phases of the training that an entry states.
SIZES = {
    "ikc": ("width", "blocks", "code", "predictor"),
    "dasr": ("width", "groups", "blocks", "reduction", "queue"),
    "fssr": ("width", "blocks", "growth", "translator_width", "translator_blocks", "critic_width"),
    "usrda": ("width", "depth", "blocks", "growth", "target_blocks", "critic_width"),
    "pdmsr": (
        *("width", "blocks", "kernel", "kernel_inputs", "kernel_width", "kernel_blocks"),
        *("noise_inputs", "noise_width", "noise_blocks", "critic_width"),
    ),
    "kernelgan": ("width", "crop", "border", "restorer_width", "restorer_depth", "restorer_crop"),
}
PHASES = {
    "ikc": ("restoration", "correction"),
    "dasr": ("encoder", "restoration"),
    "fssr": ("translation", "restoration"),
    "usrda": ("adaptation",),
    "pdmsr": ("adaptation",),
    "kernelgan": ("kernel", "restoration"),
}


def needs(method: Section) -> str:
    """What an entry of a kind of its own learns from; FSSR chooses by its ``domain``.

    Examples
    --------
    >>> needs({"kind": "ikc"}), needs({"kind": "fssr", "domain": "references"}), needs({"kind": "kernelgan"})
    ('blind', 'references', 'image')
    """
    if method["kind"] == "fssr":
        return REFERENCES if method["domain"] == "references" else BLIND
    return {"kernelgan": IMAGE, "usrda": REFERENCES, "pdmsr": REFERENCES}.get(method["kind"], BLIND)


def place(name: str, method: Section) -> tuple[str, str]:
    """Backbone and draw under which the results of entry `name` are filed.

    Examples
    --------
    >>> place("bsrnet", {"row": "BSRNet", "backbone": "rrdb", "draw": "bsrgan"}), place("ikc", {"kind": "ikc"})
    (('rrdb', 'bsrgan'), ('ikc', 'blind'))
    """
    if "checkpoint" in method:
        return name, PUBLISHED
    return (name, needs(method)) if "kind" in method else (method["backbone"], method["draw"])


def seeds(draw: str, trained: Sequence[int]) -> Sequence[int]:
    """Seeds of the models of a draw: published weights are there once."""
    return trained[:1] if draw == PUBLISHED else trained


def iterations(method: Section, train: Section) -> int | None:
    """Steps of the training of an entry, all phases together; None for published weights."""
    if "checkpoint" in method:
        return None
    if "kind" not in method:
        return int(train["iterations"])
    return sum(phase["iterations"] for phase in method["phases"].values())


def chosen(config: Section) -> list[str]:
    """Entries of ``methods`` that Table 2 computes: those of ``tables.methods``, which may be all or none."""
    wanted = config["tables"].get("methods", "none")
    if wanted == "none":
        return []
    return list(config["methods"]) if wanted == "all" else list(wanted)


def filed(config: Section) -> dict[str, tuple[str, str]]:
    """Backbone and draw behind each compared row of Table 2 that is computed, by the name of the row."""
    return {config["methods"][name]["row"]: place(name, config["methods"][name]) for name in chosen(config)}


def models(config: Section) -> list[str]:
    """Models behind the compared rows of Table 2, as ``<backbone>/<target>/<draw>/seed<k>``."""
    return [
        f"{backbone}/{target}/{draw}/seed{seed}"
        for backbone, draw in filed(config).values()
        for target in config["tables"]["settings"]
        for seed in seeds(draw, config["train"]["seeds"])
    ]


def entry(config: Section, name: str, draw: str) -> Section:
    """Entry `name` of ``methods``, which must be filed under `draw`.

    Raises
    ------
    DegcraftError
        There is no such entry, or it learns from something else.
    """
    if name not in config["methods"]:
        raise DegcraftError(f"config.yaml: methods: {unknown('method', name, config['methods'])}")
    found: Section = config["methods"][name]
    if place(name, found) != (name, draw):
        raise DegcraftError(f"methods.{name}: its models are {'/'.join(place(name, found))}, not {name}/{draw}")
    return found
