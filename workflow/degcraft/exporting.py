"""A trained network for other programs: what its card says, and its ONNX graph."""

import math
import warnings
from typing import TYPE_CHECKING, Any

import onnx
import pandas as pd
import torch
from torch import nn

from degcraft.architectures import NAMES
from degcraft.degradations import SCALE
from degcraft.errors import DegcraftError
from degcraft.sections import BICUBIC, BSRGAN, REALESRGAN, SECOND_ORDER, SHARPENED

if TYPE_CHECKING:
    from onnx import ModelProto

OPSET = 18  # of ONNX; the one that PyTorch's exporter writes without conversion
INPUT, OUTPUT = "input", "output"
GROWTH = 32  # of the RRDB networks that other programs read
TOLERANCE = 1e-4  # greatest difference between the graph and the network, of values in [0, 1]

# What the backbones are called, and under which identifier OpenModelDB lists them, where not under their kind.
_NAMES = {**NAMES, "srresnet": "SRResNet", "edsr": "EDSR"}
_IDENTIFIERS = {"rrdb": "esrgan", "srresnet": "sr-res-net"}
_DRAWS = {
    "uniform": "degradations drawn evenly from the whole degradation space",
    "oracle": "the known degradations of {target}",
    BICUBIC: "bicubic downsampling alone",
    BSRGAN: "the shuffled degradations of BSRGAN",
    REALESRGAN: "the second-order degradations of Real-ESRGAN",
    SHARPENED: "the second-order degradations of Real-ESRGAN, with a sharpened truth",
}


def description(meta: dict[str, Any], metrics: pd.DataFrame | None) -> dict[str, Any]:
    """Metadata of an exported model: those of the training, the architecture's name, and what was measured.

    Parameters
    ----------
    meta : dict
        Metadata of a model file, with ``backbone``.
    metrics : DataFrame or None
        Columns name and one per metric, a line per test image; None where there is no truth.

    Raises
    ------
    DegcraftError
        A compared method, or published weights.
    """
    if "backbone" not in meta:
        found = (meta.get("method") or {}).get("kind") or meta.get("architecture") or "no degcraft model"
        raise DegcraftError(
            f"model of {found}: compared methods and published weights are not exported; needed: one of the config's "
            "backbones; pass on the authors' own files"
        )
    described = {**meta, "architecture": _name(meta["backbone"])}
    return described if metrics is None else {**described, "metrics": means(metrics)}


def means(metrics: pd.DataFrame) -> dict[str, Any]:
    """Number of images, and the mean of each metric that has one.

    Examples
    --------
    >>> means(pd.DataFrame({"name": ["a", "b"], "psnr_y": [30.0, 31.0], "lpips": [math.nan, math.nan]}))
    {'images': 2, 'psnr_y': 30.5}
    """
    found = metrics.drop(columns="name").mean()
    return {"images": len(metrics), **{str(name): float(mean) for name, mean in found.items() if math.isfinite(mean)}}


def graph(network: nn.Module) -> bytes:
    """ONNX file of a network: images (batch, 3, height, width) to (batch, 3, 4 height, 4 width), any sizes.

    Parameters
    ----------
    network : torch.nn.Module
        In evaluation mode, on the CPU.

    Returns
    -------
    bytes
        The same for the same weights and the same packages: without paths, traces and version strings.
    """
    sizes = {number: torch.export.Dim(name) for number, name in ((0, "batch"), (2, "height"), (3, "width"))}
    network = network.to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]
    example = torch.zeros(2, 3, 24, 20)  # unequal sizes, none of them 1: none is taken for a constant
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of PyTorch about itself
        program = torch.onnx.export(
            network,
            (example,),
            input_names=[INPUT],
            output_names=[OUTPUT],
            opset_version=OPSET,
            dynamo=True,
            dynamic_shapes=(sizes,),
            verbose=False,
        )
    if program is None:
        raise TypeError("PyTorch exported no program")
    return plain(program.model_proto).SerializeToString(deterministic=True)


def plain(model: "ModelProto") -> "ModelProto":
    """A graph without what names this machine or the program that wrote it, checked."""
    model.producer_name, model.producer_version, model.doc_string = "degcraft", "", ""
    del model.metadata_props[:]
    parts = [model.graph, *model.graph.node, *model.graph.initializer, *model.graph.value_info]
    for part in [*parts, *model.graph.input, *model.graph.output]:
        del part.metadata_props[:]
        part.doc_string = ""
    onnx.checker.check_model(model)
    return model


def card(meta: dict[str, Any], job: dict[str, Any], files: dict[str, tuple[int, str]]) -> dict[str, Any]:
    """Card of a model with OpenModelDB's fields, and what those have no place for under ``degcraft``.

    Parameters
    ----------
    meta : dict
        From `description`.
    job : dict
        ``backbone``, ``target``, ``draw``, ``seed`` and ``initial`` (draw of the model that it was trained on from).
    files : dict from {"safetensors", "onnx"} to (int, str)
        Bytes and SHA-256 of the model's files.

    Returns
    -------
    dict
        ``author``, ``license`` and ``date`` are null: only who publishes the model knows them.
    """
    train = meta["spec"]["train"]
    return {
        "name": f"{job['target']}-{job['draw']}",
        "author": None,
        "license": None,
        "date": None,
        "tags": _tags(job["draw"]),
        "description": _sentences(meta, job),
        "architecture": _IDENTIFIERS.get(meta["backbone"]["kind"], meta["backbone"]["kind"]),
        "size": _size(meta["backbone"]),
        "scale": SCALE,
        "inputChannels": 3,
        "outputChannels": 3,
        "resources": [
            {"platform": platform, "type": kind, "size": files[kind][0], "sha256": files[kind][1], "urls": []}
            for platform, kind in (("pytorch", "safetensors"), ("onnx", "onnx"))
        ],
        "trainingIterations": train["iterations"],
        "trainingBatchSize": train["batch"],
        "trainingHRSize": train["patch"],
        "trainingOTF": True,
        "dataset": "The HR images of prepare.train in the config, degraded anew at every step.",
        "pretrainedModelG": _initial(job),
        "images": [],
        "degcraft": {**meta, "onnx": _interface(), "job": job, "readable": _readable(meta["backbone"])},
    }


def _name(backbone: dict[str, Any]) -> str:
    return _NAMES.get(backbone["kind"], str(backbone["kind"]))


def _tags(draw: str) -> list[str]:
    return ["general-upscaler"] if draw == BICUBIC else ["deblur", "denoise", "jpeg", "restoration"]


def _size(backbone: dict[str, Any]) -> list[str]:
    """Width and number of blocks, as OpenModelDB writes them."""
    return [f"{backbone['width']}nf", f"{backbone['blocks']}nb"]


def _initial(job: dict[str, Any]) -> str | None:
    return f"{SCALE}x-{job['backbone']}-{job['initial']}" if job["initial"] else None


def _sentences(meta: dict[str, Any], job: dict[str, Any]) -> str:
    known = _DRAWS.get(job["draw"], "the degradations that {draw} estimated from reference images of {target}")
    found = [
        f"{_name(meta['backbone'])}, x{SCALE}, trained for {job['target']} with the L1 loss under "
        f"{known.format(**job)}.",
    ]
    if second_order(job["draw"]):
        found.append("They are of the second-order model.")
    if "metrics" in meta:
        measured = ", ".join(f"{name} {value:.4g}" for name, value in meta["metrics"].items() if name != "images")
        found.append(f"Means over {meta['metrics']['images']} test images of {job['target']}: {measured}.")
    return " ".join(found)


def second_order(draw: str) -> bool:
    """Whether a draw is an estimate in the space of the second-order model."""
    return draw.partition(".")[2].startswith(SECOND_ORDER)


def _interface() -> dict[str, Any]:
    """What a program must know to run the ONNX file."""
    shape = "batch, 3, {}height, {}width"
    return {
        "opset": OPSET,
        "input": {"name": INPUT, "layout": "NCHW", "shape": shape.format("", ""), "type": "float32"},
        "output": {"name": OUTPUT, "layout": "NCHW", "shape": shape.format("4 ", "4 "), "type": "float32"},
        "colours": "RGB",
        "range": "0 to 1; the output may leave it a little and is to be clipped",
        "tolerance": TOLERANCE,
    }


def _readable(backbone: dict[str, Any]) -> str:
    """Which programs read the weights, in words."""
    # Of all RRDB networks spandrel knows those of the usual growth.
    if backbone["kind"] in NAMES and backbone.get("growth", GROWTH) == GROWTH:
        name = NAMES[backbone["kind"]]
        return f"model.safetensors: programs that use spandrel, as {name}; model.onnx: any ONNX runtime"
    return "model.safetensors: degcraft (spandrel does not know this architecture); model.onnx: any ONNX runtime"
