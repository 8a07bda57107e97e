rule evaluate_model:
    """PSNR, SSIM and LPIPS of one model on every test image of one target."""
    input:
        restored="results/restored/{backbone}/{target}/{draw}/seed{seed}",
        truth=evaluation_truth,
        weights=lpips_weights,
    output:
        "results/metrics/{backbone}/{target}/{draw}/seed{seed}.csv",
    log:
        "results/logs/evaluate_model/{backbone}/{target}/{draw}/seed{seed}.log",
    benchmark:
        "results/benchmarks/evaluate_model/{backbone}/{target}/{draw}/seed{seed}.tsv"
    wildcard_constraints:
        target="|".join(map(re.escape, targets.measured(config))),
    conda:
        "../../envs/gpu.yaml"
    resources:
        mem_mb=growing(evaluation_memory),
        runtime=growing(sizes.minutes(sizes.images(config, "test") / 10)),
    params:
        spec=spec("evaluate"),
        code=code("evaluate"),
    shell:
        "python -m degcraft.stages.evaluate --restored {input.restored} --truth {input.truth}"
        " --weights {input.weights:q} --spec {params.spec:q} --code {params.code} --output {output} 2> {log}"
