rule train_model:
    """One SR network under one draw (paper, section 4.1); a killed training continues where it stopped."""
    input:
        pixels="results/images/train/pixels.npy",
        index="results/images/train/index.csv",
        weights=draw_weights,
        initial=initial_model,
    output:
        model="results/models/{backbone}/{target}/{draw}/seed{seed}/model.safetensors",
        description="results/models/{backbone}/{target}/{draw}/seed{seed}/model.json",
        loss="results/models/{backbone}/{target}/{draw}/seed{seed}/loss.csv",
    log:
        "results/logs/train_model/{backbone}/{target}/{draw}/seed{seed}.log",
    benchmark:
        "results/benchmarks/train_model/{backbone}/{target}/{draw}/seed{seed}.tsv"
    wildcard_constraints:
        backbone="|".join(map(re.escape, config["backbones"])),
        target="|".join([targets.ANY, *targets.targets(config)]),
        draw=targets.draw_pattern(config),
    conda:
        "../../envs/gpu.yaml"
    threads: network_threads() * config["train"]["gpus"]
    resources:
        mem_mb=growing(training_memory),
        runtime=growing(training_minutes),
        gpu=uses_gpu() * config["train"]["gpus"],
        # Among the resources, since a change of these re-runs nothing, and checkpoints change no result.
        checkpoint_every=config["train"]["checkpoint_every"],
        loaders=network_threads(),
    params:
        spec=spec("train"),
        code=code("train", backbone_module),
        launcher=launcher(),
    shell:
        "{params.launcher} degcraft.stages.train --images $(dirname {input.pixels}) --weights {input.weights}"
        " --initial {input.initial}"
        " --spec {params.spec:q} --code {params.code} --checkpoint-every {resources.checkpoint_every}"
        " --threads {resources.loaders} --output $(dirname {output.model}) 2> {log}"
