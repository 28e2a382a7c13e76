"""What makes a rule run again: for modules of every stage, the rules whose digest of code counts them."""

from functools import cache
from pathlib import Path

import pytest
from snakemake.api import SnakemakeApi
from snakemake.settings.types import ConfigSettings, OutputSettings, ResourceSettings

from edsym.models.registry import MODELS
from edsym.provenance import digest

ROOT = Path(__file__).parents[2]


def rules(**config) -> list:
    """Return the rules with a configuration, with the modules that they count in place of digests."""
    with pytest.MonkeyPatch.context() as patch, SnakemakeApi(OutputSettings()) as api:
        patch.setattr(digest, "code_digest", digest.reached_modules)
        workflow = api.workflow(
            resource_settings=ResourceSettings(cores=1),
            config_settings=ConfigSettings(config=config),
            snakefile=ROOT / "Snakefile",
            workdir=ROOT,
        )._workflow
    return list(workflow.rules)


def counted(**config) -> dict[str, set[str]]:
    """Return the names of the modules that the digest of each rule counts, of a configuration."""
    codes = {}
    for rule in rules(**config):
        code = dict(rule.params.items()).get("code", lambda _: ())
        models = MODELS if rule.name in VERBS else ["mlp"]
        codes |= {f"{rule.name} {m}" if rule.name in VERBS else rule.name: code(Wildcards(m)) for m in models}
    return {rule: {digest._name(file) for file in files} for rule, files in codes.items()}


class Wildcards:
    """The wildcards of the rules of a model."""

    def __init__(self, model):
        self.model, self.part, self.protocol = model, "", "grid"
        self.scan, self.classifier, self.rival = "simulated", "lattice", "peaks"


@pytest.fixture(scope="module")
def default():
    return counted()


@pytest.fixture(scope="module")
def other():
    """A configuration with another choice wherever there is one."""
    return counted(structures={"source": "cif", "path": "."}, simulation={"engine": "torch"})


COLLECT = {"collect_structures"}
SIMULATE = {"simulate", "simulate_protocol", "simulate_leak"}
EXTRACT = {"extract_spots", "extract_spots_elsewhere"}
FIGURES = {"fig1", "fig2", "fig3", "fig4", "fig5", "fig6", "fig7", "fig8", "fig9"}
TABLES = {f"table{number}" for number in (*range(1, 11), *range(12, 21))}
CELLS, REGRESS = {"find_cells"}, {"regress_cells"}
LINES, POWDER_TABLE = {"powder_reflections"}, {"write_powder_table"}
POWDER_FIGURE = {"draw_powder_figure"}
TRAIN_POWDER = {"train_powder", "train_powder_rival"}
POWDER = TRAIN_POWDER | {"score_powder"}
SCAN = {"classify_scan"}  # with known phases, which are simulated
VERBS = ("train", "predict", "predict_views", "predict_curves")
TRAIN, PREDICT, VIEWS, CURVES = ({f"{rule} {model}" for model in MODELS} for rule in VERBS)
NETWORK, MLP, CELL, MVOF, FOREST = ({f"{rule} {model}" for rule in VERBS} for model in MODELS)
PACK = {"pack_network"}
LEARN = TRAIN | PREDICT | VIEWS | CURVES | PACK

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
    "structures.kinship": {"select_materials"} | LINES | POWDER,
    "structures.kinship_table": {"select_materials", "split_materials"} | LINES | POWDER | TABLES | FIGURES,
    # simulation
    "simulation.run.shard": SIMULATE,
    "simulation.orientations": SIMULATE | SCAN,
    "simulation.orientation_plan": SIMULATE | SCAN,
    "simulation.crystal.cell": SIMULATE | SCAN,
    "simulation.crystal.weickenmeier_kohl": SIMULATE | SCAN,
    "simulation.engines.krylov.propagation": SIMULATE,
    "simulation.engines.batched.propagation": set(),
    "simulation.engines.abtem_engine": set(),
    # the simulated scan
    "specimen.multislice": {"simulate_scan"},
    "specimen.settings": {"simulate_scan"},
    # spots and split
    "spots.peaks": EXTRACT,
    "spots.division": {"split_materials"},
    "spots.summary": {"summarize_dataset"},
    "spots.duplicates": {"summarize_dataset"},
    "spots.split": {"split_materials", "summarize_dataset"}
    | TRAIN
    | PREDICT
    | VIEWS
    | CURVES
    | CELLS
    | REGRESS,
    "spots.merging": EXTRACT | LEARN | CELLS | REGRESS,
    # the detector: of its settings, rules have the values as parameters
    "detector.settings": set(),
    "detector.levels": LEARN | CELLS | REGRESS,
    "detector.kernel": LEARN | CELLS | REGRESS,
    "detector.numbers": LEARN | CELLS | REGRESS,
    # models
    "models.gmoe.graph": NETWORK,
    "models.mlp.network": MLP,
    "models.forest.features": MLP | FOREST | REGRESS,
    "models.forest.trees": FOREST | REGRESS,
    "models.gmoe.model": NETWORK - TRAIN,
    "models.gmoe.fit": {"train gmoe"},
    "models.mlp.model": MLP - TRAIN,
    "models.mlp.fit": {"train mlp"},
    "models.cell.answers": CELL,
    "models.cell.features": CELL,
    "models.cell.network": CELL,
    "models.cell.model": CELL - TRAIN,
    "models.cell.fit": {"train cell"},
    "models.mvof.network": MVOF,
    "models.mvof.opinions": MVOF - TRAIN,
    "models.mvof.model": MVOF - TRAIN,
    "models.epochs": {"train mlp", "train mvof"},
    "models.mvof.fit": {"train mvof"},
    "models.forest.model": (FOREST - TRAIN) | REGRESS,
    "models.forest.fit": {"train forest"},
    "models.model": LEARN | REGRESS,
    "models.registry": set(),
    "models.train": TRAIN,
    "models.predict": PREDICT,
    "models.predict_views": VIEWS,
    "models.curves": CURVES,
    "training.fit": {"train gmoe"},
    "training.module": {"train gmoe"},
    "training.predict": NETWORK - TRAIN,
    "training.batches": NETWORK,
    # the lattice finder
    "lattice.single": CELLS | CELL,
    "lattice.probability": CELLS | CELL,
    "lattice.absences": CELL,
    "lattice.absence_table": CELL,
    "lattice.equations": CELLS | CELL,
    "cells.answers": CELLS,
    "cells.chosen": CELLS | REGRESS,
    "models.forest.regression": REGRESS,
    "cells.parameters": REGRESS,
    "cells.table": CELLS | TABLES | FIGURES | REGRESS,
    # powder patterns
    "powder.settings": LINES | POWDER,
    "powder.factors": LINES | POWDER,
    "powder.store": LINES | POWDER,
    "powder.render": POWDER,
    "powder.network": POWDER,
    "powder.transformer": POWDER,
    "powder.convnext": POWDER,
    "powder.peaks": POWDER,
    "powder.views": POWDER,
    "powder.rival_settings": POWDER,
    "powder.structured": POWDER,
    "powder.losses": TRAIN_POWDER,
    "powder.fit": TRAIN_POWDER,
    "powder.division": POWDER,
    "powder.baselines": {"score_powder"},
    "powder.measured": {"score_powder"},
    "powder.pattern": {"score_powder"},
    "powder.relatives": LINES | POWDER,
    "powder.methods": POWDER_TABLE | POWDER_FIGURE | {"score_powder"},
    "evaluation.powder_inputs": POWDER_TABLE | POWDER_FIGURE,
    "evaluation.powder_tables": POWDER_TABLE,
    "evaluation.powder_class_tables": POWDER_TABLE,
    "evaluation.powder_figures": POWDER_FIGURE,
    # predictions and evaluation
    "predictions.draw": {"fit_calibration", "decide"} | VIEWS | CURVES | CELLS | REGRESS,
    "predictions.fit": {"fit_calibration"},
    "predictions.pooling": {"fit_calibration", "decide"} | CURVES,
    "predictions.views": {"decide"} | CURVES,
    "predictions.ballots": {"decide"} | CURVES,
    "evaluation.tables": TABLES,
    "evaluation.figures": FIGURES,
    "evaluation.drawing": FIGURES | POWDER_FIGURE,
    "evaluation.nuisance_figure": FIGURES,
    "evaluation.inputs": TABLES | FIGURES,
    "evaluation.methods": TABLES | FIGURES,
    "evaluation.protocol_tables": TABLES,
    "evaluation.published_cells": TABLES | FIGURES,
    "evaluation.published_figure": FIGURES,
    "evaluation.bootstrap": TABLES,
    "evaluation.protocols": TABLES,
    "symmetry.subgroups": TABLES | POWDER_TABLE | POWDER_FIGURE,
    "symmetry.derivation": set(),
    "evaluation.report": {"write_report"},
}
# what classifies a scan stands on all models, whichever is chosen
CLASSIFY = {
    *("detector.kernel", "detector.levels", "detector.numbers", "detector.settings", "spots.merging"),
    *("lattice.absence_table", "lattice.absences", "lattice.equations", "lattice.probability"),
    *("lattice.single", "models.cell.answers", "models.cell.features", "models.cell.model"),
    *("models.cell.network", "models.forest.features", "models.forest.model", "models.forest.trees"),
    *("models.gmoe.graph", "models.gmoe.model", "models.mlp.model", "models.mlp.network", "models.model"),
    *("models.mvof.model", "models.mvof.network", "models.mvof.opinions"),
    *("predictions.pooling", "training.batches", "training.predict"),
}
EXPECTED |= {module: EXPECTED[module] | SCAN for module in CLASSIFY}
EXPECTED |= {
    "mapping.grains": SCAN,
    "mapping.phases": SCAN,
    "acom.search": SCAN,
    "mapping.parts": SCAN | TABLES | FIGURES,
    "mapping.scan_map": SCAN | TABLES | FIGURES,
    "experiment.spots.finder": {"find_scan_spots"},
    "experiment.spots.search": {"find_scan_spots"},
    "experiment.spots.correlation": {"find_scan_spots"},
    "experiment.spots.friedel": {"find_scan_spots"},
    "experiment.spots.first_look": {"find_scan_spots"},
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


def parameters(**detector) -> dict[str, str]:
    """Return the parameters of the rules that a detector with these settings may concern."""
    found = {}
    for rule in rules(detector=detector):
        values = {
            name: value(Wildcards("mlp")) if callable(value) else value
            for name, value in rule.params.items()
            if name != "code"
        }
        found[rule.name] = str(values)
    return found


default_parameters = cache(parameters)

SCORED = {"describe_run", "write_report", "pack_network", "write_provenance", "table6"}


@pytest.mark.parametrize(
    ("detector", "again"),
    [
        ({"training": "good"}, {"train"}),
        ({"tests": ["typical", "ideal"]}, {"predict", "predict_views"} | CELLS | REGRESS),
        ({"curves": [2.0]}, {"predict_curves"} | CELLS),
        ({"curve_materials": 7}, {"predict_curves"}),
        ({"seed": 5}, {"predict", "predict_views", "predict_curves"} | CELLS | REGRESS),
        ({"lost": 0.1}, {"train", "predict", "predict_views", "predict_curves"} | CELLS | REGRESS),
        (
            {"training": "ideal", "lost": 0.1},
            {"train", "predict", "predict_views", "predict_curves"} | CELLS | REGRESS,
        ),
        ({"q_max": 1.5}, {"train", "predict", "predict_views"} | CELLS | REGRESS),
    ],
)
def test_a_changed_key_of_the_detector_makes_these_rules_run_again(detector, again):
    before, after = default_parameters(), parameters(**detector)
    told = SCORED - ({"describe_run"} if set(detector) <= {"curves", "curve_materials", "seed"} else set())
    assert {name for name in before if before[name] != after[name]} == again | told


def test_models_of_a_run_are_those_that_are_asked_for():
    table = next(rule for rule in rules(models=["forest", "mlp"]) if rule.name == "table16")
    names = {Path(path).stem for path in table.input if "decisions" in path}
    assert names == {"forest", "mlp"}


def test_what_models_do_not_learn_from_trains_none():
    ideal = parameters(training="ideal")
    assert parameters(training="ideal", lost=0.1, position_error=0.01)["train"] == ideal["train"]
