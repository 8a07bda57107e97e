# The checked config, and the functions that all stages' rules share.
import hashlib
import os
import re
import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError

WORKFLOW = Path(str(workflow.current_basedir)).parent
sys.path.insert(0, str(WORKFLOW))

from degcraft import fingerprint, inputs, published, targets
from degcraft.config import validate
from degcraft.errors import DegcraftError
from degcraft.spec import spec as section

try:
    validate(config)
    targets.check(config, sys.argv[1:])
    inputs.check_files(config, warn=True)
except DegcraftError as error:
    raise WorkflowError(str(error)) from None


onstart:
    # Refused here, only warned of above: a dry run may count jobs before the images are in place.
    inputs.check_files(config)


# One thread of linear algebra per job, whatever the machine: results must not depend on --cores.
shell.prefix(
    "set -euo pipefail;"
    f" export PYTHONPATH={str(WORKFLOW)!r}${{{{PYTHONPATH:+:$PYTHONPATH}}}}"
    " OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 MKL_NUM_THREADS=1; "
)


wildcard_constraints:
    set="train|references|bins|test",
    target="|".join(map(re.escape, config["settings"])),
    extractor="|".join(map(re.escape, config["extractors"])),
    weighting=targets.WEIGHTING,
    backbone="|".join(map(re.escape, config["backbones"])),
    draw=targets.draw_pattern(config),
    seed="[0-9]+",


def digest(name):
    """Hash of a committed file under resources/, for params: its place does not matter, its contents do."""
    return hashlib.sha256((WORKFLOW.parent / "resources" / name).read_bytes()).hexdigest()[:16]


def spec(stage, **fixed):
    """The config sections that a job reads, as one line of JSON (tracked by the engine)."""
    return lambda wildcards: section(config, stage, **{**wildcards, **fixed})


def code(stage, plugin=None):
    """Hash of the source that a job runs; `plugin` names a module that its wildcards choose."""
    return lambda wildcards: fingerprint.code(stage, *([plugin(wildcards)] if plugin else []))


def extractor_module(wildcards):
    """Module of a job's extractor."""
    return f"extractors.{config['extractors'][wildcards.extractor]['kind']}"


def backbone_module(wildcards):
    """Module of a job's backbone."""
    return f"backbones.{config['backbones'][wildcards.backbone]['kind']}"


def set_images(wildcards):
    """Image files of a set; none when all its images are packaged or generated."""
    return inputs.image_files(config, wildcards.set)


def extractor_weights(wildcards):
    """Weights file of an extractor, if its kind has one."""
    return weights_path(config["extractors"][wildcards.extractor])


def weights_path(options):
    """Where the weights of an extractor or of LPIPS lie, as a list for `input`."""
    path = published.weights_file(options)
    return [inputs.data_path(config, path)] if path else []


def lpips_weights(wildcards):
    """Backbone weights of LPIPS, if the metric is wanted and they are given."""
    evaluate = config["evaluate"]
    if "lpips" not in evaluate["metrics"]:
        return []
    return weights_path(evaluate["lpips"])


def draw_weights(wildcards):
    """Bin weights of a crafted draw; uniform and oracle draws need none."""
    if wildcards.draw in targets.PLAIN_DRAWS:
        return []
    return f"results/weights/{wildcards.target}/{wildcards.draw}.csv"


def trained_model(wildcards):
    """Model behind restored images: the uniform one is trained once, for any target."""
    target = targets.ANY if wildcards.draw == "uniform" else wildcards.target
    return f"results/models/{wildcards.backbone}/{target}/{wildcards.draw}/seed{wildcards.seed}/model.safetensors"


def table_metrics(wildcards):
    """Metrics of every model that Table 2 shows."""
    return [f"results/metrics/{model}.csv" for model in targets.table_models(config)]


def uses_gpu():
    """1 if network jobs run on a GPU, else 0; "auto" looks for an NVIDIA device on this machine."""
    device = config["compute"]["device"]
    return int(device in ("cuda", "mps") or (device == "auto" and Path(os.sep, "dev", "nvidia0").exists()))


def network_threads():
    """Threads of a network job: loader processes on a GPU, the configured ones on a CPU."""
    return 8 if uses_gpu() else config["compute"]["threads"]
