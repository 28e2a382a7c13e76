"""edsym: crystal symmetry from electron diffraction, from structures to the paper's tables and figures."""

from pathlib import Path

from snakemake.utils import min_version

min_version("9.0")


# that of the folder in which Snakemake is called, or else the checkout's
CONFIG = "config/config.yaml"


configfile: CONFIG if Path(CONFIG).exists() else Path(workflow.basedir, CONFIG)


include: "workflow/rules/common.smk"
include: "workflow/rules/structures.smk"
include: "workflow/rules/simulation.smk"
include: "workflow/rules/spots.smk"
include: "workflow/rules/cells.smk"
include: "workflow/rules/models.smk"
include: "workflow/rules/prediction.smk"
include: "workflow/rules/evaluation.smk"
include: "workflow/rules/experiment.smk"
include: "workflow/rules/powder.smk"


localrules:
    all,
    structures,
    dataset,
    models,
    tables,
    figures,
    experiment,
    powder,
    provenance,
    write_provenance,


rule structures:
    input:
        f"{RESULTS}/structures/selected.parquet",


rule dataset:
    input:
        f"{RESULTS}/split.parquet",
        f"{RESULTS}/dataset/summary.csv",


rule models:
    input:
        expand(f"{RESULTS}/models/{{model}}", model=CHOSEN),


rule tables:
    input:
        expand(f"{RESULTS}/tables/{{name}}.{{form}}", name=TABLES, form=TABLE_FORMS),


rule figures:
    input:
        expand(f"{RESULTS}/figures/{{name}}.{{form}}", name=FIGURES, form=FIGURE_FORMS),


rule experiment:
    input:
        [
            f"{EXPERIMENT}/{scan}/{product}.{form}"
            for scan in SCANS
            for product in OF_SCANS
            for form in (FIGURE_FORMS if is_figure(product) else TABLE_FORMS)
        ],


include: "workflow/rules/provenance.smk"


rule provenance:
    input:
        rules.write_provenance.output,


rule all:
    default_target: True
    input:
        rules.tables.input,
        rules.figures.input,
        rules.write_report.output,
        rules.provenance.input,
