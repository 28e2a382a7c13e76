"""Compute the reflections of all selected materials in a powder pattern."""

from edsym.job import job
from edsym.powder.settings import PowderSettings
from edsym.powder.store import write_reflections

with job(snakemake):
    write_reflections(
        snakemake.input.materials,
        snakemake.output.reflections,
        snakemake.output.rejected,
        PowderSettings(**snakemake.params.settings),
        progress=True,
    )
