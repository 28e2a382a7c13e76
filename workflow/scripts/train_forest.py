"""Train the random forests."""

from pathlib import Path

from edsym.job import job
from edsym.models.forest.run import train_forest
from edsym.models.forest.settings import ForestSettings

with job(snakemake):
    train_forest(
        snakemake.input.spots,
        snakemake.input.split,
        Path(snakemake.output.model).parent,
        ForestSettings(**snakemake.params.settings),
        jobs=snakemake.threads,
    )
