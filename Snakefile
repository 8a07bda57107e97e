# degcraft, table of contents: the rules of each stage, and what `snakemake` makes by default.
from snakemake.utils import min_version

min_version("9.27")


configfile: str(workflow.current_basedir.join("config.yaml"))


report: "workflow/report/workflow.rst"


# One GPU job at a time on a desktop (limit in profiles/default), all at once on a cluster.
resource_scopes:
    gpu="local",


include: "workflow/rules/common.smk"
include: "workflow/rules/inputs.smk"
include: "workflow/rules/prepare.smk"
include: "workflow/rules/applications.smk"
include: "workflow/rules/truth.smk"
include: "workflow/rules/synthesize.smk"
include: "workflow/rules/pretrain.smk"
include: "workflow/rules/features.smk"
include: "workflow/rules/distances.smk"
include: "workflow/rules/posterior.smk"
include: "workflow/rules/alpha.smk"
include: "workflow/rules/weights.smk"
include: "workflow/rules/estimation.smk"
include: "workflow/rules/train.smk"
include: "workflow/rules/methods.smk"
include: "workflow/rules/restore.smk"
include: "workflow/rules/evaluate.smk"
include: "workflow/rules/export.smk"
include: "workflow/rules/checks.smk"
include: "workflow/rules/report.smk"
include: "workflow/rules/tables.smk"
include: "workflow/rules/evidence.smk"
include: "workflow/rules/figures.smk"
include: "workflow/rules/manifest.smk"
include: "workflow/rules/crate.smk"
include: "workflow/rules/exhibits.smk"


rule all:
    """Both tables of the paper, from images."""
    default_target: True
    input:
        "results/table1.csv",
        "results/table2.csv",
