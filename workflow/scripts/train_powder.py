"""Train a network on powder patterns of a division; goes on from the last checkpoint, if there is one."""

from pathlib import Path

from edsym.files import sha256
from edsym.job import job
from edsym.locks import locked
from edsym.powder.division import divide
from edsym.powder.fit import train_powder
from edsym.powder.model import NETWORKS
from edsym.powder.settings import PowderEvaluationSettings, PowderSettings
from edsym.powder.store import PowderStore
from edsym.provenance.digest import digest

division, name = snakemake.wildcards.division, Path(snakemake.output.model).name
checkpoints = Path(snakemake.params.checkpoints)

with job(snakemake), locked(f"{checkpoints / name}.lock"):
    powder = PowderSettings(**snakemake.params.settings["powder"])
    network = next(
        kind(**snakemake.params.settings[kind.section])
        for kind in NETWORKS
        if kind.section in snakemake.params.settings
    )
    store = PowderStore(snakemake.input.reflections)
    training, validation, _ = divide(
        store,
        division,
        PowderEvaluationSettings(**snakemake.params.division),
        network.validation_fraction,
    )
    # the same data, settings and code: only then is a checkpoint this training's
    what = [sha256(snakemake.input.reflections), division, str(snakemake.params.settings),
            str(snakemake.params.division), snakemake.params.code]  # fmt: skip
    checkpoint = checkpoints / f"{digest(part.encode() for part in what)}.pt"
    train_powder(store, training, validation, powder, network, checkpoint, progress=True).save(
        snakemake.output.model
    )
