rule crate:
    """The finished run as an RO-Crate of the Workflow Run Crate profile (see docs/reliability.md)."""
    input:
        "results/manifest.json",
    output:
        metadata="results/ro-crate-metadata.json",
        workflow=directory("results/source"),
    log:
        "results/logs/crate.log",
    benchmark:
        "results/benchmarks/crate.tsv"
    conda:
        "../../envs/cpu.yaml"
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        spec="{}",
        code=code("crate"),
    shell:
        "python -m degcraft.stages.crate --manifest {input} --spec {params.spec:q} --code {params.code}"
        " --workflow {output.workflow} --output {output.metadata} 2> {log}"
