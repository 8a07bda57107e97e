"""Trained networks as files: safetensors weights that know what they are."""

import json
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import nn

from degcraft.backbones import build
from degcraft.errors import DegcraftError
from degcraft.io import damaged, whole_file

_KEY = "degcraft"  # one metadata entry: several would be written in no fixed order


def write_model(path: Path, network: nn.Module, meta: dict[str, Any]) -> None:
    """Write a network's weights, float32, with `meta` (it must hold ``backbone``: kind and sizes)."""
    weights = {name: value.detach().float().cpu().contiguous() for name, value in network.state_dict().items()}
    with whole_file(path) as temporary:
        save_file(weights, temporary, {_KEY: json.dumps(meta, sort_keys=True)})


def read_model(path: Path, device: torch.device) -> tuple[nn.Module, dict[str, Any]]:
    """Rebuild a trained network from its file, in evaluation mode.

    Raises
    ------
    DegcraftError
        The file is missing or truncated, or was not written by `write_model`.
    """
    try:
        with safe_open(path, framework="pt") as file:
            meta = json.loads((file.metadata() or {}).get(_KEY, "{}"))
        weights = load_file(path)
    except (OSError, SafetensorError) as error:
        raise damaged(path, error) from error
    if "backbone" not in meta:
        raise DegcraftError(f"{path}: no degcraft metadata; needed: a model trained by this workflow")
    network = build(meta["backbone"])
    try:
        network.load_state_dict(weights)
    except RuntimeError as error:
        raise damaged(path, error) from error
    return network.to(device, memory_format=torch.channels_last).eval(), meta  # type: ignore[call-overload]
