"""Decide on single patterns and on several views of each material."""

from edsym.job import job
from edsym.predictions.settings import EvaluationSettings
from edsym.predictions.views import decide_file

with job(snakemake):
    decide_file(
        snakemake.input.predictions,
        snakemake.input.calibration,
        EvaluationSettings(**snakemake.params.settings),
        single=snakemake.output.single,
        views=snakemake.output.views,
    )
