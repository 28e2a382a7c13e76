"""Count what each stage kept, and list every material that was lost with its reason."""

from edsym.job import job
from edsym.spots.summary import summarize_dataset

with job(snakemake):
    summarize_dataset(
        snakemake.input.spots,
        snakemake.input.split,
        snakemake.input.materials,
        snakemake.input.unreadable,
        snakemake.input.rejected,
        snakemake.output.summary,
        snakemake.output.materials,
        snakemake.output.lost,
        snakemake.output.duplicates,
    )
