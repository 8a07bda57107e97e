rule bin_weights:
    """Sampling weight of every bin (paper, eq. 4)."""
    input:
        "results/distances/{target}/{extractor}.csv",
    output:
        "results/weights/{target}/{extractor}.{weighting}.csv",
    log:
        "results/logs/bin_weights/{target}/{extractor}.{weighting}.log",
    benchmark:
        "results/benchmarks/bin_weights/{target}/{extractor}.{weighting}.tsv"
    wildcard_constraints:
        target=REFERENCED,
    conda:
        "../../envs/cpu.yaml"
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        spec=spec("weights"),
        code=code("weights"),
    shell:
        "python -m degcraft.stages.weights --distances {input}"
        " --spec {params.spec:q} --code {params.code} --output {output} 2> {log}"
