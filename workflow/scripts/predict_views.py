"""Predict drawn views of the test or validation materials, those of a material read together."""

from edsym.detector.levels import Detector
from edsym.job import job
from edsym.models.predict_views import predict_views
from edsym.predictions.settings import EvaluationSettings

with job(snakemake):
    predict_views(
        snakemake.input.model,
        snakemake.input.spots,
        snakemake.input.split,
        snakemake.output.predictions,
        evaluation=EvaluationSettings(**snakemake.params.views, conditional=False),
        validation=snakemake.params.validation,
        detectors=[Detector(**values) for values in snakemake.params.detectors.values()],
        seed=snakemake.params.seed,
        threads=snakemake.params.threads or snakemake.threads,
    )
