"""Find the Bragg spots in the patterns of a scan."""

from edsym.experiment.files.read import read_scan
from edsym.experiment.spots.find import find_scan_spots
from edsym.job import job

with job(snakemake):
    scan = read_scan(
        snakemake.input.scan, pixel=snakemake.params.pixel, energy_kev=snakemake.params.energy_kev
    )
    found = find_scan_spots(
        scan,
        correlation=snakemake.params.correlation,
        threads=snakemake.threads,
        parts=snakemake.params.parts,
    )
    found.write(snakemake.output.spots)
