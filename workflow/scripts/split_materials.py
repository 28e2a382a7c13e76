"""Divide the materials that have patterns into a training and a test part."""

from edsym.job import job
from edsym.spots.division import split_materials
from edsym.spots.settings import SplitSettings

with job(snakemake):
    split_materials(
        snakemake.input.spots,
        snakemake.input.selected,
        snakemake.input.kinship,
        snakemake.output.split,
        SplitSettings(**snakemake.params.settings),
    )
