"""Make one table in its four forms."""

from edsym.evaluation.tables import write_table
from edsym.job import job

with job(snakemake):
    write_table(
        snakemake.params.name,
        dict(snakemake.input.items()),
        snakemake.params.configuration,
        csv=snakemake.output.csv,
        markdown=snakemake.output.md,
        latex=snakemake.output.tex,
        page=snakemake.output.html,
    )
