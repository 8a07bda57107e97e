rule draw_figure:
    """One figure, from its table alone."""
    input:
        table="results/{figure}.csv",
        crops=figure_crops,
    output:
        pdf=report(
            "results/{figure}.pdf",
            category=report_category,
            subcategory=report_subcategory,
            labels=report_labels("PDF"),
            caption="../report/figure.rst",
        ),
        png=report(
            "results/{figure}.png",
            category=report_category,
            subcategory=report_subcategory,
            labels=report_labels("yes"),
            caption="../report/figure.rst",
        ),
    log:
        "results/logs/draw_figure/{figure}.log",
    benchmark:
        "results/benchmarks/draw_figure/{figure}.tsv"
    conda:
        "../../envs/cpu.yaml"
    resources:
        mem_mb=growing(1000),
        runtime=growing(10),
    params:
        spec=spec("figures"),
        code=code("figures", figure_module),
        about=caption,
    shell:
        "python -m degcraft.stages.figures --figure {wildcards.figure} --table {input.table} --crops {input.crops:q}"
        " --spec {params.spec:q} --code {params.code} --pdf {output.pdf} --png {output.png} 2> {log}"


rule figures:
    """Every figure, its data, the verdict on every claim, and what was found for every target."""
    input:
        collect("results/{figure}.{suffix}", figure=plans.FIGURES, suffix=["pdf", "png", "csv"]),
        "results/claims.csv",
        "results/fits.csv",
