"""Training and prediction: every model of the registry, on the same patterns."""


rule train:
    input:
        spots=spots_of,
        split=rules.split_materials.output.split,
    output:
        model=directory(f"{RESULTS}/{{part}}models/{{model}}"),
    log:
        f"{RESULTS}/{{part}}logs/train/{{model}}.log",
    benchmark:
        f"{RESULTS}/{{part}}benchmarks/train/{{model}}.tsv"
    wildcard_constraints:
        part=r"|validation/|trained/\w+/",
    conda:
        "../../envs/learning.yaml"
    threads: threads_of("train")
    resources:
        **{name: devices(name) for name in ("gpu", "mpi", "tasks", "tasks_per_gpu", "nodes", "gres")},
        mem_mb=growing_by_model("train", "mem_mb"),
        runtime=growing_by_model("train", "runtime"),
    params:
        settings=lambda wildcards: settings(*MODELS[wildcards.model].sections),
        validation=validation_of_training,
        detector=detector_at(config["detector"]["training"]),
        processes=lambda wildcards: processes(wildcards.model),
        # outside the outputs, which Snakemake deletes when a job fails: an interrupted training goes on
        checkpoints=f"{RESULTS}/checkpoints/{{part}}{{model}}",
        # the module that trains, and not the one that predicts
        code=code("train.py", lambda wildcards: f"{folder_of(MODELS[wildcards.model].model)}.fit"),
    script:
        "../scripts/train.py"


rule predict:
    input:
        spots=spots_of,
        split=rules.split_materials.output.split,
        model=model_that_predicts,
    output:
        predictions=at_levels("{part}predictions/{level}/{model}.parquet"),
    log:
        f"{RESULTS}/{{part}}logs/predict/{{model}}.log",
    benchmark:
        f"{RESULTS}/{{part}}benchmarks/predict/{{model}}.tsv"
    conda:
        "../../envs/learning.yaml"
    threads: threads_of("predict")
    resources:
        mem_mb=growing_by_model("predict", "mem_mb"),
        runtime=growing_by_model("predict", "runtime", times=len(LEVELS)),
        gpu=lambda wildcards: int(MODELS[wildcards.model].predict.gpu),
    params:
        threads=lambda wildcards: fixed_threads(MODELS[wildcards.model].predict, config),
        validation=validation_of_prediction,
        detectors={level: detector_at(level) for level in LEVELS},
        seed=config["detector"]["seed"],
        code=code("predict.py", lambda wildcards: MODELS[wildcards.model].model),
    script:
        "../scripts/predict.py"


rule predict_views:
    input:
        spots=spots_of,
        split=rules.split_materials.output.split,
        model=model_that_predicts,
    output:
        predictions=at_levels("{part}predictions/{level}/{model}_views.parquet"),
    log:
        f"{RESULTS}/{{part}}logs/predict_views/{{model}}.log",
    benchmark:
        f"{RESULTS}/{{part}}benchmarks/predict_views/{{model}}.tsv"
    wildcard_constraints:
        part=r"|validation/",
        model="|".join(TOGETHER),
    conda:
        "../../envs/learning.yaml"
    threads: threads_of("predict")
    resources:
        mem_mb=growing_by_model("predict", "mem_mb"),
        runtime=growing_by_model("predict", "runtime", times=len(LEVELS)),
        gpu=lambda wildcards: int(MODELS[wildcards.model].predict.gpu),
    params:
        threads=lambda wildcards: fixed_threads(MODELS[wildcards.model].predict, config),
        validation=validation_of_prediction,
        detectors={level: detector_at(level) for level in LEVELS},
        seed=config["detector"]["seed"],
        views={name: config["evaluation"][name] for name in ("views", "seed")},
        code=code("predict_views.py", lambda wildcards: MODELS[wildcards.model].model),
    script:
        "../scripts/predict_views.py"


rule predict_curves:
    input:
        spots=rules.split_materials.input.spots,
        split=rules.split_materials.output.split,
        model=f"{RESULTS}/models/{{model}}",
    output:
        curves=f"{RESULTS}/curves/{{model}}.parquet",
    log:
        f"{RESULTS}/logs/predict_curves/{{model}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/predict_curves/{{model}}.tsv"
    conda:
        "../../envs/learning.yaml"
    threads: threads_of("predict")
    resources:
        mem_mb=growing_by_model("predict", "mem_mb"),
        runtime=growing_by_model("predict", "runtime"),
        gpu=lambda wildcards: int(MODELS[wildcards.model].predict.gpu),
    params:
        threads=lambda wildcards: fixed_threads(MODELS[wildcards.model].predict, config),
        points=detectors_of_curves(),
        seed=config["detector"]["seed"],
        materials=config["detector"]["curve_materials"],
        views={name: config["evaluation"][name] for name in ("views", "seed")},
        code=code("predict_curves.py", lambda wildcards: MODELS[wildcards.model].model),
    script:
        "../scripts/predict_curves.py"
