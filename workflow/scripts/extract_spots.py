"""Extract the spots of one shard of patterns."""

from edsym.job import job
from edsym.spots.peaks import extract_shard
from edsym.spots.settings import PeaksSettings

with job(snakemake):
    extract_shard(
        snakemake.input.patterns, snakemake.output.spots, PeaksSettings(**snakemake.params.settings)
    )
