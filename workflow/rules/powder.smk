"""X-ray powder patterns: reflections, a network for each division of the materials, tables and figures. Not a part of `all`."""

DIVISIONS = config["powder_evaluation"]["splits"]
MEASURED = config["powder_evaluation"]["measured"]
OTHERS = config["powder_evaluation"]["rivals"]
POWDER = f"{RESULTS}/powder"
OF_REFLECTIONS = (
    "wavelength",
    "two_theta_max",
    "thermal_b",
    "relatives",
    "relative_scale_sigma",
    "relative_strain_sigma",
)


wildcard_constraints:
    division="|".join(("material", "prototype")),
    rival="|".join(POWDER_RIVALS),


rule powder:
    input:
        expand(f"{POWDER}/tables/{{name}}.{{form}}", name=POWDER_TABLES, form=TABLE_FORMS),
        expand(f"{POWDER}/figures/{{name}}.{{form}}", name=POWDER_FIGURES, form=FIGURE_FORMS),


rule powder_reflections:
    input:
        materials=rules.select_materials.output.selected,
    output:
        reflections=f"{POWDER}/reflections.h5",
        rejected=f"{POWDER}/rejected.csv",
    log:
        f"{RESULTS}/logs/powder_reflections.log",
    benchmark:
        f"{RESULTS}/benchmarks/powder_reflections.tsv"
    conda:
        "../../envs/simulation.yaml"
    resources:
        mem_mb=growing(4000),
        runtime=growing(60),
    params:
        settings={name: config["powder"][name] for name in OF_REFLECTIONS},
        code=code("powder_reflections.py"),
    script:
        "../scripts/powder_reflections.py"


rule train_powder:
    input:
        reflections=rules.powder_reflections.output.reflections,
    output:
        model=directory(f"{POWDER}/models/{{division}}"),
    log:
        f"{RESULTS}/logs/train_powder/{{division}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/train_powder/{{division}}.tsv"
    conda:
        "../../envs/learning.yaml"
    threads: config["powder_network"]["threads"]
    resources:
        mem_mb=growing(16000),
        runtime=growing(720),
    params:
        settings=settings("powder", "powder_network"),
        division={name: config["powder_evaluation"][name] for name in ("test_fraction", "materials", "seed")},
        # outside the outputs, which Snakemake deletes when a job fails: an interrupted training goes on
        checkpoints=f"{RESULTS}/checkpoints/powder",
        code=code("train_powder.py"),
    script:
        "../scripts/train_powder.py"


use rule train_powder as train_powder_rival with:
    output:
        model=directory(f"{POWDER}/models/{{division}}_{{rival}}"),
    log:
        f"{RESULTS}/logs/train_powder_rival/{{division}}_{{rival}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/train_powder_rival/{{division}}_{{rival}}.tsv"
    threads: lambda wildcards: config[f"powder_{wildcards.rival}"]["threads"]
    params:
        settings=lambda wildcards: settings("powder", f"powder_{wildcards.rival}"),
        division={name: config["powder_evaluation"][name] for name in ("test_fraction", "materials", "seed")},
        checkpoints=f"{RESULTS}/checkpoints/powder",
        code=code("train_powder.py"),


rule score_powder:
    input:
        reflections=rules.powder_reflections.output.reflections,
        model=rules.train_powder.output.model,
        rivals=expand(rules.train_powder_rival.output.model, rival=OTHERS, allow_missing=True),
        measured=[MEASURED] if MEASURED else [],
    output:
        scores=f"{POWDER}/scores/{{division}}.parquet",
        examples=f"{POWDER}/scores/{{division}}_examples.parquet",
        rejected=f"{POWDER}/scores/{{division}}_rejected.csv",
    log:
        f"{RESULTS}/logs/score_powder/{{division}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/score_powder/{{division}}.tsv"
    conda:
        "../../envs/learning.yaml"
    threads: config["powder_network"]["threads"]
    resources:
        mem_mb=growing(16000),
        runtime=growing(120),
    params:
        settings=settings("powder_evaluation"),
        code=code("score_powder.py"),
    script:
        "../scripts/score_powder.py"


POWDER_FILES = {
    "scores": expand(f"{POWDER}/scores/{{division}}.parquet", division=DIVISIONS),
    "models": expand(f"{POWDER}/models/{{division}}", division=DIVISIONS),
    "examples": expand(f"{POWDER}/scores/{{division}}_examples.parquet", division=DIVISIONS),
    "published": PUBLISHED,
}


rule write_powder_table:
    input:
        **POWDER_FILES,
    output:
        **{form: f"{POWDER}/tables/{{name}}.{form}" for form in TABLE_FORMS},
    log:
        f"{RESULTS}/logs/write_powder_table/{{name}}.log",
    wildcard_constraints:
        name="|".join(POWDER_TABLES),
    conda:
        "../../envs/evaluation.yaml"
    resources:
        mem_mb=growing(4000),
        runtime=growing(15),
    params:
        divisions=DIVISIONS,
        code=code("write_powder_table.py"),
    script:
        "../scripts/write_powder_table.py"


rule draw_powder_figure:
    input:
        **POWDER_FILES,
    output:
        **{form: f"{POWDER}/figures/{{name}}.{form}" for form in FIGURE_FORMS},
    log:
        f"{RESULTS}/logs/draw_powder_figure/{{name}}.log",
    wildcard_constraints:
        name="|".join(POWDER_FIGURES),
    conda:
        "../../envs/evaluation.yaml"
    resources:
        mem_mb=growing(4000),
        runtime=growing(15),
    params:
        divisions=DIVISIONS,
        code=code("draw_powder_figure.py"),
    script:
        "../scripts/draw_powder_figure.py"
