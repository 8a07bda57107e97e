rule bin_weights:
    """Sampling weights from distances (paper, eq. 4), or from the likelihood of the references."""
    input:
        unpack(weights_inputs),
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
        mem_mb=growing(weighting_memory),
        runtime=growing(30),
    params:
        spec=spec("weights"),
        code=code("weights"),
        given=input_options,
    shell:
        "python -m degcraft.stages.weights {params.given}"
        " --spec {params.spec:q} --code {params.code} --output {output} 2> {log}"
