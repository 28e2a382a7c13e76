"""Aggregate single-pattern predictions over views of each material."""

from edsym.evaluation.aggregation import aggregate_predictions
from edsym.evaluation.settings import EvaluationSettings
from edsym.job import job

with job(snakemake):
    aggregate_predictions(
        snakemake.input.predictions,
        snakemake.input.calibration,
        snakemake.output.views,
        EvaluationSettings(**snakemake.params.settings),
    )
