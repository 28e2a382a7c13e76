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
        precision=config["training"]["precision"],
        validation=validation_of("training"),
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
        validation=validation_of("mlp"),
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
    wildcard_constraints:
        part="|transfer/",
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


rule validate_forest:
    input:
        spots=rules.split_materials.input.spots,
        split=rules.split_materials.output.split,
    output:
        predictions=f"{RESULTS}/validation/predictions/forest.parquet",
    log:
        f"{RESULTS}/validation/logs/validate_forest.log",
    benchmark:
        f"{RESULTS}/validation/benchmarks/validate_forest.tsv"
    conda:
        "../../envs/learning.yaml"
    threads: 32
    resources:
        mem_mb=growing(64000),
        runtime=growing(1440),
    params:
        settings=config["forest"],
        # the materials that validate the network's training: the forest has none of its own
        validation=[config["training"]["validation_fraction"], config["training"]["seed"]],
        code=code("validate_forest.py"),
    script:
        "../scripts/validate_forest.py"


rule fit_calibration:
    input:
        unpack(validation_predictions),
    output:
        calibration=f"{RESULTS}/calibration/{{model}}.json",
    log:
        f"{RESULTS}/logs/fit_calibration/{{model}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/fit_calibration/{{model}}.tsv"
    conda:
        "../../envs/evaluation.yaml"
    resources:
        mem_mb=growing(16000),
        runtime=growing(60),
    params:
        settings=config["evaluation"],
        code=code("fit_calibration.py"),
    script:
        "../scripts/fit_calibration.py"


rule decide:
    input:
        predictions=f"{RESULTS}/{{part}}predictions/{{model}}.parquet",
        calibration=rules.fit_calibration.output.calibration,
    output:
        single=f"{RESULTS}/{{part}}decisions/{{model}}.parquet",
        views=f"{RESULTS}/{{part}}views/{{model}}.parquet",
    log:
        f"{RESULTS}/{{part}}logs/decide/{{model}}.log",
    benchmark:
        f"{RESULTS}/{{part}}benchmarks/decide/{{model}}.tsv"
    conda:
        "../../envs/evaluation.yaml"
    resources:
        mem_mb=growing(16000),
        runtime=growing(30),
    params:
        settings=config["evaluation"],
        code=code("decide.py"),
    script:
        "../scripts/decide.py"
