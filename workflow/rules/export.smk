rule export_model:
    """A model for other programs: its weights, an ONNX graph and a card."""
    input:
        model="results/models/{backbone}/{target}/{draw}/seed{seed}/model.safetensors",
        metrics=exported_metrics,
    output:
        directory("results/exported/{backbone}/{target}/{draw}/seed{seed}"),
    log:
        "results/logs/export_model/{backbone}/{target}/{draw}/seed{seed}.log",
    benchmark:
        "results/benchmarks/export_model/{backbone}/{target}/{draw}/seed{seed}.tsv"
    wildcard_constraints:
        backbone="|".join(map(re.escape, config["backbones"])),
        target="|".join([targets.ANY, *targets.targets(config)]),
        draw=targets.draw_pattern(config),
    conda:
        "../../envs/gpu.yaml"
    resources:
        mem_mb=growing(3000),
        runtime=growing(30),
    params:
        spec=spec("export"),
        code=code("export", backbone_module),
    shell:
        "python -m degcraft.stages.export --model {input.model} --metrics {input.metrics}"
        " --spec {params.spec:q} --code {params.code} --output {output} 2> {log}"
