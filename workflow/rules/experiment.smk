"""Scans of a microscope, and one of known particles that stands for them: spots, maps, and what is said of these.

The simulated scan is made once. Tables and figures of a scan lie in a folder of its own.
"""


rule simulate_scan:
    output:
        scan=f"{EXPERIMENT}/simulated.h5",
    log:
        f"{RESULTS}/logs/simulate_scan.log",
    benchmark:
        f"{RESULTS}/benchmarks/simulate_scan.tsv"
    conda:
        "../../envs/simulation.yaml"
    resources:
        mem_mb=growing(6000),
        runtime=growing(120),
    params:
        settings={k: v for k, v in scientific("experiment").items() if k not in CLASSIFICATION},
        code=code("simulate_scan.py"),
    script:
        "../scripts/simulate_scan.py"


rule find_scan_spots:
    input:
        scan=scan_file,
    output:
        spots=f"{EXPERIMENT}/{{scan}}/spots.h5",
    log:
        f"{RESULTS}/logs/find_scan_spots/{{scan}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/find_scan_spots/{{scan}}.tsv"
    conda:
        "../../envs/simulation.yaml"
    threads: 2
    resources:
        mem_mb=growing(4000),
        runtime=growing(120),
    params:
        pixel=lambda wildcards: (
            None if SCANS[wildcards.scan] == SIMULATED else config["experiment"]["pixel_given"]
        ),
        energy_kev=config["experiment"]["energy_kev"],
        correlation=config["experiment"]["correlation"],
        # outside the outputs, which Snakemake deletes when a job fails: an ended search goes on
        parts=f"{RESULTS}/checkpoints/find_scan_spots/{{scan}}",
        code=code("find_scan_spots.py"),
    script:
        "../scripts/find_scan_spots.py"


rule classify_scan:
    input:
        spots=f"{EXPERIMENT}/{{scan}}/spots.h5",
        phases=config["experiment"]["phases"],
    output:
        map=f"{EXPERIMENT}/{{scan}}/{{classifier}}.h5",
        positions=f"{EXPERIMENT}/{{scan}}/{{classifier}}_positions.csv",
        grains=f"{EXPERIMENT}/{{scan}}/{{classifier}}_grains.csv",
        phases=f"{EXPERIMENT}/{{scan}}/{{classifier}}_phases.csv",
    log:
        f"{RESULTS}/logs/classify_scan/{{scan}}/{{classifier}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/classify_scan/{{scan}}/{{classifier}}.tsv"
    wildcard_constraints:
        classifier="|".join(SCAN_MODELS),
    conda:
        "../../envs/learning.yaml"
    threads: 2
    resources:
        mem_mb=growing(4000),
        runtime=growing(240),
    params:
        model=lambda wildcards: SCAN_MODELS[wildcards.classifier],
        energy_kev=config["experiment"]["energy_kev"],
        min_intensity=config["experiment"]["min_intensity"],
        thickness=config["experiment"]["thickness_angstrom"],
        parts=f"{RESULTS}/checkpoints/classify_scan/{{scan}}/{{classifier}}",
        code=code("classify_scan.py", *(entry.model for entry in MODELS.values())),
    script:
        "../scripts/classify_scan.py"


for product in filter(is_figure, OF_SCANS):

    rule:
        name:
            product
        input:
            **files_of_scan(product),
        output:
            **{form: f"{EXPERIMENT}/{{scan}}/{product}.{form}" for form in FIGURE_FORMS},
        log:
            f"{RESULTS}/logs/{product}/{{scan}}.log",
        benchmark:
            f"{RESULTS}/benchmarks/{product}/{{scan}}.tsv"
        conda:
            "../../envs/evaluation.yaml"
        resources:
            mem_mb=growing(4000),
            runtime=growing(30),
        params:
            name=product,
            configuration={},
            code=code("draw_figure.py"),
        script:
            "../scripts/draw_figure.py"


for product in sorted(set(OF_SCANS) - set(filter(is_figure, OF_SCANS))):

    rule:
        name:
            product
        input:
            **files_of_scan(product),
        output:
            **{form: f"{EXPERIMENT}/{{scan}}/{product}.{form}" for form in TABLE_FORMS},
        log:
            f"{RESULTS}/logs/{product}/{{scan}}.log",
        benchmark:
            f"{RESULTS}/benchmarks/{product}/{{scan}}.tsv"
        conda:
            "../../envs/evaluation.yaml"
        resources:
            mem_mb=growing(4000),
            runtime=growing(30),
        params:
            name=product,
            configuration={},
            code=code("write_table.py"),
        script:
            "../scripts/write_table.py"
