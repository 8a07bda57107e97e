rule prepare_application:
    """Images and videos of an application as they are: windows to restore, and crops as references."""
    input:
        files=application_images,
        crops=application_crops,
    output:
        references="results/degraded/references/{application}.npz",
        test=directory("results/degraded/test/{application}"),
        material=directory("results/applications/{application}/material"),
    log:
        "results/logs/prepare_application/{application}.log",
    benchmark:
        "results/benchmarks/prepare_application/{application}.tsv"
    conda:
        "../../envs/cpu.yaml"
    resources:
        mem_mb=growing(2000),
        runtime=growing(60),
        # Among the resources: another folder re-runs this job when it leads to other files, not by its name.
        data=config["data"],
    params:
        spec=spec("applications"),
        code=code("applications"),
    shell:
        "python -m degcraft.stages.applications --data {resources.data:q} --spec {params.spec:q} --code {params.code}"
        " --references {output.references} --test {output.test} --material {output.material} 2> {log}"
