"""Decide on single patterns and on several views of each material, at each level of the detector."""

from edsym.job import job
from edsym.predictions.settings import EvaluationSettings
from edsym.predictions.views import decide_file

with job(snakemake):
    settings = EvaluationSettings(**snakemake.params.settings)
    given, made = dict(snakemake.input.items()), snakemake.output
    for i, (single, views) in enumerate(zip(made.single, made.views, strict=True)):
        together = given["together"][i] if "together" in given else None
        files = {"single": single, "views": views, "together": together}
        decide_file(given["predictions"][i], given["calibrations"][i], settings, **files)
