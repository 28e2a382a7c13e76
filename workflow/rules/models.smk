"""Training and prediction: every model of the registry, on the same patterns."""


def folder_of(where):
    """The folder of a registry's class, as a module."""
    return where.partition(":")[0].rpartition(".")[0]


def threads_of(kind):
    """Threads of a model's job, "train" or "predict"."""

    def threads(wildcards):
        job = getattr(MODELS[wildcards.model], kind)
        return fixed_threads(job, config) or job.threads

    return threads


def growing_by_model(kind, name):
    """A resource of a model's job, "train" or "predict", that doubles with each attempt."""
    return lambda wildcards, attempt: getattr(getattr(MODELS[wildcards.model], kind), name) * 2 ** (
        attempt - 1
    )


def validation_of_training(wildcards):
    """Share and seed of the materials that validate a model; None for one that learns from all."""
    entry = MODELS[wildcards.model]
    return list(validation_of(wildcards.model, config)) if wildcards.part or entry.holds_out else None


def validation_of_prediction(wildcards):
    """The same where these materials are predicted; None for the test patterns."""
    return list(validation_of(wildcards.model, config)) if wildcards.part == "validation/" else None


def processes(model):
    """Processes that train a model together, and on how many nodes."""
    if "training" not in MODELS[model].sections:
        return [1, 1]
    devices, nodes = config["training"]["devices"], config["training"]["nodes"]
    return [devices * nodes, nodes]


def devices(name):
    """A resource of one GPU, or of some on each node with a SLURM task for each; models without have none."""

    def resource(wildcards):
        tasks, nodes = processes(wildcards.model)
        if tasks == 1:
            return {"gpu": int(MODELS[wildcards.model].train.gpu)}.get(name)
        # tasks_per_gpu would bind each task to one GPU; Lightning wants to see all of its node
        several = {"mpi": "srun", "tasks": tasks, "tasks_per_gpu": 0, "nodes": nodes}
        return (several | {"gres": f"gpu:{tasks // nodes}"}).get(name)

    return resource


def model_that_predicts(wildcards):
    """The model itself; for validation, where it knows the materials by heart, one trained without them."""
    other = wildcards.part == "validation/" and not MODELS[wildcards.model].holds_out
    return f"{RESULTS}/{'validation/' if other else ''}models/{wildcards.model}"


rule train:
    input:
        spots=rules.split_materials.input.spots,
        split=rules.split_materials.output.split,
    output:
        model=directory(f"{RESULTS}/{{part}}models/{{model}}"),
    log:
        f"{RESULTS}/{{part}}logs/train/{{model}}.log",
    benchmark:
        f"{RESULTS}/{{part}}benchmarks/train/{{model}}.tsv"
    wildcard_constraints:
        part="|validation/",
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
        processes=lambda wildcards: processes(wildcards.model),
        # outside the outputs, which Snakemake deletes when a job fails: an interrupted training goes on
        checkpoints=f"{RESULTS}/checkpoints/{{part}}{{model}}",
        # the module that trains, and not the one that predicts
        code=lambda wildcards: code("train.py", f"{folder_of(MODELS[wildcards.model].model)}.fit"),
    script:
        "../scripts/train.py"


rule predict:
    input:
        spots=spots_of,
        split=rules.split_materials.output.split,
        model=model_that_predicts,
    output:
        predictions=f"{RESULTS}/{{part}}predictions/{{model}}.parquet",
    log:
        f"{RESULTS}/{{part}}logs/predict/{{model}}.log",
    benchmark:
        f"{RESULTS}/{{part}}benchmarks/predict/{{model}}.tsv"
    conda:
        "../../envs/learning.yaml"
    threads: threads_of("predict")
    resources:
        mem_mb=growing_by_model("predict", "mem_mb"),
        runtime=growing_by_model("predict", "runtime"),
        gpu=lambda wildcards: int(MODELS[wildcards.model].predict.gpu),
    params:
        threads=lambda wildcards: fixed_threads(MODELS[wildcards.model].predict, config),
        validation=validation_of_prediction,
        code=lambda wildcards: code("predict.py", MODELS[wildcards.model].model),
    script:
        "../scripts/predict.py"
