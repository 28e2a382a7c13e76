"""Tell crystal systems and space groups at every position of a scan, of every grain and every phase."""

import shutil
from dataclasses import replace
from pathlib import Path

from edsym.experiment.spots.scan_spots import read_scan_spots
from edsym.interface.classify import classify_scan
from edsym.interface.known_phases import match_scan
from edsym.job import job

with job(snakemake):
    spots = read_scan_spots(snakemake.input.spots)
    params, parts = snakemake.params, Path(snakemake.params.parts)
    found = classify_scan(
        spots,
        params.model,
        params.energy_kev,
        min_intensity=params.min_intensity,
        threads=snakemake.threads,
        parts=parts,
    )
    if snakemake.input.phases:
        known = match_scan(
            spots,
            snakemake.input.phases,
            params.energy_kev,
            params.thickness,
            grain=found.grain,
            jobs=snakemake.threads,
            parts=parts / "known",
        )
        found = replace(found, known=known)
    found.write(snakemake.output.map)
    found.to_csv(snakemake.output.positions, snakemake.output.grains, snakemake.output.phases)
    shutil.rmtree(parts, ignore_errors=True)
