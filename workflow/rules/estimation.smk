rule estimate:
    """How well every weighting finds the known targets of one repeat."""
    input:
        known="results/features/{extractor}/bins-{repeat}.npz",
        posterior="results/posteriors/{extractor}/bins-{repeat}.npz",
        alphas="results/alphas/{extractor}/bins-{repeat}.csv",
        targets="results/degraded/targets-{repeat}.npz",
        features="results/features/{extractor}/targets-{repeat}.npz",
    output:
        "results/estimation/{extractor}/{repeat}.csv",
    log:
        "results/logs/estimate/{extractor}/{repeat}.log",
    benchmark:
        "results/benchmarks/estimate/{extractor}/{repeat}.tsv"
    conda:
        "../../envs/gpu.yaml"
    resources:
        mem_mb=growing(lambda wildcards: sizes.NETWORKS + weighting_memory(wildcards)),
        runtime=growing(60),
    params:
        spec=spec("estimation", part="repeat"),
        code=code("estimation"),
        given=input_options,
    shell:
        "python -m degcraft.stages.estimation repeat {params.given}"
        " --spec {params.spec:q} --code {params.code} --output {output} 2> {log}"


rule estimate_second_order:
    """What is found in the space of the second-order model, against the number of images of its bank."""
    input:
        bank="results/degraded/samples.npz",
        known="results/features/{extractor}/samples.npz",
        posterior="results/posteriors/{extractor}/samples.npz",
        targets="results/degraded/targets-second-order.npz",
        features="results/features/{extractor}/targets-second-order.npz",
    output:
        "results/estimation/{extractor}/second-order.csv",
    log:
        "results/logs/estimate_second_order/{extractor}.log",
    benchmark:
        "results/benchmarks/estimate_second_order/{extractor}.tsv"
    conda:
        "../../envs/gpu.yaml"
    resources:
        mem_mb=growing(lambda wildcards: sizes.NETWORKS + bank_memory({"bank": "samples"})),
        runtime=growing(60),
    params:
        spec=spec("estimation", part="second-order"),
        code=code("estimation"),
        given=input_options,
    shell:
        "python -m degcraft.stages.estimation second-order {params.given}"
        " --spec {params.spec:q} --code {params.code} --output {output} 2> {log}"


rule collect_estimation:
    """All repeats in one table, and the same summed up for reading."""
    input:
        estimation_tables,
    output:
        csv=report(
            "results/estimation.csv",
            category=report_category,
            labels=report_labels("CSV"),
            caption="../report/table.rst",
        ),
        markdown="results/estimation.md",
    log:
        "results/logs/collect_estimation.log",
    benchmark:
        "results/benchmarks/collect_estimation.tsv"
    conda:
        "../../envs/gpu.yaml"
    resources:
        mem_mb=growing(1000),
        runtime=growing(10),
    params:
        spec=spec("estimation", part="collect"),
        code=code("estimation"),
        absent=json.dumps({name: ABSENT[name] for name in config["estimation"]["extractors"] if name in ABSENT}),
        about=caption,
    shell:
        "python -m degcraft.stages.estimation collect --inputs {input} --absent {params.absent:q}"
        " --spec {params.spec:q} --code {params.code} --output {output.csv} --markdown {output.markdown} 2> {log}"
