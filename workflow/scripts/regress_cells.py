"""Have the forest's regressors tell the lattices that the lattice finder is tested on."""

from edsym.cells.chosen import CellTest
from edsym.cells.settings import RegressorSettings
from edsym.job import job
from edsym.models.forest.regression import regress_cells

with job(snakemake):
    regress_cells(
        CellTest.of(snakemake.input, snakemake.params),
        snakemake.input.model,
        snakemake.output.cells,
        settings=RegressorSettings(**snakemake.params.settings),
        threads=snakemake.threads,
    )
