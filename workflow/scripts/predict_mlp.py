"""Predict the test or validation patterns by the perceptron."""

from pathlib import Path

from edsym.job import job
from edsym.models.mlp.run import predict_mlp

with job(snakemake):
    predict_mlp(
        snakemake.input.spots,
        snakemake.input.split,
        Path(snakemake.input.model).parent,
        snakemake.output.predictions,
        validation=snakemake.params.validation,
    )
