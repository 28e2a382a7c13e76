"""Fit temperatures and pooling weights to a model's predictions on validation materials."""

from edsym.job import job
from edsym.predictions.fit import fit_calibration_file
from edsym.predictions.settings import EvaluationSettings

with job(snakemake):
    settings = EvaluationSettings(**snakemake.params.settings)
    outputs = snakemake.output.calibrations
    for predictions, output in zip(
        snakemake.input.get("predictions") or [None] * len(outputs), outputs, strict=True
    ):
        fit_calibration_file(predictions, output, settings)
