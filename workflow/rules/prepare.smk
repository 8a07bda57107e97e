rule prepare_images:
    """One image set, checked, cropped and packed: a training crop then costs no decoding."""
    input:
        files=set_images,
    output:
        pixels="results/images/{set}/pixels.npy",
        index="results/images/{set}/index.csv",
        meta="results/images/{set}/meta.json",
    log:
        "results/logs/prepare_images/{set}.log",
    benchmark:
        "results/benchmarks/prepare_images/{set}.tsv"
    conda:
        "../../envs/cpu.yaml"
    resources:
        mem_mb=growing(lambda wildcards: sizes.prepare_memory(config, wildcards.set)),
        runtime=growing(lambda wildcards: 30 + sizes.images(config, wildcards.set) // 20),
        # Among the resources: another folder re-runs this job when it leads to other files, not by its name.
        data=config["data"],
    params:
        spec=spec("prepare"),
        code=code("prepare"),
    shell:
        "python -m degcraft.stages.prepare --set {wildcards.set} --data {resources.data:q}"
        " --spec {params.spec:q} --code {params.code} --output $(dirname {output.pixels}) 2> {log}"
