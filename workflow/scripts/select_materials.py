"""Keep the materials whose cell volume is within the bounds, and tell which of them are kin."""

from edsym.job import job
from edsym.structures.filter import filter_by_volume
from edsym.structures.kinship import write_kinship
from edsym.structures.settings import FilterSettings

with job(snakemake):
    filter_by_volume(
        snakemake.input.materials,
        snakemake.output.selected,
        snakemake.output.rejected,
        FilterSettings(**snakemake.params.settings),
    )
    write_kinship(snakemake.output.selected, snakemake.output.kinship, progress=True)
