"""Simulate the patterns of one shard of materials; with a split, of its test materials only."""

import pandas as pd

from edsym.job import job
from edsym.simulation.run import simulate_shard
from edsym.simulation.settings import SimulationSettings


def test_materials():
    """Return the identifiers of the test materials, or None where the rule has no split."""
    path = snakemake.input.get("split")
    if path is None:
        return None
    split = pd.read_parquet(path, columns=["material_id", "split"])
    return set(split.loc[split["split"] == "test", "material_id"])


with job(snakemake.log[0]):
    simulate_shard(
        snakemake.input.materials,
        snakemake.output.patterns,
        int(snakemake.wildcards.shard),
        SimulationSettings(**snakemake.params.settings),
        material_ids=test_materials(),
    )
