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
        mem_mb=growing(bank_memory),
        runtime=growing(sizes.minutes(sizes.bank(config) / 10_000)),
    params:
        spec=spec("synthesize", set="bins"),
        code=code("synthesize"),
    shell:
        "python -m degcraft.stages.synthesize --set bins --images $(dirname {input.pixels})"
        " --spec {params.spec:q} --code {params.code} --threads {threads} --output {output} 2> {log}"


rule synthesize_samples:
    """The clean images of the bins, degraded all over the second-order model, which has no bins."""
    input:
        pixels="results/images/bins/pixels.npy",
        index="results/images/bins/index.csv",
    output:
        "results/degraded/samples.npz",
    log:
        "results/logs/synthesize_samples.log",
    benchmark:
        "results/benchmarks/synthesize_samples.tsv"
    conda:
        "../../envs/cpu.yaml"
    threads: 2
    resources:
        mem_mb=growing(sizes.PLAIN + bank_memory({"bank": "samples"})),
        runtime=growing(sizes.minutes(config["posterior"]["samples"] / 500)),
    params:
        spec=spec("synthesize", set="samples"),
        code=code("synthesize"),
    shell:
        "python -m degcraft.stages.synthesize --set samples --images $(dirname {input.pixels})"
        " --spec {params.spec:q} --code {params.code} --threads {threads} --output {output} 2> {log}"


rule synthesize_repeat:
    """The bins once more, for a repeat of the measurement of estimates."""
    input:
        contents=repeat_bank_contents,
    output:
        "results/degraded/bins-{repeat}.npz",
    log:
        "results/logs/synthesize_repeat/{repeat}.log",
    benchmark:
        "results/benchmarks/synthesize_repeat/{repeat}.tsv"
    conda:
        "../../envs/cpu.yaml"
    threads: 2
    resources:
        mem_mb=growing(bank_memory),
        runtime=growing(sizes.minutes(sizes.bank(config) / 10_000)),
    params:
        spec=spec("synthesize", set="bins"),
        code=code("synthesize"),
    shell:
        "python -m degcraft.stages.synthesize --set bins --repeat {wildcards.repeat}"
        " --images $(dirname {input.contents[0]}) --spec {params.spec:q} --code {params.code} --threads {threads}"
        " --output {output} 2> {log}"


rule synthesize_targets:
    """References of known targets, settings, random boxes and pairs of boxes, for a repeat of the measurement."""
    input:
        contents=repeat_reference_contents,
    output:
        "results/degraded/targets-{repeat}.npz",
    log:
        "results/logs/synthesize_targets/{repeat}.log",
    benchmark:
        "results/benchmarks/synthesize_targets/{repeat}.tsv"
    conda:
        "../../envs/cpu.yaml"
    threads: 2
    resources:
        mem_mb=growing(references_memory),
        runtime=growing(60),
    params:
        spec=spec("synthesize", set="targets"),
        code=code("synthesize"),
    shell:
        "python -m degcraft.stages.synthesize --set targets --repeat {wildcards.repeat}"
        " --images $(dirname {input.contents[0]}) --spec {params.spec:q} --code {params.code} --threads {threads}"
        " --output {output} 2> {log}"


rule synthesize_second_order:
    """References of random boxes of the second-order model."""
    input:
        pixels="results/images/references/pixels.npy",
        index="results/images/references/index.csv",
    output:
        "results/degraded/targets-second-order.npz",
    log:
        "results/logs/synthesize_second_order.log",
    benchmark:
        "results/benchmarks/synthesize_second_order.tsv"
    conda:
        "../../envs/cpu.yaml"
    threads: 2
    resources:
        mem_mb=growing(references_memory),
        runtime=growing(60),
    params:
        spec=spec("synthesize", set="second-order"),
        code=code("synthesize"),
    shell:
        "python -m degcraft.stages.synthesize --set second-order --images $(dirname {input.pixels})"
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
        mem_mb=growing(references_memory),
        runtime=growing(30),
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
        mem_mb=growing(sizes.test_memory(config)),
        runtime=growing(30),
    params:
        spec=spec("synthesize", set="test"),
        code=code("synthesize"),
    shell:
        "python -m degcraft.stages.synthesize --set test --target {wildcards.target}"
        " --images $(dirname {input.pixels}) --spec {params.spec:q} --code {params.code} --output {output} 2> {log}"


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
        mem_mb=growing(references_memory),
        runtime=growing(30),
    params:
        spec=spec("synthesize", set="stability"),
        code=code("synthesize"),
    shell:
        "python -m degcraft.stages.synthesize --set stability --target {wildcards.target}"
        " --images $(dirname {input.pixels}) --spec {params.spec:q} --code {params.code} --output {output} 2> {log}"
