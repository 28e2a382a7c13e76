"""Simulate a 4D-STEM scan of known nanoparticles by abTEM's multislice."""

from edsym.job import job
from edsym.specimen.settings import ExperimentSettings
from edsym.specimen.simulate import simulate_scan

with job(snakemake):
    simulate_scan(ExperimentSettings(**snakemake.params.settings), snakemake.output.scan)
