rule synthesize_bins:
    """Every clean image degraded once in every bin (paper, section 3.2); one job, since each image takes milliseconds."""
    input:
        pixels="results/images/bins/pixels.npy",
        index="results/images/bins/index.csv",
    output:
        "results/degraded/bins.npz",
    log:
        "results/logs/synthesize_bins.log",
    benchmark:
        "results/benchmarks/synthesize_bins.tsv"
    conda:
        "../../envs/cpu.yaml"
    threads: 2
    resources:
        mem_mb=2000,
        runtime=60,
    params:
        spec=spec("synthesize", set="bins"),
        code=code("synthesize"),
    shell:
        "python -m degcraft.stages.synthesize --set bins --images results/images/bins"
        " --spec {params.spec:q} --code {params.code} --threads {threads} --output {output} 2> {log}"


rule synthesize_references:
    """Reference images of a setting, drawn from its ranges (paper, Table 1)."""
    input:
        contents=reference_contents,
    output:
        "results/degraded/references/{target}.npz",
    log:
        "results/logs/synthesize_references/{target}.log",
    benchmark:
        "results/benchmarks/synthesize_references/{target}.tsv"
    wildcard_constraints:
        target=rf"(?:{SETTINGS})(?:\.same)?",
    conda:
        "../../envs/cpu.yaml"
    resources:
        mem_mb=1000,
        runtime=30,
    params:
        spec=spec("synthesize", set="references"),
        code=code("synthesize"),
    shell:
        "python -m degcraft.stages.synthesize --set references --target {wildcards.target}"
        " --images $(dirname {input.contents[0]}) --spec {params.spec:q} --code {params.code} --output {output} 2> {log}"


rule synthesize_test:
    """LR test images of a setting, drawn once and kept as PNG (paper, Table 1)."""
    input:
        pixels="results/images/test/pixels.npy",
        index="results/images/test/index.csv",
    output:
        directory("results/degraded/test/{target}"),
    log:
        "results/logs/synthesize_test/{target}.log",
    benchmark:
        "results/benchmarks/synthesize_test/{target}.tsv"
    wildcard_constraints:
        target=SETTINGS,
    conda:
        "../../envs/cpu.yaml"
    resources:
        mem_mb=1000,
        runtime=30,
    params:
        spec=spec("synthesize", set="test"),
        code=code("synthesize"),
    shell:
        "python -m degcraft.stages.synthesize --set test --target {wildcards.target}"
        " --images results/images/test --spec {params.spec:q} --code {params.code} --output {output} 2> {log}"


rule synthesize_stability:
    """Many images degraded in a setting's ranges, and in its best true bin (paper, Fig. 3 c)."""
    input:
        pixels="results/images/stability/pixels.npy",
        index="results/images/stability/index.csv",
    output:
        "results/degraded/stability/{target}.npz",
    log:
        "results/logs/synthesize_stability/{target}.log",
    benchmark:
        "results/benchmarks/synthesize_stability/{target}.tsv"
    wildcard_constraints:
        target=SETTINGS,
    conda:
        "../../envs/cpu.yaml"
    resources:
        mem_mb=1000,
        runtime=30,
    params:
        spec=spec("synthesize", set="stability"),
        code=code("synthesize"),
    shell:
        "python -m degcraft.stages.synthesize --set stability --target {wildcards.target}"
        " --images results/images/stability --spec {params.spec:q} --code {params.code} --output {output} 2> {log}"
