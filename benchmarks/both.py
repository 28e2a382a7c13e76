"""What electron patterns, a powder pattern, and both together tell of crystals that no network has seen.

The materials are tests of both stored models: of `lattice`, whose test materials are chosen by a hash of
their ids (see lattice_network.py), and of `powder`, by the division of a run's reflections.
"""

import argparse
import time
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
from inputs import use_one_core
from tqdm import tqdm

import edsym
from edsym.errors import InputError
from edsym.evaluation.metrics import wilson_interval
from edsym.files import atomic_path
from edsym.interface.model import MODELS_DIR
from edsym.interface.powder_answer import PowderAnswer
from edsym.powder.division import divide
from edsym.powder.model import PowderModel
from edsym.powder.render import render
from edsym.powder.settings import PowderEvaluationSettings
from edsym.powder.store import PowderStore
from edsym.seeds import stable_hash
from edsym.structures.standard import standardize
from edsym.structures.table import read_materials
from edsym.symmetry import N_SPACE_GROUPS, SYSTEM_OF_GROUP
from edsym.symmetry.classes import CLASSES

VIEWS, LEVEL = 4, "typical"
# Test materials of `lattice` were the first 1,200 of those that had spots: a few of all have none.
HELD_OUT = 1100
KINDS = ("powder", "extinction")


def main() -> None:
    """Ask both models of as many materials as wanted, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--materials", type=Path, required=True, help="results/structures/selected.parquet")
    parser.add_argument("--reflections", type=Path, required=True, help="results/powder/reflections.h5")
    parser.add_argument("--powder-model", type=Path, help="folder; without it the one that comes with edsym")
    parser.add_argument("--count", type=int, default=200, help="number of materials")
    parser.add_argument("--output", type=Path, help="write the table to this CSV file")
    options = parser.parse_args()
    use_one_core()
    start = time.process_time()
    model = PowderModel.load(options.powder_model or MODELS_DIR / "powder")
    store = PowderStore(options.reflections)
    frame = read_materials(options.materials).set_index("material_id")
    places = chosen(store, frame.index, model, options.count)
    powder = answers(store, places, model)
    electron = edsym.load_model("lattice")
    rows = []
    for place, answer in zip(tqdm(places, "crystals"), powder, strict=True):
        name, number = store.material_id[place], store.spacegroup_number[place]
        rows += asked(frame.loc[name], number, answer, electron, seed=stable_hash("both", name) % 2**31)
    table = summary(pd.DataFrame(rows))
    print(table.to_string(index=False, float_format="{:.1f}".format))
    print(f"{time.process_time() - start:.0f} s of one core")
    if options.output:
        with atomic_path(options.output) as temporary:
            table.to_csv(temporary, index=False)


def chosen(store: PowderStore, names: pd.Index, model: PowderModel, count: int) -> np.ndarray:
    """Return the places in the store of materials that are tests of both models."""
    first = sorted(names, key=lambda name: (stable_hash(0, "test", str(name)), name))[:HELD_OUT]
    test = divide(store, "material", PowderEvaluationSettings(), model.settings.validation_fraction)[2]
    return test[np.isin(store.material_id[test], first)][:count]


def answers(store: PowderStore, places: np.ndarray, model: PowderModel) -> list[PowderAnswer]:
    """Return what the powder model says of a pattern of each material."""
    scores = model.scores(render(store.lines, places, model.powder, 0, "both"))
    evidence = model.probabilities(scores, np.ones(N_SPACE_GROUPS))
    return [PowderAnswer(*pair) for pair in zip(model.probabilities(scores), evidence, strict=True)]


def asked(row, number: int, answer: PowderAnswer, electron, seed: int) -> list[dict]:
    """Return the space group of a material and its probabilities by one and by several views, and by both."""
    structure = standardize(row.lattice.reshape(3, 3), row.numbers, row.frac_coords.reshape(-1, 3))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            patterns = edsym.simulate(structure, n=VIEWS, seed=seed, detector=LEVEL)
            alone = electron.predict(edsym.find_spots(patterns))
        except InputError:  # too few spots
            return []
    both = alone.with_powder(answer)
    return [
        {"views": views, "known": known, "number": number, "p": p}
        for known, found in (("electrons", alone), ("both", both))
        for views, p in ((1, found.p_spacegroup[0]), (VIEWS, found.p_spacegroup_views[0]))
    ] + [{"views": 0, "known": "powder", "number": number, "p": answer.p_spacegroup}]


def summary(rows: pd.DataFrame) -> pd.DataFrame:
    """Return accuracies in %, with intervals of the system, and -ln p of the true space group."""
    found = []
    for (views, known), own in rows.groupby(["views", "known"]):
        p, truth = np.stack(own.p), own.number.to_numpy() - 1
        p_system = p @ (SYSTEM_OF_GROUP[:, None] == np.arange(7))
        right = {"system": p_system.argmax(1) == SYSTEM_OF_GROUP[truth]}
        for kind in KINDS:
            classes = CLASSES[kind]()
            right[kind] = classes.sums(p).argmax(1) == classes.index[truth]
        right["space_group"] = p.argmax(1) == truth
        low, high = wilson_interval(right["system"].mean(), len(own))
        row = {"views": views, "known": known, "materials": len(own)}
        row |= {name: 100 * hits.mean() for name, hits in right.items()}
        row |= {"system_low": 100 * low, "system_high": 100 * high}
        found.append(row | {"nll": -np.log(np.maximum(p[np.arange(len(p)), truth], 1e-6)).mean()})
    return pd.DataFrame(found)


if __name__ == "__main__":
    main()
