"""Checked configuration, names that all rules share, and their input functions."""

import os
import sys
from dataclasses import asdict
from pathlib import Path

# The library of this checkout, also for jobs on other hosts and in conda environments.
LIBRARY = str(Path(workflow.basedir) / "src")
sys.path.insert(0, LIBRARY)
os.environ.update(PYTHONPATH=LIBRARY)
os.environ.setdefault("TQDM_MININTERVAL", "2")  # seconds: bars of several jobs share one terminal
# Threads that wait for each other sleep: where something else has one of the cores, spinning makes steps seven times as long.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

from snakemake.exceptions import WorkflowError

from edsym import configuration
from edsym.detector.settings import DetectorSettings
from edsym.errors import InputError
from edsym.evaluation import protocols
from edsym.evaluation.products import FIGURES, OF_SCANS, TABLES, configured, required
from edsym.models.registry import MODELS, fixed_threads, validation_of
from edsym.powder.methods import POWDER_FIGURES, POWDER_RIVALS, POWDER_TABLES
from edsym.provenance.digest import code_digest, files_digest, keep_compiled_code
from edsym.simulation.engines.choice import ENGINES
from edsym.specimen.settings import CLASSIFICATION, SIMULATED, name_of
from edsym.structures.settings import StructuresSettings
from edsym.structures.source import SOURCES

keep_compiled_code(".snakemake/numba")

try:
    config.update(configuration.check_configuration(config))
except InputError as error:
    raise WorkflowError(str(error)) from None


def checkout(name):
    """A file of the checkout, as seen from the folder in which Snakemake was called."""
    return os.path.relpath(Path(workflow.basedir) / name)


RESULTS = config["results"].rstrip("/")
PUBLISHED = checkout("config/published.yaml")
LEVELS = config["detector"]["tests"]
CHOSEN = [model for model in MODELS if model in config["models"]]
SHARDS = [f"{shard:04d}" for shard in range(config["simulation"]["shards"])]
TABLE_FORMS = ["csv", "md", "tex", "html"]
FIGURE_FORMS = ["svg", "png"]
if not protocols.has_leak_table(config):
    TABLES = [name for name in TABLES if name != "table11"]


# Folders of the results that the tables of protocols are made from: of what is trained at a protocol and tested at one.
PARTS = [protocols.part(config, *pair) for pair in protocols.pairs(config)]
LEAK = f"{protocols.part(config, 'grid', 'grid')}leak/"

# Files by the names that the library gives them.
FILES = {
    "run": f"{RESULTS}/dataset/run.json",
    "published": PUBLISHED,
    "split": f"{RESULTS}/split.parquet",
    "materials": f"{RESULTS}/dataset/materials.csv",
    "kinship": f"{RESULTS}/structures/kinship.parquet",
    # As many as hold materials of all crystal systems: figure 6 shows one of each.
    "patterns": [f"{RESULTS}/patterns/{shard}.h5" for shard in SHARDS[:4]],
}
for model in MODELS:
    FILES |= {
        # a file for each level of the detector that the models are tested at
        f"{model}_{name}": [f"{RESULTS}/{folder}/{level}/{model}.{form}" for level in LEVELS]
        for name, folder, form in (
            ("single", "decisions", "parquet"),
            ("views", "views", "parquet"),
            ("leak_single", f"{LEAK}decisions", "parquet"),
            ("calibration", "calibration", "json"),
        )
    }
    FILES |= {
        f"{model}_protocols_{name}": [
            f"{RESULTS}/{part}{folder}/{level}/{model}.parquet" for part in PARTS for level in LEVELS
        ]
        for name, folder in (("single", "decisions"), ("views", "views"))
    }
    FILES |= {
        f"{model}_curves": f"{RESULTS}/curves/{model}.parquet",
        f"{model}_model": f"{RESULTS}/models/{model}",
    }


# Models that read several views of a material together.
TOGETHER = [model for model, entry in MODELS.items() if entry.together]


# Scans and the models that classify them, by the names of their files.
EXPERIMENT = f"{RESULTS}/experiment"
SCANS = {name_of(dataset): dataset for dataset in config["experiment"]["datasets"]}
SCAN_MODELS = {name_of(model): model for model in config["experiment"]["models"]}


wildcard_constraints:
    shard=r"\d+",
    model="|".join(MODELS),
    protocol=r"\w+",
    elsewhere=r"protocols/\w+|leak",
    part=r"validation/|(trained/\w+/)?(protocols/\w+/|leak/)?",


def code(script, *roots):
    """Digest of a rule's script and of the library modules under it: a change runs the rule again.

    It is made for jobs that are looked at only, as it takes a while; a root may be a function of wildcards.
    """
    path = Path(workflow.basedir) / "workflow" / "scripts" / script
    return lambda wildcards: code_digest(
        path, *(root(wildcards) if callable(root) else root for root in roots)
    )


def at_levels(path, **wildcards):
    """The files of a path with {level}, one for each level of the detector that models are tested at."""
    return expand(f"{RESULTS}/{path}", level=LEVELS, allow_missing=True, **wildcards)


def growing(base):
    """A resource that doubles with each attempt."""
    return lambda wildcards, attempt: base * 2 ** (attempt - 1)


def scientific(section):
    """A section without its operational keys, which change no result: scripts read those from the configuration."""
    return configuration.scientific(config, section)


def detector_at(level):
    """The quantities of the detector of a level: what a change of its settings changes."""
    return asdict(DetectorSettings(**config["detector"]).at(level))


def detectors_of_curves():
    """The detectors that have one nuisance alone, with its name and size."""
    points = DetectorSettings(**config["detector"]).one_at_a_time()
    return [[name, size, asdict(detector)] for name, size, detector in points]


def detectors_of_cells():
    """What shows the spots to the finder, by level: as to the models, and errors of positions alone."""
    levels = [[level, detector_at(level)] for level in LEVELS]
    alone = [["positions", values] for name, _, values in detectors_of_curves() if name == "position"]
    return levels + alone


def views_of_cells():
    """Numbers of patterns that a lattice is found from, ascending."""
    most = config["evaluation"]["views"]
    return sorted({n for n in config["finder"]["views"] if n < most} | {most})


def settings(*sections):
    """The configuration sections that a rule depends on, and no other."""
    return {section: scientific(section) for section in sections}


onstart:
    try:
        rules_to_run = {job.rule.name for job in workflow.dag.needrun_jobs()}
        configuration.check_surroundings(config, rules_to_run, local=workflow.local_exec)
    except InputError as error:
        raise WorkflowError(str(error)) from None


def split_of_protocol(wildcards):
    """The split, by which only test materials are simulated; not where models are trained at the protocol."""
    return [] if wildcards.protocol in protocols.trained(config) else f"{RESULTS}/split.parquet"


def spots_of(wildcards):
    """All spot lists that a part trains on or predicts: of the run's own protocol, another one, or all grids."""
    part = protocols.place_of_spots(config, wildcards.part)
    return expand(f"{RESULTS}/{part}spots/{{shard}}.h5", shard=SHARDS[:1] if part == "leak/" else SHARDS)


def validation_predictions(wildcards):
    """Predictions on validation materials, if anything is fitted on them: to the run's own models only."""
    if wildcards.part or config["evaluation"]["calibration"] == config["evaluation"]["pooling"] == "none":
        return {}
    return predictions_of("validation/", wildcards.model)


def test_predictions(wildcards):
    """Predictions on test materials; views are read together at the run's own protocol, as it costs much."""
    return predictions_of(wildcards.part, wildcards.model, views=not wildcards.part)


def predictions_of(part, model, views=True):
    """Predictions of a model on single patterns and, if it can, on views read together."""
    files = {"predictions": at_levels(f"{part}predictions/{{level}}/{model}.parquet")}
    if views and model in TOGETHER:
        files["together"] = at_levels(f"{part}predictions/{{level}}/{model}_views.parquet")
    return files


def files_of(product):
    """The named input files of a table or figure."""
    return {name: FILES[name] for name in required(product, CHOSEN)}


def settings_of(product):
    """The sections of the configuration that a table or figure reads."""
    return settings(*configured(product, CHOSEN))


def content_of_source(wildcards):
    """Digest of the CIF files or the table that structures are read from: where it changes, all is made again."""
    from edsym.structures.sources import source_files  # what it needs takes a while to load

    try:
        return files_digest(source_files(StructuresSettings(**config["structures"])))
    except InputError as error:
        sys.exit(
            f"the run cannot start: {error}"
        )  # other exceptions are shown with this function's traceback


def folder_of(where):
    """The folder of a registry's class, as a module."""
    return where.partition(":")[0].rpartition(".")[0]


def threads_of(kind):
    """Threads of a model's job, "train" or "predict"."""

    def threads(wildcards):
        job = getattr(MODELS[wildcards.model], kind)
        return fixed_threads(job, config) or job.threads

    return threads


def growing_by_model(kind, name, times=1):
    """A resource of a model's job, "train" or "predict", so many times, that doubles with each attempt."""
    return (
        lambda wildcards, attempt: times
        * getattr(getattr(MODELS[wildcards.model], kind), name)
        * 2 ** (attempt - 1)
    )


def validation_of_training(wildcards):
    """Share and seed of the materials that validate a model; None for one that learns from all."""
    entry = MODELS[wildcards.model]
    holds_out = wildcards.part == "validation/" or entry.holds_out
    return list(validation_of(wildcards.model, config)) if holds_out else None


def validation_of_prediction(wildcards):
    """The same where these materials are predicted; None for the test patterns."""
    return list(validation_of(wildcards.model, config)) if wildcards.part == "validation/" else None


def processes(model):
    """Processes that train a model together, and on how many nodes."""
    if "training" not in MODELS[model].sections:
        return [1, 1]
    devices, nodes = config["training"]["devices"], config["training"]["nodes"]
    return [devices * nodes, nodes]


def devices(name):
    """A resource of one GPU, or of some on each node with a SLURM task for each; models without have none."""

    def resource(wildcards):
        tasks, nodes = processes(wildcards.model)
        if tasks == 1:
            return {"gpu": int(MODELS[wildcards.model].train.gpu)}.get(name)
        # tasks_per_gpu would bind each task to one GPU; Lightning wants to see all of its node
        several = {"mpi": "srun", "tasks": tasks, "tasks_per_gpu": 0, "nodes": nodes}
        return (several | {"gres": f"gpu:{tasks // nodes}"}).get(name)

    return resource


def model_that_predicts(wildcards):
    """The model itself, or that of another protocol; for validation, where it knows the materials by heart,
    one trained without them."""
    if wildcards.part != "validation/":
        part = protocols.place_of_model(wildcards.part)
    else:
        part = "" if MODELS[wildcards.model].holds_out else "validation/"
    return f"{RESULTS}/{part}models/{wildcards.model}"


def calibrations_of_model(wildcards):
    """What was fitted to a model on validation materials, at each level."""
    place = protocols.place_of_model(wildcards.part)
    return at_levels(f"{place}calibration/{{level}}/{{model}}.json", model=wildcards.model)


def scan_file(wildcards):
    """The file of a scan."""
    path = SCANS[wildcards.scan]
    return f"{EXPERIMENT}/simulated.h5" if path == SIMULATED else path


def files_of_scan(product):
    """The input files of a table or figure of a scan, by their names."""
    known = {
        "maps": expand(
            f"{EXPERIMENT}/{{scan}}/{{classifier}}.h5", classifier=SCAN_MODELS, allow_missing=True
        ),
        "scan": scan_file,
        "published": PUBLISHED,
    }
    return {name: known[name] for name in OF_SCANS[product]}


def is_figure(product):
    """Tell figures from tables."""
    return product.startswith("fig")
