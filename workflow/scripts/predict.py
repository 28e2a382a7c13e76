"""Predict the test or validation patterns by a model, as detectors of all levels show them."""

from edsym.detector.levels import Detector
from edsym.job import job
from edsym.models.predict import predict_model

with job(snakemake):
    predict_model(
        snakemake.input.model,
        snakemake.input.spots,
        snakemake.input.split,
        snakemake.output.predictions,
        validation=snakemake.params.validation,
        detectors=[Detector(**values) for values in snakemake.params.detectors.values()],
        seed=snakemake.params.seed,
        threads=snakemake.params.threads or snakemake.threads,
    )
