rule table1:
    """The settings and what was drawn from them (paper, Table 1)."""
    input:
        references=collect("results/degraded/references/{target}.npz", target=config["tables"]["settings"]),
        test=collect("results/degraded/test/{target}", target=config["tables"]["settings"]),
    output:
        report(
            "results/table1.csv",
            category=report_category,
            labels=report_labels("CSV"),
            caption="../report/table.rst",
        ),
    log:
        "results/logs/table1.log",
    benchmark:
        "results/benchmarks/table1.tsv"
    conda:
        "../../envs/cpu.yaml"
    resources:
        mem_mb=growing(1000),
        runtime=growing(10),
    params:
        spec=spec("tables", table="table1"),
        code=code("tables"),
        paper=digest("paper/table1.csv"),
        about=caption,
    shell:
        "python -m degcraft.stages.tables --table table1 --references {input.references}"
        " --test {input.test} --spec {params.spec:q} --code {params.code} --output {output} 2> {log}"


rule table2:
    """Every row of the paper's Table 2: measured, the paper's number, and why a cell is missing."""
    input:
        metrics=table_metrics,
    output:
        csv=report(
            "results/table2.csv",
            category=report_category,
            labels=report_labels("CSV"),
            caption="../report/table.rst",
        ),
        markdown="results/table2.md",
    log:
        "results/logs/table2.log",
    benchmark:
        "results/benchmarks/table2.tsv"
    conda:
        "../../envs/cpu.yaml"
    resources:
        mem_mb=growing(1000),
        runtime=growing(10),
    params:
        spec=spec("tables", table="table2"),
        code=code("tables"),
        paper=digest("paper/table2.csv"),
        absent=json.dumps(ABSENT),
        about=caption,
    shell:
        "python -m degcraft.stages.tables --table table2 --metrics {input.metrics}"
        " --metrics-root $(dirname {output.csv})/metrics --absent {params.absent:q} --spec {params.spec:q} --code {params.code}"
        " --output {output.csv} --markdown {output.markdown} 2> {log}"


rule fits:
    """What was found for every target, and whether the degradation model explains it."""
    input:
        fitted_weights,
    output:
        report(
            "results/fits.csv",
            category=report_category,
            labels=report_labels("CSV"),
            caption="../report/table.rst",
        ),
    log:
        "results/logs/fits.log",
    benchmark:
        "results/benchmarks/fits.tsv"
    conda:
        "../../envs/cpu.yaml"
    resources:
        mem_mb=growing(1000),
        runtime=growing(10),
    params:
        code=code("tables"),
        about=caption,
    shell:
        "python -m degcraft.stages.tables --table fits --weights {input} --spec {{}}"
        " --code {params.code} --output {output} 2> {log}"
