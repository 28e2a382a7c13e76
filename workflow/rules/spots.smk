"""Spot lists out of patterns, the split by material, and the account of the data set."""


rule extract_spots:
    input:
        patterns=f"{RESULTS}/patterns/{{shard}}.h5",
    output:
        spots=f"{RESULTS}/spots/{{shard}}.h5",
    log:
        f"{RESULTS}/logs/extract_spots/{{shard}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/extract_spots/{{shard}}.tsv"
    conda:
        "../../envs/simulation.yaml"
    resources:
        mem_mb=growing(2000),
        runtime=growing(30),
    params:
        settings=config["peaks"],
        code=code("extract_spots.py"),
    script:
        "../scripts/extract_spots.py"


use rule extract_spots as extract_spots_elsewhere with:
    input:
        patterns=f"{RESULTS}/{{elsewhere}}/patterns/{{shard}}.h5",
    output:
        spots=f"{RESULTS}/{{elsewhere}}/spots/{{shard}}.h5",
    log:
        f"{RESULTS}/{{elsewhere}}/logs/extract_spots/{{shard}}.log",
    benchmark:
        f"{RESULTS}/{{elsewhere}}/benchmarks/extract_spots/{{shard}}.tsv"


rule split_materials:
    input:
        spots=expand(f"{RESULTS}/spots/{{shard}}.h5", shard=SHARDS),
        selected=rules.select_materials.output.selected,
        kinship=rules.select_materials.output.kinship,
    output:
        split=f"{RESULTS}/split.parquet",
    log:
        f"{RESULTS}/logs/split_materials.log",
    benchmark:
        f"{RESULTS}/benchmarks/split_materials.tsv"
    conda:
        "../../envs/simulation.yaml"
    resources:
        mem_mb=growing(8000),
        runtime=growing(30),
    params:
        settings=config["split"],
        code=code("split_materials.py"),
    script:
        "../scripts/split_materials.py"


rule summarize_dataset:
    input:
        spots=rules.split_materials.input.spots,
        split=rules.split_materials.output.split,
        materials=rules.collect_structures.output.materials,
        unreadable=rules.collect_structures.output.unreadable,
        rejected=rules.select_materials.output.rejected,
    output:
        summary=f"{RESULTS}/dataset/summary.csv",
        materials=f"{RESULTS}/dataset/materials.csv",
        lost=f"{RESULTS}/dataset/lost.csv",
        duplicates=f"{RESULTS}/dataset/duplicates.csv",
    log:
        f"{RESULTS}/logs/summarize_dataset.log",
    benchmark:
        f"{RESULTS}/benchmarks/summarize_dataset.tsv"
    conda:
        "../../envs/simulation.yaml"
    resources:
        mem_mb=growing(8000),
        runtime=growing(30),
    params:
        code=code("summarize_dataset.py"),
    script:
        "../scripts/summarize_dataset.py"


onsuccess:
    if "summarize_dataset" in {job.rule.name for job in workflow.dag.finished_jobs}:
        from edsym.spots.summary import told

        print(told(rules.summarize_dataset.output.summary))
