"""Pack the trained network with its recipe and its card, for `edsym.load_model`."""

from pathlib import Path

from edsym.evaluation.run import read_run
from edsym.job import job
from edsym.models.pack import pack_model

with job(snakemake):
    pack_model(
        snakemake.params.name,
        snakemake.input.model,
        Path(snakemake.output.card).parent,
        snakemake.params.configuration,
        read_run(snakemake.input.run).line(),
        snakemake.input.tables,
    )
