"""Pack the trained network with its recipe and its card, for `edsym.load_model`."""

from pathlib import Path

from edsym.job import job
from edsym.models.pack import pack_model

with job(snakemake):
    pack_model(
        snakemake.params.name,
        snakemake.input.model,
        Path(snakemake.output.card).parent,
        snakemake.params.configuration,
        snakemake.input.run,
        snakemake.input.tables,
    )
