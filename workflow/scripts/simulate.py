"""Simulate the patterns of one shard of materials; with a split, of its test materials or some of them only.

Goes on where the same simulation was interrupted.
"""

from edsym.files import sha256
from edsym.job import job
from edsym.parquet import read_parquet
from edsym.provenance.digest import digest
from edsym.seeds import stable_hash
from edsym.simulation.run.crashes import simulate_shard_in_child
from edsym.simulation.run.journal import Checkpoint
from edsym.simulation.settings import SimulationSettings


def test_materials():
    """Return the identifiers of the test materials, or None where the rule has no split."""
    path = snakemake.input.get("split")
    if not path:
        return None
    split = read_parquet(path, ["material_id", "split", "crystal_system"]).to_pandas()
    test = split[split["split"] == "test"]
    if most := snakemake.params.get("of_each_system"):
        rank = test["material_id"].map(lambda name: stable_hash("leak", name))
        test = test.loc[rank.sort_values().index].groupby("crystal_system").head(most)
    return set(test["material_id"])


def checkpoint():
    """Return where finished materials are kept: of the same data, configuration and code only."""
    inputs = [sha256(path) for path in snakemake.input]
    what = [*inputs, str(snakemake.params.settings), snakemake.params.code]
    return Checkpoint(snakemake.params.checkpoint, digest(part.encode() for part in what))


with job(snakemake) as child:
    child |= simulate_shard_in_child(
        snakemake.input.materials,
        snakemake.output.patterns,
        int(snakemake.wildcards.shard),
        SimulationSettings(**snakemake.config["simulation"] | snakemake.params.settings),
        checkpoint(),
        material_ids=test_materials(),
    )
