"""Train a model; goes on from the last checkpoint of the same training, if there is one."""

from contextlib import nullcontext
from pathlib import Path

from edsym.detector.levels import Detector
from edsym.files import sha256
from edsym.job import job
from edsym.locks import locked
from edsym.models.registry import make_model
from edsym.models.train import train_model
from edsym.provenance.digest import digest
from edsym.training.launch import launch, launches, rank

tasks, nodes = snakemake.params.processes


def train():
    """Train, as the only process or as one of several."""
    # the same data, configuration and code: only then is a checkpoint this training's
    inputs = [sha256(path) for path in snakemake.input]
    made_with = str((snakemake.params.settings, snakemake.params.detector))
    what = [*inputs, made_with, snakemake.params.code]
    train_model(
        make_model(snakemake.wildcards.model, snakemake.config),
        snakemake.input.spots,
        snakemake.input.split,
        snakemake.output.model,
        validation=snakemake.params.validation,
        left_out=snakemake.wildcards.part == "validation/",
        detector=Detector(**snakemake.params.detector),
        threads=snakemake.threads,
        checkpoints=Path(snakemake.params.checkpoints) / digest(part.encode() for part in what),
    )


if launches(tasks):
    launch(tasks, nodes, snakemake.threads)
else:
    # a training that lost its workflow may go on, and write these checkpoints
    alone = locked(f"{snakemake.params.checkpoints}.lock") if rank() == 0 else nullcontext()
    with job(snakemake, rank()), alone:
        train()
