"""Class probabilities of all models on the same test patterns, and the answers over several views."""


rule predict_network:
    input:
        spots=spots_of,
        split=rules.split_materials.output.split,
        weights=rules.train_network.output.weights,
        model=rules.train_network.output.model,
    output:
        predictions=f"{RESULTS}/{{part}}predictions/gmoe.parquet",
    log:
        f"{RESULTS}/{{part}}logs/predict_network.log",
    benchmark:
        f"{RESULTS}/{{part}}benchmarks/predict_network.tsv"
    conda:
        "../../envs/learning.yaml"
    threads: config["training"]["threads"]
    resources:
        mem_mb=growing(32000),
        runtime=growing(480),
        gpu=1,
    params:
        batch_size=config["training"]["batch_size"],
        threads=config["training"]["threads"],
        code=code("predict_network.py"),
    script:
        "../scripts/predict_network.py"


rule predict_mlp:
    input:
        spots=spots_of,
        split=rules.split_materials.output.split,
        weights=rules.train_mlp.output.weights,
        model=rules.train_mlp.output.model,
    output:
        predictions=f"{RESULTS}/{{part}}predictions/mlp.parquet",
    log:
        f"{RESULTS}/{{part}}logs/predict_mlp.log",
    benchmark:
        f"{RESULTS}/{{part}}benchmarks/predict_mlp.tsv"
    conda:
        "../../envs/learning.yaml"
    threads: config["mlp"]["threads"]
    resources:
        mem_mb=growing(32000),
        runtime=growing(240),
    params:
        code=code("predict_mlp.py"),
    script:
        "../scripts/predict_mlp.py"


rule predict_forest:
    input:
        spots=spots_of,
        split=rules.split_materials.output.split,
        forest=rules.train_forest.output.forest,
        model=rules.train_forest.output.model,
    output:
        predictions=f"{RESULTS}/{{part}}predictions/forest.parquet",
    log:
        f"{RESULTS}/{{part}}logs/predict_forest.log",
    benchmark:
        f"{RESULTS}/{{part}}benchmarks/predict_forest.tsv"
    conda:
        "../../envs/learning.yaml"
    threads: 16
    resources:
        mem_mb=growing(64000),
        runtime=growing(240),
    params:
        code=code("predict_forest.py"),
    script:
        "../scripts/predict_forest.py"


rule aggregate_views:
    input:
        predictions=f"{RESULTS}/{{part}}predictions/{{model}}.parquet",
    output:
        views=f"{RESULTS}/{{part}}views/{{model}}.parquet",
    log:
        f"{RESULTS}/{{part}}logs/aggregate_views/{{model}}.log",
    benchmark:
        f"{RESULTS}/{{part}}benchmarks/aggregate_views/{{model}}.tsv"
    conda:
        "../../envs/evaluation.yaml"
    resources:
        mem_mb=growing(16000),
        runtime=growing(30),
    params:
        settings=config["evaluation"],
        code=code("aggregate_views.py"),
    script:
        "../scripts/aggregate_views.py"
