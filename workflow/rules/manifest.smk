rule manifest:
    """What the run was: config, code, packages, devices, and checksums of inputs and results (see docs/reliability.md)."""
    input:
        lambda wildcards: rules.all.input,
    output:
        "results/manifest.json",
    log:
        "results/logs/manifest.log",
    benchmark:
        "results/benchmarks/manifest.tsv"
    conda:
        "../../envs/cpu.yaml"
    resources:
        mem_mb=1000,
        runtime=30,
    params:
        spec=json.dumps(config, sort_keys=True, separators=(",", ":")),
        code=code("manifest"),
    shell:
        "python -m degcraft.stages.manifest --made {input:q}"
        " --spec {params.spec:q} --code {params.code} --output {output} 2> {log}"
