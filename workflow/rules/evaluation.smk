"""Every table and figure, each made by its own rule from the files that it needs."""


rule describe_run:
    input:
        split=FILES["split"],
        materials=FILES["materials"],
        structures=f"{RESULTS}/structures/selected.parquet",
        published=FILES["published"],
    output:
        run=FILES["run"],
    log:
        f"{RESULTS}/logs/describe_run.log",
    benchmark:
        f"{RESULTS}/benchmarks/describe_run.tsv"
    conda:
        "../../envs/evaluation.yaml"
    resources:
        mem_mb=growing(4000),
        runtime=growing(15),
    params:
        configuration=settings("structures", "filter", "simulation", "peaks", "split", "evaluation")
        | {
            "detector": {
                k: v for k, v in config["detector"].items() if k not in ("curves", "curve_materials", "seed")
            }
        },
        code=code("describe_run.py"),
    script:
        "../scripts/describe_run.py"


for table in TABLES:

    rule:
        name:
            table
        input:
            **files_of(table),
        output:
            **{form: f"{RESULTS}/tables/{table}.{form}" for form in TABLE_FORMS},
        log:
            f"{RESULTS}/logs/{table}.log",
        benchmark:
            f"{RESULTS}/benchmarks/{table}.tsv"
        conda:
            "../../envs/evaluation.yaml"
        resources:
            mem_mb=growing(16000),
            runtime=growing(30),
        params:
            name=table,
            configuration=settings_of(table),
            code=code("write_table.py"),
        script:
            "../scripts/write_table.py"


for figure in FIGURES:

    rule:
        name:
            figure
        input:
            **files_of(figure),
        output:
            **{form: f"{RESULTS}/figures/{figure}.{form}" for form in FIGURE_FORMS},
        log:
            f"{RESULTS}/logs/{figure}.log",
        benchmark:
            f"{RESULTS}/benchmarks/{figure}.tsv"
        conda:
            "../../envs/evaluation.yaml"
        resources:
            mem_mb=growing(16000),
            runtime=growing(30),
        params:
            name=figure,
            configuration=settings_of(figure),
            code=code("draw_figure.py"),
        script:
            "../scripts/draw_figure.py"


rule write_report:
    input:
        template=checkout("workflow/report/report.html.j2"),
        run=FILES["run"],
        tables=expand(f"{RESULTS}/tables/{{name}}.html", name=TABLES),
        figures=expand(f"{RESULTS}/figures/{{name}}.svg", name=FIGURES),
    output:
        report=f"{RESULTS}/report.html",
    log:
        f"{RESULTS}/logs/write_report.log",
    benchmark:
        f"{RESULTS}/benchmarks/write_report.tsv"
    conda:
        "../../envs/evaluation.yaml"
    resources:
        mem_mb=growing(4000),
        runtime=growing(15),
    params:
        configuration=settings(
            "simulation", "peaks", "split", "detector", "evaluation", "finder", "regressor"
        ),
        code=code("write_report.py"),
    script:
        "../scripts/write_report.py"


rule pack_network:
    input:
        model=f"{RESULTS}/models/gmoe",
        run=FILES["run"],
        tables=expand(f"{RESULTS}/tables/{{name}}.md", name=["table1", "table3", "table4", "table7"]),
    output:
        weights=f"{RESULTS}/pretrained/{{name}}/weights.safetensors",
        model=f"{RESULTS}/pretrained/{{name}}/model.json",
        recipe=f"{RESULTS}/pretrained/{{name}}/recipe.json",
        card=f"{RESULTS}/pretrained/{{name}}/README.md",
    log:
        f"{RESULTS}/logs/pack_network/{{name}}.log",
    conda:
        "../../envs/learning.yaml"
    resources:
        mem_mb=growing(4000),
        runtime=growing(15),
    params:
        name="{name}",
        configuration=settings(
            "structures",
            "filter",
            "simulation",
            "peaks",
            "split",
            "detector",
            "network",
            "training",
            "evaluation",
        ),
        code=code("pack_network.py"),
    script:
        "../scripts/pack_network.py"
