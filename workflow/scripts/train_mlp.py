"""Train the perceptron."""

from pathlib import Path

from edsym.job import job
from edsym.models.mlp.run import train_mlp
from edsym.models.mlp.settings import MLPSettings

with job(snakemake):
    train_mlp(
        snakemake.input.spots,
        snakemake.input.split,
        Path(snakemake.output.model).parent,
        MLPSettings(**snakemake.params.settings),
    )
