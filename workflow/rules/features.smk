rule download_weights:
    """A published weights file, pinned by SHA-256; put it in place by hand where there is no network."""
    output:
        "resources/weights/{file}",
    log:
        "results/logs/download_weights/{file}.log",
    benchmark:
        "results/benchmarks/download_weights/{file}.tsv"
    wildcard_constraints:
        file="[A-Za-z0-9_][A-Za-z0-9._-]*",
    priority: 100  # a missing file is said before hours of other work
    localrule: True  # machines of a cluster seldom reach the network
    conda:
        "../../envs/gpu.yaml"
    resources:
        mem_mb=growing(2000),
        runtime=growing(60),
    shell:
        "python -m degcraft.stages.download --file {output} 2> {log}"


rule extract_features_bank:
    """Features of all bins, or of the second-order samples, cached for every target; networks load slowly."""
    input:
        images="results/degraded/{bank}.npz",
        weights=extractor_weights,
    output:
        "results/features/{extractor}/{bank}.npz",
    log:
        "results/logs/extract_features_bank/{extractor}/{bank}.log",
    benchmark:
        "results/benchmarks/extract_features_bank/{extractor}/{bank}.tsv"
    conda:
        "../../envs/gpu.yaml"
    threads: network_threads()
    resources:
        mem_mb=growing(features_memory),
        runtime=growing(lambda wildcards: sizes.minutes(bank_images(wildcards) / 1000)),
        gpu=gpu_of_features,
    params:
        spec=spec("features"),
        code=code("features", extractor_module),
    shell:
        "python -m degcraft.stages.features --input {input.images} --weights {input.weights:q}"
        " --spec {params.spec:q} --code {params.code} --output {output} 2> {log}"


rule extract_features_references:
    """Features of a target's references by one extractor (paper, section 3.2)."""
    input:
        images="results/degraded/references/{target}.npz",
        weights=extractor_weights,
    output:
        "results/features/{extractor}/references-{target}.npz",
    log:
        "results/logs/extract_features_references/{extractor}/{target}.log",
    benchmark:
        "results/benchmarks/extract_features_references/{extractor}/{target}.tsv"
    wildcard_constraints:
        target=REFERENCED,
    conda:
        "../../envs/gpu.yaml"
    threads: network_threads()
    resources:
        mem_mb=growing(lambda wildcards: sizes.NETWORKS + references_memory(wildcards)),
        runtime=growing(30),
        gpu=gpu_of_features,
    params:
        spec=spec("features"),
        code=code("features", extractor_module),
    shell:
        "python -m degcraft.stages.features --input {input.images} --weights {input.weights:q}"
        " --spec {params.spec:q} --code {params.code} --output {output} 2> {log}"


rule extract_features_stability:
    """Features of the many images of one setting by one extractor (paper, Fig. 3 c)."""
    input:
        images="results/degraded/stability/{target}.npz",
        weights=extractor_weights,
    output:
        "results/features/{extractor}/stability-{target}.npz",
    log:
        "results/logs/extract_features_stability/{extractor}/{target}.log",
    benchmark:
        "results/benchmarks/extract_features_stability/{extractor}/{target}.tsv"
    wildcard_constraints:
        target=SETTINGS,
    conda:
        "../../envs/gpu.yaml"
    threads: network_threads()
    resources:
        mem_mb=growing(lambda wildcards: sizes.NETWORKS + references_memory(wildcards)),
        runtime=growing(60),
        gpu=gpu_of_features,
    params:
        spec=spec("features"),
        code=code("features", extractor_module),
    shell:
        "python -m degcraft.stages.features --input {input.images} --weights {input.weights:q}"
        " --spec {params.spec:q} --code {params.code} --output {output} 2> {log}"
