"""Find the lattices of chosen test materials from their spots, and judge them."""

from edsym.cells.answers import find_cells
from edsym.cells.chosen import CellTest
from edsym.job import job

with job(snakemake):
    find_cells(
        CellTest.of(snakemake.input, snakemake.params),
        snakemake.output.cells,
        energy_kev=snakemake.params.energy_kev,
        job=int(snakemake.wildcards.shard),
        jobs=snakemake.params.jobs,
    )
