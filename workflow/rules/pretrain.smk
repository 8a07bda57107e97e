rule pretrain_extractor:
    """The network of an extractor that no published weights are at hand for: AlexNet on textures, DASR's encoder."""
    input:
        images=pretraining_images,
        textures=textures,
    output:
        model="results/pretrained/{extractor}/model.safetensors",
        description="results/pretrained/{extractor}/model.json",
        loss="results/pretrained/{extractor}/loss.csv",
    log:
        "results/logs/pretrain_extractor/{extractor}.log",
    benchmark:
        "results/benchmarks/pretrain_extractor/{extractor}.tsv"
    conda:
        "../../envs/gpu.yaml"
    threads: network_threads()
    resources:
        mem_mb=growing(4000),
        runtime=growing(1440),
        gpu=uses_gpu(),
        # Among the resources, since a change of these re-runs nothing, and checkpoints change no result.
        checkpoint_every=config["train"]["checkpoint_every"],
        textures=texture_folder,
    params:
        spec=spec("pretrain"),
        code=code("pretrain", pretraining_module),
    shell:
        "python -m degcraft.stages.pretrain --images {input.images} --textures {resources.textures:q}"
        " --spec {params.spec:q} --code {params.code} --checkpoint-every {resources.checkpoint_every}"
        " --threads {threads} --output $(dirname {output.model}) 2> {log}"
