"""Parts of the config, for what jobs read of it."""

from typing import Any

from degcraft.errors import DegcraftError, unknown

Section = dict[str, Any]

SECOND_ORDER = "second-order"  # a weighting: what references leave of Real-ESRGAN's model
REALESRGAN, BSRGAN, BICUBIC = "realesrgan", "bsrgan", "bicubic"  # draws: the whole of a model; downsampling alone
SHARPENED = f"{REALESRGAN}-usm"  # a draw: Real-ESRGAN's model from sharpened HR patches, which are the truth, too


def entry(config: Section, section: str, name: str) -> Section:
    """Entry `name` of a map of the config.

    Raises
    ------
    DegcraftError
        There is none.
    """
    entries: Section = config[section]
    if name not in entries:
        raise DegcraftError(f"config.yaml: {section}: {unknown(section.removesuffix('s'), name, entries)}")
    found: Section = entries[name]
    return found


def only(section: Section, *keys: str) -> Section:
    """These options of a section."""
    return {key: section[key] for key in keys}


def without(section: Section, *keys: str) -> Section:
    """All other options of a section."""
    return {key: value for key, value in section.items() if key not in keys}


def drawn(config: Section, draw: str, target: str) -> Section:
    """What says, besides the table of its weights, which degradations a draw trains on; `target` is oracle's."""
    common = {"degradation": config["degradation"]}
    if draw == "oracle":
        return {**common, "setting": entry(config, "settings", target)}
    weighting = draw.partition(".")[2]
    if draw in (REALESRGAN, SHARPENED) or weighting.startswith(SECOND_ORDER):
        sharpen = {"sharpen": True} if draw == SHARPENED else {}
        return {"degradation": {"second_order": config["second_order"]}, **sharpen}
    if draw == BSRGAN:
        return {"degradation": {"shuffled": config["shuffled"]}}
    if draw == BICUBIC:
        clean = {"blur": [0, 0], "noise": [0, 0], "quality": "none"}
        return {"degradation": {**config["degradation"], "downsampling": "bicubic"}, "setting": clean}
    if weighting.startswith("refined"):
        return common  # its table says ranges and weights
    return {**common, "bins": config["bins"]}
