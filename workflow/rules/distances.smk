rule bin_distances:
    """Distance of every bin to a target's references (paper, eq. 3)."""
    input:
        bins="results/features/{extractor}/bins.npz",
        references="results/features/{extractor}/references-{target}.npz",
    output:
        "results/distances/{target}/{extractor}.csv",
    log:
        "results/logs/bin_distances/{target}/{extractor}.log",
    benchmark:
        "results/benchmarks/bin_distances/{target}/{extractor}.tsv"
    wildcard_constraints:
        target=REFERENCED,
    conda:
        "../../envs/cpu.yaml"
    resources:
        mem_mb=growing(weighting_memory),
        runtime=growing(30),
    params:
        spec=spec("distances"),
        code=code("distances"),
    shell:
        "python -m degcraft.stages.distances --bins {input.bins} --references {input.references}"
        " --spec {params.spec:q} --code {params.code} --output {output} 2> {log}"
