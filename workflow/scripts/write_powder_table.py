"""Make one table of the powder network in its four forms."""

from pathlib import Path

from edsym.evaluation.powder_tables import BUILDERS
from edsym.evaluation.table_writer import write_table_files
from edsym.job import job

with job(snakemake):
    scores, models = (
        dict(zip(snakemake.params.divisions, map(Path, paths), strict=True))
        for paths in (snakemake.input.scores, snakemake.input.models)
    )
    write_table_files(
        BUILDERS[snakemake.wildcards.name](scores, models),
        snakemake.output.csv,
        snakemake.output.md,
        snakemake.output.tex,
        snakemake.output.html,
    )
