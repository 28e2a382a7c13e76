"""Predict the test patterns by the random forests."""

from pathlib import Path

from edsym.job import job
from edsym.models.forest.run import predict_forest

with job(snakemake):
    predict_forest(
        snakemake.input.spots,
        snakemake.input.split,
        Path(snakemake.input.model).parent,
        snakemake.output.predictions,
        jobs=snakemake.threads,
    )
