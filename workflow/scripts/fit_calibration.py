"""Fit temperatures and pooling weights to predictions on validation materials, at each detector's level."""

from edsym.job import job
from edsym.predictions.fit import fit_calibration_file
from edsym.predictions.settings import EvaluationSettings

with job(snakemake):
    settings = EvaluationSettings(**snakemake.params.settings)
    given = dict(snakemake.input.items())
    for i, output in enumerate(snakemake.output.calibrations):
        predictions, together = (
            given[name][i] if name in given else None for name in ("predictions", "together")
        )
        fit_calibration_file(predictions, output, settings, together)
