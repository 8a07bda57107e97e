# The checked config, and the functions that all stages' rules share.
import hashlib
import json
import os
import re
import shlex
import sys
from pathlib import Path

import yaml
from snakemake.exceptions import WorkflowError
from snakemake.logging import logger

WORKFLOW = Path(str(workflow.current_basedir)).parent
if not (WORKFLOW / "degcraft").is_dir():
    raise WorkflowError(
        f"{WORKFLOW}: rules without the package beside them, as from github(...); a clone is needed; type: git clone, "
        "then name the clone's Snakefile in the module"
    )
sys.path.insert(0, str(WORKFLOW))
if unfit := re.search(r"[:{}\n]", str(WORKFLOW)):
    raise WorkflowError(
        f"{WORKFLOW}: {unfit[0]!r} in the name of the workflow's folder; commands cannot name it; move it"
    )

from degcraft import captions, clocks, compared, figures, fingerprint, inputs, journal, leftovers, plans, pretraining
from degcraft import published, repeats, sizes, targets
from degcraft.config import validate, with_chosen_methods
from degcraft.errors import DegcraftError
from degcraft.spec import SECOND_ORDER, initial_draw, parse_weighting
from degcraft.spec import spec as section

config_files = [WORKFLOW.parent / "config.yaml", *workflow.overwrite_configfiles]
config.update(with_chosen_methods(config, (yaml.safe_load(Path(file).read_text()) for file in config_files)))

# Another workflow that uses this one as a module may give all results a prefix; users' own files have none.
RESULTS = Path(workflow.modifier.modify_path("results"))
if RESULTS != Path("results"):
    config["data"] = str(Path(config["data"]).expanduser().absolute())

try:
    validate(config)
    targets.check(config, sys.argv[1:])
    inputs.check_files(config, warn=True)
except DegcraftError as error:
    changed = [f"in config.yaml as changed by {file}" for file in workflow.overwrite_configfiles]
    raise WorkflowError("\n".join([str(error), *changed])) from None


onstart:
    # Refused here, only warned of above: a dry run may count jobs before the images are in place.
    inputs.check_files(config)
    if dated := clocks.mend(RESULTS):
        print(f"warning: {len(dated)} files of the future, now of today; the first is {dated[0]}", file=sys.stderr)
    # This engine has the folder's lock and has sent nothing yet. With --directory, jobs do not tell whose they are.
    left = leftovers.end(Path.cwd()) if Path(workflow.workdir_init) == Path.cwd() else []
    if left:
        print(f"warning: cancelled Slurm jobs that a killed run had left: {' '.join(left)}", file=sys.stderr)
    # The engine's default limit wakes its scheduler each second, for ever, for every job that ended while others waited.
    if (limiter := workflow.scheduler.job_rate_limiter) and limiter.max_jobs / limiter.timespan >= 100:
        workflow.scheduler.job_rate_limiter = None
    # Last, for what is refused is no run; status.html is written from this journal.
    journal.begin(RESULTS, logger, workflow.rules, workflow.dag.needrun_jobs())


onsuccess:
    journal.end(success=True)


onerror:
    journal.end(success=False)


# One thread of linear algebra per job, whatever the machine: results must not depend on --cores. The safe path: Python
# would import modules from the working directory, where a user's files may have the names of modules.
shell.prefix(
    "set -euo pipefail;"
    f" export PYTHONPATH={shlex.quote(str(WORKFLOW))}${{{{PYTHONPATH:+:$PYTHONPATH}}}}"
    " OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 MKL_NUM_THREADS=1 PYTHONSAFEPATH=1; "
)

SETTINGS = "|".join(map(re.escape, config["settings"]))
# Targets with references: <setting>.same has the bins' own clean contents in them.
METHODS = "|".join(map(re.escape, config["methods"])) or "none"
REFERENCED = "|".join([*map(re.escape, targets.targets(config)), rf"(?:{SETTINGS})\.same"])


wildcard_constraints:
    set="|".join(inputs.SETS),
    target="|".join(map(re.escape, targets.targets(config))),
    application="|".join(map(re.escape, config["applications"])),
    extractor="|".join(map(re.escape, config["extractors"])),
    bank=rf"bins|samples|(?:bins|targets)-{repeats.PATTERN}|targets-second-order",
    repeat=repeats.PATTERN,
    weighting=targets.WEIGHTING,
    backbone="|".join(map(re.escape, [*config["backbones"], *config["methods"]])),
    draw="|".join([targets.tested_draw_pattern(config), *compared.DRAWS]),
    seed="[0-9]+",
    figure="|".join(["figure[0-9]+", captions.LOSSES, captions.TIMINGS]),


# Extractors that cannot be computed here, each with its reason; the figures are drawn without them.
ABSENT = inputs.absent_extractors(config)


def digest(name):
    """Hash of a committed file under resources/, for params: its place does not matter, its contents do."""
    return hashlib.sha256((WORKFLOW.parent / "resources" / name).read_bytes()).hexdigest()[:16]


def spec(stage, **fixed):
    """The config sections that a job reads, as one line of JSON (tracked by the engine)."""
    return lambda wildcards: section(config, stage, **{**wildcards, **fixed})


def code(stage, plugin=None):
    """Hash of the source that a job runs; `plugin` names a module that its wildcards choose."""
    return lambda wildcards: fingerprint.code(stage, *filter(None, [plugin and plugin(wildcards)]))


def extractor_module(wildcards):
    """Module of a job's extractor."""
    return f"extractors.{config['extractors'][wildcards.extractor]['kind']}"


def backbone_module(wildcards):
    """Module of a job's backbone."""
    return f"backbones.{config['backbones'][wildcards.backbone]['kind']}"


def reported_module(wildcards):
    """Module of the backbone that reports are about."""
    return f"backbones.{config['backbones'][config['report']['backbone']]['kind']}"


def method_module(wildcards):
    """Module in which a compared method learns."""
    return f"methods.{config['methods'][wildcards.backbone]['kind']}.learning"


def network_module(wildcards):
    """Module of the network of a model; none for a published one."""
    if wildcards.draw not in compared.DRAWS:
        return backbone_module(wildcards)
    kind = config["methods"][wildcards.backbone].get("kind")
    return None if wildcards.draw == compared.PUBLISHED else f"methods.{kind}.networks"


def pretraining_module(wildcards):
    """Module that trains a kind of extractor."""
    return f"pretraining.{pretraining.MODULES[config['extractors'][wildcards.extractor]['kind']]}"


def absent_rows(wildcards):
    """Rows that a figure of crops has to do without, each with its reason, as JSON."""
    rows = plans.image_extractors(config, wildcards.figure)
    return json.dumps({name: ABSENT[name] for name in rows if name in ABSENT})


def figure_module(wildcards):
    """Module that draws a figure."""
    return f"figures.{figures.MODULES[wildcards.figure]}"


def parts(package):
    """Hash of the parts of a page, which are no Python."""
    files = sorted((WORKFLOW / "degcraft" / package / "templates").iterdir())
    return hashlib.sha256(b"\0".join(file.read_bytes() for file in files)).hexdigest()[:16]


def input_options(wildcards, input):
    """Named inputs as options of a stage."""
    return " ".join(f"--{name} {path}" for name, path in input.items())


def uses_gpu():
    """1 if network jobs run on a GPU, else 0; "auto" looks for an NVIDIA device on this machine."""
    device = config["compute"]["device"]
    return int(device in ("cuda", "mps") or (device == "auto" and Path(os.sep, "dev", "nvidia0").exists()))


def network_threads():
    """Threads of a network job: loader processes on a GPU, the configured ones on a CPU."""
    return 8 if uses_gpu() else config["compute"]["threads"]


def launcher():
    """Command that starts a training: one process, or one per GPU."""
    gpus = config["train"]["gpus"]
    return "python -m" if gpus == 1 else f"torchrun --standalone --nproc-per-node {gpus} -m"


def growing(amount):
    """Memory or minutes that grow with every attempt; `amount` is a number, or a function of the wildcards."""
    return lambda wildcards, attempt: attempt * (amount(wildcards) if callable(amount) else amount)


def gpu_of_features(wildcards):
    """GPUs of a job that computes features: without weights there is no network."""
    return uses_gpu() if "weights" in config["extractors"][wildcards.extractor] else 0


def bank_images(wildcards):
    """How many LR images a bank of bins has, or of samples of the second-order model."""
    return config["posterior"]["samples"] if wildcards.get("bank") == "samples" else sizes.bank(config)


def bank_memory(wildcards):
    """Megabytes of a job that makes a bank."""
    return sizes.bank_memory(config, bank_images(wildcards))


def features_memory(wildcards):
    """Megabytes of a job that reads all images of a bank and writes their features."""
    return sizes.features_memory(config, bank_images(wildcards))


def weighting_memory(wildcards):
    """Megabytes of a job that reads the features of a bank."""
    return sizes.weighting_memory(config, bank_images(wildcards))


def references_memory(wildcards):
    """Megabytes of a job that makes or reads the LR images of a target."""
    return sizes.references_memory(config)


def trained_network(wildcards):
    """Sizes of the network of a job: a backbone, or what a compared method restores with."""
    if wildcards.backbone in config["backbones"]:
        return config["backbones"][wildcards.backbone]
    # Published weights do not say their sizes before they are read.
    return {"width": 64, "blocks": 1, **config["methods"][wildcards.backbone].get("sizes", {})}


def restoring_memory(wildcards):
    """Megabytes of a job that restores test images."""
    return sizes.restoring_memory(trained_network(wildcards))


def evaluation_memory(wildcards):
    """Megabytes of a job that measures SR images of a target."""
    return sizes.evaluation_memory(config, wildcards.target if wildcards.target in config["applications"] else None)


def trained_phases(wildcards):
    """Phases of a training, with the batch and patch of each; a backbone has one."""
    if wildcards.backbone in config["backbones"]:
        return [config["train"]]
    return [{**config["train"], **phase} for phase in config["methods"][wildcards.backbone]["phases"].values()]


def training_memory(wildcards):
    """Megabytes of a training: its largest phase."""
    network, memory = trained_network(wildcards), sizes.training_memory
    found = (memory(network, p["batch"], p["patch"], uses_gpu(), network_threads()) for p in trained_phases(wildcards))
    return max(found) * config["train"]["gpus"]


def training_minutes(wildcards):
    """Minutes of a training; a compared method has other networks beside the one that restores."""
    gpus = uses_gpu() * config["train"]["gpus"]
    # Steps of phases of other sizes, in steps of the first one's.
    first, *others = trained_phases(wildcards)
    work = first["batch"] * first["patch"] ** 2
    steps = first["iterations"] + sum(p["iterations"] * p["batch"] * p["patch"] ** 2 / work for p in others)
    steps *= 1 if wildcards.backbone in config["backbones"] else 3
    network, threads = trained_network(wildcards), config["compute"]["threads"]
    return sizes.training_minutes(network, steps, first["batch"], first["patch"], gpus, threads)


def restoring_minutes(wildcards):
    """Minutes that the restoration of all test images takes."""
    network, threads = trained_network(wildcards), config["compute"]["threads"]
    return sizes.restoring_minutes(network, sizes.images(config, "test"), uses_gpu(), threads)


def caption(wildcards, output):
    """What the report says of a table or figure. It takes `output`, so that the engine re-runs nothing for its words."""
    return captions.Caption(Path(output[0]).stem, Path("results"))


def report_category(wildcards, params):
    """Category of a table or figure in the report."""
    return captions.places(params.about.name)[0]


def report_subcategory(wildcards, params):
    """Group of figures in the report."""
    return captions.places(params.about.name)[1]


def report_labels(seen):
    """Labels of a table or figure in the report; `seen` is "yes" for the file to look at, else the name of the format."""

    def labels(wildcards, params):
        exhibit = params.about.exhibit
        return {"exhibit": exhibit.name, "shows": exhibit.shows, "on screen": seen}

    return labels
