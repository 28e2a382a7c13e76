"""Structures from their source, and the filter by cell volume."""


rule collect_structures:
    output:
        materials=f"{RESULTS}/structures/materials.parquet",
        unreadable=f"{RESULTS}/structures/unreadable.csv",
    log:
        f"{RESULTS}/logs/collect_structures.log",
    benchmark:
        f"{RESULTS}/benchmarks/collect_structures.tsv"
    conda:
        "../../envs/structures.yaml"
    resources:
        mem_mb=growing(8000),
        runtime=growing(240),
    params:
        settings=scientific("structures"),
        content=content_of_source,
        # answers of the database, kept outside the outputs so that an interrupted query goes on
        cache=f"{RESULTS}/structures/cache",
        code=code("collect_structures.py", SOURCES[config["structures"]["source"]]),
    script:
        "../scripts/collect_structures.py"


rule select_materials:
    input:
        materials=rules.collect_structures.output.materials,
    output:
        selected=f"{RESULTS}/structures/selected.parquet",
        rejected=f"{RESULTS}/structures/rejected.csv",
        kinship=f"{RESULTS}/structures/kinship.parquet",
    log:
        f"{RESULTS}/logs/select_materials.log",
    benchmark:
        f"{RESULTS}/benchmarks/select_materials.tsv"
    conda:
        "../../envs/structures.yaml"
    resources:
        mem_mb=growing(4000),
        runtime=growing(15),
    params:
        settings=config["filter"],
        code=code("select_materials.py"),
    script:
        "../scripts/select_materials.py"
