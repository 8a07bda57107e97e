"""Trained networks as files: safetensors weights that know what they are."""

import importlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import load_file, save
from torch import Tensor, nn

from degcraft import records
from degcraft.architectures import KEY, Published
from degcraft.errors import DegcraftError
from degcraft.io import damaged, whole_file


def write_model(path: Path, network: nn.Module, meta: dict[str, Any]) -> None:
    """Write a network's weights, float32, with `meta`, which must say what `rebuilt` needs."""
    write_weights(path, network.state_dict(), meta)


def write_weights(path: Path, weights: Mapping[str, Tensor], meta: dict[str, Any]) -> None:
    """As `write_model`, weights by name."""
    plain = {name: value.detach().float().cpu().contiguous().clone() for name, value in weights.items()}
    with whole_file(path) as temporary:
        # One metadata entry: several would be written in no fixed order. Written here, where a full disk is an OSError.
        temporary.write_bytes(save(plain, {KEY: json.dumps(meta, sort_keys=True)}))


def read_model(path: Path, device: torch.device) -> tuple[nn.Module, dict[str, Any]]:
    """Rebuild a trained network from its file, in evaluation mode.

    Raises
    ------
    DegcraftError
        The file is missing or truncated, or was not written by `write_model`.
    """
    try:
        records.used(path)
        with safe_open(path, framework="pt") as file:
            meta = json.loads((file.metadata() or {}).get(KEY, "{}"))
        weights = load_file(path)
    except Exception as error:  # a header that a stranger wrote fails in almost any way, too
        raise damaged(path, error) from None
    if not meta or not isinstance(meta, dict):
        raise DegcraftError(f"{path}: no degcraft metadata; needed: a model trained by this workflow")
    try:
        network = rebuilt(weights, meta)
    except Exception as error:  # metadata that a stranger wrote fail in almost any way
        raise damaged(path, error) from error
    return network.to(device, memory_format=torch.channels_last).eval(), meta  # type: ignore[call-overload]


def rebuilt(weights: dict[str, Tensor], meta: dict[str, Any]) -> nn.Module:
    """Network that metadata describe, with its weights.

    Parameters
    ----------
    weights : dict of str to Tensor
    meta : dict
        ``backbone`` or ``method``, an entry of that config section; or, without these, ``architecture``, a published
        network's.

    Raises
    ------
    RuntimeError
        The weights do not fit; metadata that describe no network raise other errors.
    """
    if "architecture" in meta and not {"backbone", "method"} & meta.keys():
        return Published(weights)  # exported models of our own name their architecture, too
    family, options = (
        ("backbones.{}", meta["backbone"]) if "backbone" in meta else ("methods.{}.networks", meta["method"])
    )
    module = importlib.import_module(f"degcraft.{family.format(options['kind'])}")
    if options.get("blocks", 1) * options.get("groups", 1) > len(weights):
        raise RuntimeError("fewer weights than blocks")
    with torch.device("meta"):  # sizes first: a small file may ask for an enormous network
        needed = {name: value.shape for name, value in module.build(options).state_dict().items()}
    if needed != {name: value.shape for name, value in weights.items()}:
        raise RuntimeError("the weights are not of the network that the metadata describe")
    network: nn.Module = module.build(options)
    network.load_state_dict(weights)
    return network
