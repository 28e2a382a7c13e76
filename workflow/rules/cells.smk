"""The lattice finder on test materials, at all levels of the detector: it learns nothing, and no model takes part."""

CELLS = [f"{RESULTS}/cells/{part}.parquet" for part in range(config["finder"]["jobs"])]
FILES["cells"] = CELLS
FILES["regressed"] = f"{RESULTS}/cells/regressed.parquet"


rule find_cells:
    input:
        spots=rules.split_materials.input.spots,
        split=rules.split_materials.output.split,
        structures=rules.select_materials.output.selected,
    output:
        cells=f"{RESULTS}/cells/{{shard}}.parquet",
    log:
        f"{RESULTS}/logs/find_cells/{{shard}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/find_cells/{{shard}}.tsv"
    conda:
        "../../envs/simulation.yaml"
    resources:
        mem_mb=growing(4000),
        runtime=growing(120),
    params:
        detectors=detectors_of_cells(),
        seed=config["detector"]["seed"],
        energy_kev=config["simulation"]["energy_kev"],
        materials=config["finder"]["materials"],
        views=views_of_cells(),
        draw=config["evaluation"]["seed"],
        jobs=config["finder"]["jobs"],
        code=code("find_cells.py"),
    script:
        "../scripts/find_cells.py"


rule regress_cells:
    input:
        spots=rules.split_materials.input.spots,
        split=rules.split_materials.output.split,
        structures=rules.select_materials.output.selected,
        model=f"{RESULTS}/models/forest",
    output:
        cells=FILES["regressed"],
    log:
        f"{RESULTS}/logs/regress_cells.log",
    benchmark:
        f"{RESULTS}/benchmarks/regress_cells.tsv"
    conda:
        "../../envs/learning.yaml"
    threads: 16
    resources:
        mem_mb=growing(32000),
        runtime=growing(240),
    params:
        detectors=[[level, detector_at(level)] for level in LEVELS],
        seed=config["detector"]["seed"],
        materials=config["finder"]["materials"],
        views=views_of_cells(),
        draw=config["evaluation"]["seed"],
        settings=config["regressor"],
        code=code("regress_cells.py"),
    script:
        "../scripts/regress_cells.py"
