"""Fit temperatures and pooling weights to a model's predictions on validation materials."""

from edsym.evaluation.fit_calibration import fit_calibration_file
from edsym.evaluation.settings import EvaluationSettings
from edsym.job import job

with job(snakemake):
    fit_calibration_file(
        snakemake.input.get("predictions"),
        snakemake.output.calibration,
        EvaluationSettings(**snakemake.params.settings),
    )
