"""Have the forest's regressors tell the lattices that the lattice finder is tested on."""

from edsym.cells.settings import RegressorSettings
from edsym.detector.levels import Detector
from edsym.job import job
from edsym.models.forest.regression import regress_cells
from edsym.predictions.settings import EvaluationSettings

with job(snakemake):
    regress_cells(
        snakemake.input.spots,
        snakemake.input.split,
        snakemake.input.structures,
        snakemake.input.model,
        snakemake.output.cells,
        detectors=[(level, Detector(**values)) for level, values in snakemake.params.detectors],
        seed=snakemake.params.seed,
        materials=snakemake.params.materials,
        views=snakemake.params.views,
        evaluation=EvaluationSettings(seed=snakemake.params.draw),
        settings=RegressorSettings(**snakemake.params.settings),
        threads=snakemake.threads,
    )
