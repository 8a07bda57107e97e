rule check_application:
    """Checks of an application's restored windows that need no truth, and whether its material is of one kind."""
    input:
        unpack(report_estimator),
        test="results/degraded/test/{application}",
        material="results/applications/{application}/material",
        weights=reported_weights,
        restored=reported_windows,
    output:
        checks="results/checks/{application}.csv",
        mixed="results/checks/{application}.json",
    log:
        "results/logs/check_application/{application}.log",
    benchmark:
        "results/benchmarks/check_application/{application}.tsv"
    conda:
        "../../envs/cpu.yaml"
    resources:
        mem_mb=growing(2000),
        runtime=growing(60),
    params:
        spec=spec("checks"),
        code=code("checks"),
        given=input_options,
    shell:
        "python -m degcraft.stages.checks {wildcards.application} {params.given}"
        " --spec {params.spec:q} --code {params.code} --checks {output.checks} --mixed {output.mixed} 2> {log}"
