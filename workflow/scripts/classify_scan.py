"""Tell crystal systems and space groups at every position of a scan, of every grain and every phase."""

import shutil

from edsym.experiment.scan_spots import read_scan_spots
from edsym.interface.classify import classify_scan
from edsym.job import job

with job(snakemake):
    found = classify_scan(
        read_scan_spots(snakemake.input.spots),
        snakemake.params.model,
        snakemake.params.energy_kev,
        min_intensity=snakemake.params.min_intensity,
        threads=snakemake.threads,
        parts=snakemake.params.parts,
    )
    found.write(snakemake.output.map)
    found.to_csv(snakemake.output.positions, snakemake.output.grains, snakemake.output.phases)
    shutil.rmtree(snakemake.params.parts, ignore_errors=True)
