rule train_method:
    """One compared method, through all its phases (paper, Table 2); a killed training continues where it stopped."""
    input:
        pixels="results/images/train/pixels.npy",
        index="results/images/train/index.csv",
        references=method_references,
        perceptual=perceptual_weights,
    output:
        model="results/models/{backbone}/{target}/{draw}/seed{seed}/model.safetensors",
        description="results/models/{backbone}/{target}/{draw}/seed{seed}/model.json",
        loss="results/models/{backbone}/{target}/{draw}/seed{seed}/loss.csv",
        diagnostics=directory("results/models/{backbone}/{target}/{draw}/seed{seed}/diagnostics"),
    log:
        "results/logs/train_method/{backbone}/{target}/{draw}/seed{seed}.log",
    benchmark:
        "results/benchmarks/train_method/{backbone}/{target}/{draw}/seed{seed}.tsv"
    wildcard_constraints:
        backbone=METHODS,
        target="|".join([targets.ANY, *targets.targets(config)]),
        draw=f"{compared.BLIND}|{compared.REFERENCES}",
    conda:
        "../../envs/gpu.yaml"
    threads: network_threads()
    resources:
        mem_mb=growing(training_memory),
        runtime=growing(training_minutes),
        gpu=uses_gpu(),
        checkpoint_every=config["train"]["checkpoint_every"],
        loaders=network_threads(),
    params:
        spec=spec("methods"),
        code=code("methods", method_module),
    shell:
        "python -m degcraft.stages.methods --images $(dirname {input.pixels}) --references {input.references}"
        " --perceptual {input.perceptual:q}"
        " --spec {params.spec:q} --code {params.code} --checkpoint-every {resources.checkpoint_every}"
        " --threads {resources.loaders} --output $(dirname {output.model}) 2> {log}"


rule published_model:
    """A network of others, from the weights that they published."""
    input:
        checkpoint=published_checkpoint,
    output:
        model="results/models/{backbone}/any/published/seed{seed}/model.safetensors",
        description="results/models/{backbone}/any/published/seed{seed}/model.json",
    log:
        "results/logs/published_model/{backbone}/seed{seed}.log",
    benchmark:
        "results/benchmarks/published_model/{backbone}/seed{seed}.tsv"
    wildcard_constraints:
        backbone=METHODS,
    conda:
        "../../envs/gpu.yaml"
    resources:
        mem_mb=growing(2000),
        runtime=growing(10),
    params:
        spec=spec("methods", draw=compared.PUBLISHED),
        code=code("methods"),
    shell:
        "python -m degcraft.stages.methods --published {input.checkpoint:q}"
        " --spec {params.spec:q} --code {params.code} --output $(dirname {output.model}) 2> {log}"


rule learn_images:
    """SR images of a method that learns from each test image on its own; finished images survive a kill."""
    input:
        test="results/degraded/test/{target}",
    output:
        restored=directory("results/restored/{backbone}/{target}/image/seed{seed}"),
        diagnostics=directory("results/models/{backbone}/{target}/image/seed{seed}/diagnostics"),
    log:
        "results/logs/learn_images/{backbone}/{target}/seed{seed}.log",
    benchmark:
        "results/benchmarks/learn_images/{backbone}/{target}/seed{seed}.tsv"
    wildcard_constraints:
        backbone=METHODS,
    conda:
        "../../envs/gpu.yaml"
    threads: network_threads()
    resources:
        mem_mb=growing(4000),
        runtime=growing(2880),
        gpu=uses_gpu(),
    params:
        spec=spec("methods", draw=compared.IMAGE),
        code=code("methods", method_module),
    shell:
        "python -m degcraft.stages.methods --test {input.test} --spec {params.spec:q} --code {params.code}"
        " --output {output.restored} --diagnostics {output.diagnostics} 2> {log}"
