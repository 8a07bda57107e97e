rule figure_evidence:
    """The table of one figure: measurements of all its networks, distances or weights, the paper's numbers beside them."""
    input:
        evidence_inputs,
    output:
        "results/{figure}.csv",
    log:
        "results/logs/figure_evidence/{figure}.log",
    benchmark:
        "results/benchmarks/figure_evidence/{figure}.tsv"
    wildcard_constraints:
        figure="figure(?:[123459]|1[457])",
    conda:
        "../../envs/cpu.yaml"
    resources:
        mem_mb=growing(2000),
        runtime=growing(30),
    params:
        spec=spec("evidence"),
        code=code("evidence"),
        paper=digest("paper/table2.csv"),
        absent=json.dumps(ABSENT),
    shell:
        "python -m degcraft.stages.evidence {wildcards.figure} --inputs {input:q} --absent {params.absent:q}"
        " --spec {params.spec:q} --code {params.code} --output {output} 2> {log}"


rule image_evidence:
    """Crops where the rows disagree most (paper, Fig. 6, 7, 10 to 13), and profiles of sharpness (paper, Fig. 8)."""
    input:
        results=image_inputs,
        truth=image_truth,
    output:
        table="results/{figure}.csv",
        crops=directory("results/crops/{figure}"),
    log:
        "results/logs/image_evidence/{figure}.log",
    benchmark:
        "results/benchmarks/image_evidence/{figure}.tsv"
    wildcard_constraints:
        figure="|".join(plans.IMAGES),
    conda:
        "../../envs/cpu.yaml"
    resources:
        mem_mb=growing(2000),
        runtime=growing(30),
    params:
        spec=spec("evidence"),
        code=code("evidence"),
        absent=absent_rows,
    shell:
        "python -m degcraft.stages.evidence {wildcards.figure} --inputs {input.results} --truth {input.truth}"
        " --absent {params.absent:q} --spec {params.spec:q} --code {params.code} --output {output.table} --crops {output.crops} 2> {log}"


rule lookalikes:
    """Real references beside contents that were degraded as was found for them (Figure 16)."""
    input:
        references=collect(
            "results/degraded/references/{target}.npz", target=config["evidence"]["lookalikes"]["targets"]
        ),
        weights=lookalike_weights,
        pixels="results/images/bins/pixels.npy",
        index="results/images/bins/index.csv",
    output:
        table=f"results/{plans.LOOKALIKES}.csv",
        crops=directory(f"results/crops/{plans.LOOKALIKES}"),
    log:
        "results/logs/lookalikes.log",
    benchmark:
        "results/benchmarks/lookalikes.tsv"
    conda:
        "../../envs/cpu.yaml"
    resources:
        mem_mb=growing(1000),
        runtime=growing(10),
    params:
        spec=spec("evidence", figure=plans.LOOKALIKES),
        code=code("lookalikes"),
        absent=json.dumps(ABSENT),
    shell:
        "python -m degcraft.stages.lookalikes --references {input.references} --weights {input.weights}"
        " --images $(dirname {input.pixels}) --absent {params.absent:q} --spec {params.spec:q} --code {params.code}"
        " --output {output.table} --crops {output.crops} 2> {log}"


rule claims:
    """Every claim of the paper, with what was measured and whether it holds."""
    input:
        tables=collect("results/{figure}.csv", figure=["figure2", "figure3", "figure4", "figure5"]),
        metrics=table_metrics,
        models=collect(
            "results/models/{backbone}/any/uniform/seed{seed}/model.json",
            backbone=config["tables"]["backbones"],
            seed=config["train"]["seeds"][0],
        ),
    output:
        csv=report(
            "results/claims.csv",
            category=report_category,
            labels=report_labels("CSV"),
            caption="../report/table.rst",
        ),
        markdown="results/claims.md",
    log:
        "results/logs/claims.log",
    benchmark:
        "results/benchmarks/claims.tsv"
    conda:
        "../../envs/cpu.yaml"
    resources:
        mem_mb=growing(1000),
        runtime=growing(10),
    params:
        spec=spec("evidence", figure="claims"),
        code=code("evidence"),
        paper=digest("paper/table2.csv"),
        absent=json.dumps(ABSENT),
        about=caption,
    shell:
        "python -m degcraft.stages.evidence claims --inputs {input.tables} {input.metrics} {input.models}"
        " --absent {params.absent:q} --spec {params.spec:q} --code {params.code} --output {output.csv} --markdown {output.markdown} 2> {log}"
