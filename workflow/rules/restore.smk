rule restore_images:
    """SR images of one model for the test images of one target."""
    input:
        model=trained_model,
        test="results/degraded/test/{target}",
    output:
        directory("results/restored/{backbone}/{target}/{draw}/seed{seed}"),
    log:
        "results/logs/restore_images/{backbone}/{target}/{draw}/seed{seed}.log",
    benchmark:
        "results/benchmarks/restore_images/{backbone}/{target}/{draw}/seed{seed}.tsv"
    wildcard_constraints:
        draw="|".join([targets.tested_draw_pattern(config), compared.BLIND, compared.REFERENCES, compared.PUBLISHED]),
    conda:
        "../../envs/gpu.yaml"
    threads: network_threads()
    resources:
        mem_mb=growing(restoring_memory),
        runtime=growing(restoring_minutes),
        gpu=uses_gpu(),
    params:
        spec=spec("restore"),
        code=code("restore", network_module),
    shell:
        "python -m degcraft.stages.restore --model {input.model} --test {input.test}"
        " --spec {params.spec:q} --code {params.code} --output {output} 2> {log}"


rule restore_application:
    """An application's own images and videos, restored whole by the model that its report is about."""
    input:
        files=application_images,
        model=reported_model,
    output:
        directory("results/applications/{application}/restored"),
    log:
        "results/logs/restore_application/{application}.log",
    benchmark:
        "results/benchmarks/restore_application/{application}.tsv"
    conda:
        "../../envs/gpu.yaml"
    threads: network_threads()
    resources:
        mem_mb=growing(6000),
        runtime=growing(1440),
        gpu=uses_gpu(),
        # Among the resources: another folder re-runs this job when it leads to other files, not by its name.
        data=config["data"],
    params:
        spec=spec("restore"),
        code=code("restore", reported_module),
    shell:
        "python -m degcraft.stages.restore --model {input.model} --data {resources.data:q}"
        " --spec {params.spec:q} --code {params.code} --output {output} 2> {log}"
