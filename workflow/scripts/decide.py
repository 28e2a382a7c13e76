"""Decide on single patterns and on several views of each material."""

from edsym.job import job
from edsym.predictions.settings import EvaluationSettings
from edsym.predictions.views import decide_file

with job(snakemake):
    settings = EvaluationSettings(**snakemake.params.settings)
    given, made = snakemake.input, snakemake.output
    for predictions, calibration, single, views in zip(
        given.predictions, given.calibrations, made.single, made.views, strict=True
    ):
        decide_file(predictions, calibration, settings, single=single, views=views)
