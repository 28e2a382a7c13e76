"""Train the network; goes on from the last checkpoint of the same training, if there is one."""

from contextlib import nullcontext
from pathlib import Path

from edsym.job import job
from edsym.locks import locked
from edsym.models.gmoe.settings import NetworkSettings
from edsym.provenance.digest import digest, file_digest
from edsym.training.fit import train_network
from edsym.training.launch import launch, launches, rank
from edsym.training.settings import TrainingSettings

training = TrainingSettings(**snakemake.config["training"])
tasks = training.devices * training.nodes


def train():
    """Train, as the only process or as one of several."""
    # the same data, configuration and code: only then is a checkpoint this training's
    inputs = [file_digest(path) for path in snakemake.input]
    what = [*inputs, str(snakemake.params.network), str(snakemake.params.training), snakemake.params.code]
    train_network(
        snakemake.input.spots,
        snakemake.input.split,
        Path(snakemake.output.weights).parent,
        checkpoint_dir=Path(snakemake.params.checkpoints) / digest(part.encode() for part in what),
        network=NetworkSettings(**snakemake.params.network),
        training=training,
    )


if launches(tasks):
    launch(tasks, training.nodes, training.threads)
else:
    # a training that lost its workflow may go on, and write these checkpoints
    alone = locked(f"{snakemake.params.checkpoints}.lock") if rank() == 0 else nullcontext()
    with job(snakemake, rank()), alone:
        train()
