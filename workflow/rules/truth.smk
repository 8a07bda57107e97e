rule prepare_truth:
    """Truth of an application's windows, and what aligns enlarged windows with it."""
    input:
        windows="results/degraded/test/{application}",
        truth=application_truth,
    output:
        directory("results/degraded/truth/{application}"),
    log:
        "results/logs/prepare_truth/{application}.log",
    benchmark:
        "results/benchmarks/prepare_truth/{application}.tsv"
    priority: 100  # pairs that do not fit are refused before the trainings, which do not wait for this
    conda:
        "../../envs/cpu.yaml"
    resources:
        mem_mb=growing(2000),
        runtime=growing(60),
        # Among the resources, as in applications.smk.
        data=config["data"],
    params:
        spec=spec("truth"),
        code=code("truth"),
    shell:
        "python -m degcraft.stages.truth --windows {input.windows} --data {resources.data:q} --spec {params.spec:q}"
        " --code {params.code} --output {output} 2> {log}"
