"""Collect the structures of the configured source into one table."""

from edsym.job import job
from edsym.structures.settings import StructuresSettings
from edsym.structures.sources import collect_structures

with job(snakemake):
    collect_structures(
        StructuresSettings(**snakemake.config["structures"]),
        snakemake.output.materials,
        snakemake.output.unreadable,
        cache_dir=snakemake.params.cache,
    )
