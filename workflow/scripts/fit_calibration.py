"""Fit temperatures and pooling weights to a model's predictions on validation materials."""

from edsym.job import job
from edsym.predictions.fit import fit_calibration_file
from edsym.predictions.settings import EvaluationSettings

with job(snakemake):
    fit_calibration_file(
        snakemake.input.get("predictions"),
        snakemake.output.calibration,
        EvaluationSettings(**snakemake.params.settings),
    )
