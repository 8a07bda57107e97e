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
        mem_mb=4000,
        runtime=120,
        gpu=uses_gpu(),
    params:
        spec=spec("restore"),
        code=code("restore", network_module),
    shell:
        "python -m degcraft.stages.restore --model {input.model} --test {input.test}"
        " --spec {params.spec:q} --code {params.code} --output {output} 2> {log}"
