"""Predict the validation patterns by random forests that were grown without them."""

from edsym.job import job
from edsym.models.forest.run import validate_forest
from edsym.models.forest.settings import ForestSettings

with job(snakemake):
    validate_forest(
        snakemake.input.spots,
        snakemake.input.split,
        snakemake.output.predictions,
        ForestSettings(**snakemake.params.settings),
        snakemake.params.validation,
        jobs=snakemake.threads,
    )
