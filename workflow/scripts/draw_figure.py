"""Draw one figure in its two forms."""

from edsym.evaluation.figures import write_figure
from edsym.job import job

with job(snakemake):
    write_figure(
        snakemake.params.name,
        dict(snakemake.input.items()),
        snakemake.params.configuration,
        svg=snakemake.output.svg,
        png=snakemake.output.png,
    )
