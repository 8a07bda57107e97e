rule collect_losses:
    """Loss of every training behind Table 2, in one table."""
    input:
        table_losses,
    output:
        "results/losses.csv",
    log:
        "results/logs/collect_losses.log",
    benchmark:
        "results/benchmarks/collect_losses.tsv"
    conda:
        "../../envs/cpu.yaml"
    resources:
        mem_mb=growing(1000),
        runtime=growing(10),
    params:
        code=code("exhibits"),
    shell:
        "python -m degcraft.stages.exhibits losses --inputs {input} --code {params.code} --output {output} 2> {log}"


rule collect_timings:
    """Time and memory of all jobs so far by rule, from the engine's benchmark files; the inputs let it come last."""
    input:
        reported_results,
    output:
        "results/timings.csv",
    log:
        "results/logs/collect_timings.log",
    benchmark:
        "results/benchmarks/collect_timings.tsv"
    conda:
        "../../envs/cpu.yaml"
    resources:
        mem_mb=growing(1000),
        runtime=growing(10),
    params:
        code=code("exhibits"),
    shell:
        "python -m degcraft.stages.exhibits timings --root $(dirname {output})/benchmarks"
        " --code {params.code} --output {output} 2> {log}"


rule table_page:
    """A table as a page that the report can show."""
    input:
        readable_table,
    output:
        report(
            "results/pages/{table}.html",
            category=report_category,
            labels=report_labels("yes"),
            caption="../report/table.rst",
        ),
    log:
        "results/logs/table_page/{table}.log",
    benchmark:
        "results/benchmarks/table_page/{table}.tsv"
    wildcard_constraints:
        table="|".join(captions.TABLES),
    conda:
        "../../envs/cpu.yaml"
    resources:
        mem_mb=growing(1000),
        runtime=growing(10),
    params:
        code=code("exhibits"),
        about=caption,
    shell:
        "python -m degcraft.stages.exhibits page --inputs {input} --code {params.code} --output {output} 2> {log}"


rule exhibits:
    """Everything that the report shows: tables, figures, pages of applications, losses, and where the time went."""
    input:
        reported_results,
        collect("results/{figure}.{suffix}", figure=captions.TIMINGS, suffix=["pdf", "png"]),
