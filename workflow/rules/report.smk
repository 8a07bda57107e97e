rule report_application:
    """The page of an application: before and after, what was found, and how to use the model."""
    input:
        unpack(report_results),
        unpack(report_truth),
        unpack(report_estimator),
        test="results/degraded/test/{application}",
        references="results/degraded/references/{application}.npz",
        weights=reported_weights,
        model=reported_model,
        windows=reported_windows,
        material="results/applications/{application}/material",
        images=["results/images/bins/pixels.npy", "results/images/bins/index.csv"],
        checks="results/checks/{application}.csv",
        mixed="results/checks/{application}.json",
        restored="results/applications/{application}/restored",
    output:
        report(
            "results/applications/{application}/report.html",
            category="Applications",
            labels={"application": "{application}", "shows": "before and after, and what was found"},
            caption="../report/application.rst",
        ),
    log:
        "results/logs/report_application/{application}.log",
    benchmark:
        "results/benchmarks/report_application/{application}.tsv"
    conda:
        "../../envs/cpu.yaml"
    resources:
        mem_mb=growing(2000),
        runtime=growing(30),
    params:
        spec=spec("report"),
        code=code("report"),
        # Styles, script and text of the page are no modules, so the hash of the code misses them.
        parts=parts("report"),
        given=input_options,
    shell:
        "python -m degcraft.stages.report {wildcards.application} {params.given}"
        " --benchmarks $(dirname {log})/../../benchmarks"
        " --spec {params.spec:q} --code {params.code} --output {output} 2> {log}"
