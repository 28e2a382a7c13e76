"""Diffraction patterns of the selected materials, and of the test materials at other orientations.

A protocol that models are trained at as well has all of the materials.
"""


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


use rule simulate as simulate_protocol with:
    input:
        materials=rules.select_materials.output.selected,
        split=split_of_protocol,
    output:
        patterns=f"{RESULTS}/protocols/{{protocol}}/patterns/{{shard}}.h5",
    log:
        f"{RESULTS}/protocols/{{protocol}}/logs/simulate/{{shard}}.log",
    benchmark:
        f"{RESULTS}/protocols/{{protocol}}/benchmarks/simulate/{{shard}}.tsv"
    params:
        settings=lambda wildcards: scientific("simulation") | protocols.settings_of(wildcards.protocol),
        checkpoint=f"{RESULTS}/checkpoints/simulate/{{protocol}}/{{shard}}.journal",
        code=code("simulate.py", ENGINES[config["simulation"]["engine"]]),


use rule simulate as simulate_leak with:
    input:
        materials=rules.select_materials.output.selected,
        split=f"{RESULTS}/split.parquet",
    output:
        patterns=f"{RESULTS}/leak/patterns/{{shard}}.h5",
    log:
        f"{RESULTS}/leak/logs/simulate/{{shard}}.log",
    benchmark:
        f"{RESULTS}/leak/benchmarks/simulate/{{shard}}.tsv"
    params:
        settings=scientific("simulation") | protocols.LEAK,
        of_each_system=config["evaluation"]["leak_materials"],
        checkpoint=f"{RESULTS}/checkpoints/simulate/leak/{{shard}}.journal",
        code=code("simulate.py", ENGINES[config["simulation"]["engine"]]),
