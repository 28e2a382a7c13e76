"""Write the manifest of the run and its RO-Crate."""

from pathlib import Path

from edsym.job import job
from edsym.provenance.crate import write_crate
from edsym.provenance.manifest import build_manifest, write_manifest
from edsym.provenance.workflow_copy import copy_workflow

with job(snakemake):
    checkout = Path(snakemake.scriptdir).resolve().parents[1]
    manifest = build_manifest(
        snakemake.config["results"],
        snakemake.input.products,
        run=snakemake.input.run,
        datasets=snakemake.input.datasets,
        configuration=snakemake.config,
        checkout=checkout,
    )
    write_manifest(manifest, snakemake.output.manifest)
    copy_workflow(checkout, snakemake.output.workflow, manifest["configuration"])
    write_crate(manifest, snakemake.config["results"])
