"""Predict the test or validation patterns by the network."""

from pathlib import Path

from edsym.job import job
from edsym.training.predict import predict_network

with job(snakemake):
    predict_network(
        snakemake.input.spots,
        snakemake.input.split,
        Path(snakemake.input.model).parent,
        snakemake.output.predictions,
        batch_size=snakemake.params.batch_size,
        threads=snakemake.params.threads,
        precision=snakemake.params.precision,
        validation=snakemake.params.validation,
    )
