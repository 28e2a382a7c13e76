"""Describe the run in the line that stands on each table and figure."""

from edsym.evaluation.run import write_run_description
from edsym.job import job

with job(snakemake):
    write_run_description(
        snakemake.params.configuration,
        structures=snakemake.input.structures,
        split=snakemake.input.split,
        materials=snakemake.input.materials,
        published=snakemake.input.published,
        output=snakemake.output.run,
    )
