"""Training: the network, the perceptron and the forest, on the same patterns."""


rule train_network:
    input:
        spots=rules.split_materials.input.spots,
        split=rules.split_materials.output.split,
    output:
        weights=f"{RESULTS}/models/gmoe/weights.safetensors",
        model=f"{RESULTS}/models/gmoe/model.json",
        curves=f"{RESULTS}/models/gmoe/curves.csv",
    log:
        f"{RESULTS}/logs/train_network.log",
    benchmark:
        f"{RESULTS}/benchmarks/train_network.tsv"
    conda:
        "../../envs/learning.yaml"
    threads: config["training"]["threads"]
    resources:
        **devices_of_training(),
        mem_mb=growing(32000),
        runtime=growing(2880),
    params:
        network=config["network"],
        training=scientific("training"),
        # outside the outputs, which Snakemake deletes when a job fails: an interrupted training goes on
        checkpoints=f"{RESULTS}/checkpoints/gmoe",
        code=code("train_network.py"),
    script:
        "../scripts/train_network.py"


rule train_mlp:
    input:
        spots=rules.split_materials.input.spots,
        split=rules.split_materials.output.split,
    output:
        weights=f"{RESULTS}/models/mlp/weights.safetensors",
        model=f"{RESULTS}/models/mlp/model.json",
    log:
        f"{RESULTS}/logs/train_mlp.log",
    benchmark:
        f"{RESULTS}/benchmarks/train_mlp.tsv"
    conda:
        "../../envs/learning.yaml"
    threads: config["mlp"]["threads"]
    resources:
        mem_mb=growing(32000),
        runtime=growing(720),
    params:
        settings=config["mlp"],
        code=code("train_mlp.py"),
    script:
        "../scripts/train_mlp.py"


rule train_forest:
    input:
        spots=rules.split_materials.input.spots,
        split=rules.split_materials.output.split,
    output:
        forest=f"{RESULTS}/models/forest/forest.h5",
        model=f"{RESULTS}/models/forest/model.json",
    log:
        f"{RESULTS}/logs/train_forest.log",
    benchmark:
        f"{RESULTS}/benchmarks/train_forest.tsv"
    conda:
        "../../envs/learning.yaml"
    threads: 32
    resources:
        mem_mb=growing(64000),
        runtime=growing(1440),
    params:
        settings=config["forest"],
        code=code("train_forest.py"),
    script:
        "../scripts/train_forest.py"
