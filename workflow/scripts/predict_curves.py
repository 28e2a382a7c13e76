"""Predict drawn views of the test materials with one nuisance of a detector at a time."""

from edsym.detector.levels import Detector
from edsym.job import job
from edsym.models.curves import predict_curves
from edsym.predictions.settings import EvaluationSettings

with job(snakemake):
    predict_curves(
        snakemake.input.model,
        snakemake.input.spots,
        snakemake.input.split,
        snakemake.output.curves,
        points=[(name, size, Detector(**values)) for name, size, values in snakemake.params.points],
        seed=snakemake.params.seed,
        materials=snakemake.params.materials,
        evaluation=EvaluationSettings(**snakemake.params.views, conditional=False),
        threads=snakemake.params.threads or snakemake.threads,
    )
