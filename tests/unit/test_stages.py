"""What makes a rule run again: for modules of every stage, the rules whose digest of code counts them."""

from pathlib import Path

import pytest
from snakemake.api import SnakemakeApi
from snakemake.settings.types import ConfigSettings, OutputSettings, ResourceSettings

from edsym.models.registry import MODELS
from edsym.provenance import digest

ROOT = Path(__file__).parents[2]


def counted(**config) -> dict[str, set[str]]:
    """Return the names of the modules that the digest of each rule counts, of a configuration."""
    with pytest.MonkeyPatch.context() as patch, SnakemakeApi(OutputSettings()) as api:
        patch.setattr(digest, "code_digest", digest.reached_modules)
        workflow = api.workflow(
            resource_settings=ResourceSettings(cores=1),
            config_settings=ConfigSettings(config=config),
            snakefile=ROOT / "Snakefile",
            workdir=ROOT,
        )._workflow
    codes = {}
    for rule in workflow.rules:
        code = dict(rule.params.items()).get("code", ())
        models = MODELS if callable(code) else [None]
        codes |= {f"{rule.name} {m}" if m else rule.name: code(Wildcards(m)) if m else code for m in models}
    return {rule: {digest._name(file) for file in files} for rule, files in codes.items()}


class Wildcards:
    """The wildcards of the rules of a model."""

    def __init__(self, model):
        self.model, self.part = model, ""


@pytest.fixture(scope="module")
def default():
    return counted()


@pytest.fixture(scope="module")
def other():
    """A configuration with another choice wherever there is one."""
    return counted(structures={"source": "cif", "path": "."}, simulation={"engine": "torch"})


COLLECT = {"collect_structures"}
SIMULATE = {"simulate", "simulate_transfer"}
EXTRACT = {"extract_spots", "extract_spots_transfer"}
FIGURES = {"fig1", "fig3", "fig4", "fig5", "fig6"}
TABLES = {f"table{number}" for number in range(1, 10)}
TRAIN, PREDICT = ({f"{rule} {model}" for model in MODELS} for rule in ("train", "predict"))
NETWORK = {"train gmoe", "predict gmoe"}
MLP = {"train mlp", "predict mlp"}
FOREST = {"train forest", "predict forest"}
PACK = {"pack_network"}

EXPECTED = {
    # no science
    "job": set(),
    "errors": set(),
    "files": set(),
    "parquet": set(),
    "hdf5": set(),
    "store_checks": set(),
    "cli": set(),
    "provenance.record": set(),
    "provenance.digest": set(),
    "provenance.crate": set(),
    "simulation.run.crashes": set(),
    "simulation.run.journal": set(),
    "simulation.engines.choice": set(),
    "training.launch": set(),
    # structures
    "structures.sources": COLLECT,
    "structures.materials_project": COLLECT,
    "structures.retry": set(),
    "structures.cif": set(),
    "structures.snapshot": set(),
    "structures.filter": {"select_materials"},
    # simulation
    "simulation.run.shard": SIMULATE,
    "simulation.orientations": SIMULATE,
    "simulation.crystal.cell": SIMULATE,
    "simulation.crystal.weickenmeier_kohl": SIMULATE,
    "simulation.engines.krylov.propagation": SIMULATE,
    "simulation.engines.batched.propagation": set(),
    "simulation.engines.abtem_engine": set(),
    # spots and split
    "spots.peaks": EXTRACT,
    "spots.division": {"split_materials"},
    "spots.summary": {"summarize_dataset"},
    "spots.duplicates": {"summarize_dataset"},
    "spots.split": {"split_materials", "summarize_dataset"} | TRAIN | PREDICT,
    # models
    "models.gmoe.graph": NETWORK,
    "models.mlp.network": MLP,
    "models.forest.features": MLP | FOREST,
    "models.forest.trees": FOREST,
    "models.gmoe.model": {"predict gmoe"},
    "models.gmoe.fit": {"train gmoe"},
    "models.mlp.model": {"predict mlp"},
    "models.mlp.fit": {"train mlp"},
    "models.forest.model": {"predict forest"},
    "models.forest.fit": {"train forest"},
    "models.model": TRAIN | PREDICT | PACK,
    "models.registry": set(),
    "models.train": TRAIN,
    "models.predict": PREDICT,
    "training.fit": {"train gmoe"},
    "training.module": {"train gmoe"},
    "training.predict": {"predict gmoe"},
    "training.batches": NETWORK,
    # predictions and evaluation
    "predictions.fit": {"fit_calibration"},
    "predictions.pooling": {"fit_calibration", "decide"},
    "predictions.views": {"fit_calibration", "decide"},
    "evaluation.tables": TABLES,
    "evaluation.figures": FIGURES,
    "evaluation.inputs": TABLES | FIGURES,
    "evaluation.report": {"write_report"},
}
WITH_OTHER_CHOICES = EXPECTED | {
    "structures.materials_project": set(),
    "structures.cif": COLLECT,
    "simulation.engines.krylov.propagation": set(),
    "simulation.engines.batched.propagation": SIMULATE,
}


@pytest.mark.parametrize("module", EXPECTED)
def test_a_module_makes_these_rules_run_again(default, module):
    assert (digest.SOURCE / "edsym" / module.replace(".", "/")).with_suffix(".py").is_file()
    assert {rule for rule, names in default.items() if f"edsym.{module}" in names} == EXPECTED[module]


@pytest.mark.parametrize("module", WITH_OTHER_CHOICES)
def test_an_engine_or_source_that_is_not_chosen_does_not_count(other, module):
    found = {rule for rule, names in other.items() if f"edsym.{module}" in names}
    assert found == WITH_OTHER_CHOICES[module]


def test_every_module_that_does_not_count_is_one_of_the_library():
    modules = {digest._name(path) for path in (digest.SOURCE / "edsym").rglob("*.py")}
    assert {name.removesuffix("*") for name in digest.NO_SCIENCE} <= modules
