rule choose_alpha:
    """Score of every alpha on targets made from the bank, for the weighting frechet-auto."""
    input:
        bank="results/degraded/{bank}.npz",
        features="results/features/{extractor}/{bank}.npz",
    output:
        "results/alphas/{extractor}/{bank}.csv",
    log:
        "results/logs/choose_alpha/{extractor}/{bank}.log",
    benchmark:
        "results/benchmarks/choose_alpha/{extractor}/{bank}.tsv"
    conda:
        "../../envs/cpu.yaml"
    resources:
        mem_mb=growing(lambda wildcards: sizes.PLAIN + bank_memory(wildcards)),
        runtime=growing(60),
    params:
        spec=spec("alpha"),
        code=code("alpha"),
    shell:
        "python -m degcraft.stages.alpha --bank {input.bank} --features {input.features}"
        " --spec {params.spec:q} --code {params.code} --output {output} 2> {log}"
