"""Diffraction patterns of the selected materials, and of the test materials at other orientations."""


rule simulate:
    input:
        materials=rules.select_materials.output.selected,
    output:
        patterns=f"{RESULTS}/patterns/{{shard}}.h5",
    log:
        f"{RESULTS}/logs/simulate/{{shard}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/simulate/{{shard}}.tsv"
    conda:
        "../../envs/simulation.yaml"
    resources:
        mem_mb=growing(int(config["simulation"]["max_memory"]) + 2000),
        runtime=growing(240),
        gpu=int(config["simulation"]["engine"] == "torch" and config["simulation"]["device"] != "cpu"),
    params:
        settings=scientific("simulation"),
        # outside the outputs, which Snakemake deletes when a job fails: an interrupted shard goes on
        checkpoint=f"{RESULTS}/checkpoints/simulate/{{shard}}.journal",
        code=code("simulate.py", ENGINES[config["simulation"]["engine"]]),
    script:
        "../scripts/simulate.py"


use rule simulate as simulate_transfer with:
    input:
        materials=rules.select_materials.output.selected,
        split=f"{RESULTS}/split.parquet",
    output:
        patterns=f"{RESULTS}/transfer/patterns/{{shard}}.h5",
    log:
        f"{RESULTS}/logs/simulate_transfer/{{shard}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/simulate_transfer/{{shard}}.tsv"
    params:
        settings=scientific("simulation") | TRANSFER,
        checkpoint=f"{RESULTS}/checkpoints/simulate_transfer/{{shard}}.journal",
        code=code("simulate.py", ENGINES[config["simulation"]["engine"]]),
