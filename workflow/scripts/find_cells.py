"""Find the lattices of chosen test materials from their spots, and judge them."""

from edsym.cells.answers import find_cells
from edsym.detector.levels import Detector
from edsym.job import job
from edsym.predictions.settings import EvaluationSettings

with job(snakemake):
    find_cells(
        snakemake.input.spots,
        snakemake.input.split,
        snakemake.input.structures,
        snakemake.output.cells,
        detectors=[(level, Detector(**values)) for level, values in snakemake.params.detectors],
        seed=snakemake.params.seed,
        energy_kev=snakemake.params.energy_kev,
        materials=snakemake.params.materials,
        views=snakemake.params.views,
        evaluation=EvaluationSettings(seed=snakemake.params.draw),
        job=int(snakemake.wildcards.shard),
        jobs=snakemake.params.jobs,
    )
