rule fit_posterior:
    """Posterior of the degradation given features, from the bank, cached for every target."""
    input:
        bank="results/degraded/{bank}.npz",
        features="results/features/{extractor}/{bank}.npz",
    output:
        "results/posteriors/{extractor}/{bank}.npz",
    log:
        "results/logs/fit_posterior/{extractor}/{bank}.log",
    benchmark:
        "results/benchmarks/fit_posterior/{extractor}/{bank}.tsv"
    conda:
        "../../envs/gpu.yaml"
    resources:
        mem_mb=growing(lambda wildcards: sizes.NETWORKS + weighting_memory(wildcards)),
        runtime=growing(lambda wildcards: sizes.minutes(bank_images(wildcards) / 100)),
    params:
        spec=spec("posterior"),
        code=code("posterior"),
    shell:
        "python -m degcraft.stages.posterior --bank {input.bank} --features {input.features}"
        " --spec {params.spec:q} --code {params.code} --output {output} 2> {log}"
