"""Accuracy of models against the number of views of a crystal, one to a hundred, at random orientations.

Test materials of `lattice_network.py` are simulated anew, along so many directions as the most views want;
fewer views are the first of more. Answers of single views are combined by the sum of their logarithms; what
reads views together does that as well, for some of the materials. Start it again and it goes on.
"""

import argparse
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import inputs
import numpy as np
import pandas as pd
import yaml
from lattice_network import tested_of
from materials_curve import draw_curve, figure_of_targets, row

from edsym import load_model
from edsym.detector.detect import detect
from edsym.evaluation.palette import BLUE, GREEN, ORANGE, VERMILION
from edsym.files import atomic_path, kept_arrays
from edsym.models.model import Model
from edsym.models.registry import MODELS
from edsym.predictions.pooling import geometric_mean
from edsym.seeds import stable_hash
from edsym.simulation.run.shard import simulate_shard
from edsym.simulation.settings import SimulationSettings
from edsym.spots.peaks import extract_shard
from edsym.spots.settings import PeaksSettings
from edsym.spots.store import SpotLists, materials_with_patterns, read_spots
from edsym.structures.table import read_materials, write_materials

_COLOURS = {"forest": ORANGE, "mlp": VERMILION, "gmoe": BLUE, "cell": GREEN}


def main() -> None:
    """Simulate, predict what is missing, then write table and figure."""
    options = parsed()
    config = yaml.safe_load((inputs.REPOSITORY / "config/config.yaml").read_text(encoding="utf-8"))
    spots, groups = simulated(options, config)
    shown = detect(spots, options.level)
    rows = []
    for folder in options.models:
        model = load_model("lattice").model if str(folder) == "lattice" else Model.load(folder)
        title = MODELS[model.kind].title
        about = {"model": title, "kind": model.kind}
        rows += [about | {"method": "log-sum"} | one for one in alone(model, shown, groups, options)]
        if model.together:
            rows += [about | {"method": "together"} | one for one in together(model, shown, groups, options)]
        print(title, flush=True)
    table = pd.DataFrame(rows)
    with atomic_path(options.output / "views_curve.csv") as temporary:
        table.to_csv(temporary, index=False, float_format="%.2f")
    draw(table, options.output / "views_curve.png")
    print(markdown(table))


def parsed() -> argparse.Namespace:
    """Return the options."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("spots", type=Path, nargs="+", help="stores that lattice_network.py was given")
    parser.add_argument("--structures", type=Path, required=True, help="their materials (Parquet)")
    parser.add_argument(
        "--models",
        type=Path,
        nargs="+",
        default=[Path("lattice")],
        help="the stored one, or folders of models",
    )
    parser.add_argument("--output", type=Path, required=True, help="folder of table, figure and answers")
    parser.add_argument("--test", type=int, default=1200, help="materials that no training has")
    parser.add_argument("--count", type=int, default=150, help="of these, so many are simulated")
    parser.add_argument("--read", type=int, default=40, help="of these, so many are looked for lattices of")
    parser.add_argument("--views", type=int, nargs="+", default=[1, 2, 4, 10, 20, 50, 100])
    parser.add_argument("--together", type=int, nargs="+", default=[2, 4, 10, 20, 100], help="read together")
    parser.add_argument("--level", default="typical", help="of the detector")
    parser.add_argument("--seed", type=int, default=1, help="of the orientations")
    parser.add_argument("--threads", type=int, default=1)
    return parser.parse_args()


def simulated(options: argparse.Namespace, config: dict) -> tuple[SpotLists, np.ndarray]:
    """Return the patterns of the materials and the space groups (M,), simulated unless they are there."""
    name = f"{options.count}_{max(options.views)}_{options.seed}"
    store, patterns = options.output / f"spots_{name}.h5", options.output / f"patterns_{name}.h5"
    table = read_materials(options.structures).set_index("material_id", drop=False)
    if not store.exists():
        names = tested_of(materials_with_patterns(options.spots), options.test)
        some = tested_of_views(names, options.count)
        options.output.mkdir(parents=True, exist_ok=True)
        write_materials(table.loc[some].reset_index(drop=True), options.output / "materials.parquet", {})
        many = {"zone_axes": max(options.views), "shards": 1, "seed": options.seed}
        settings = SimulationSettings(**config["simulation"] | many)
        simulate_shard(options.output / "materials.parquet", patterns, 0, settings)
        extract_shard(patterns, store, PeaksSettings(**config["peaks"]))
        patterns.unlink()
    spots = read_spots([store])
    return spots, table.spacegroup_number.loc[spots.material_id].to_numpy(int)


def tested_of_views(names: list[str], count: int) -> list[str]:
    """Return so many of the materials, sorted; fewer are a part of more."""
    return sorted(sorted(names, key=lambda name: (stable_hash(0, "sets", str(name)), name))[:count])


def first_views(spots: SpotLists, materials: np.ndarray, n: int) -> list[np.ndarray]:
    """Return the first patterns of each material, at most n: of materials as `spots.material` has them."""
    first, last = (np.searchsorted(spots.material, materials, side) for side in ("left", "right"))
    return [np.arange(a, min(a + n, b)) for a, b in zip(first, last, strict=True)]


def alone(model: Model, shown: SpotLists, groups: np.ndarray, options: argparse.Namespace) -> Iterator[dict]:
    """Yield scores by number of views, each of which is answered by itself."""
    materials = chosen(shown, options) if model.together else np.unique(shown.material)
    rows = np.concatenate(first_views(shown, materials, max(options.views)))

    def answers() -> dict[str, np.ndarray]:
        system, group = model.predict_proba(shown.take(rows), threads=options.threads, progress=True)
        return {"system": system, "group": group}

    p = kept_arrays(options.output / kept_as(model, "alone", options), answers)
    place = np.full(len(shown), -1)
    place[rows] = np.arange(len(rows))
    for n in options.views:
        sets = first_views(shown, materials, n)
        start = np.cumsum([0, *(len(one) for one in sets[:-1])])
        of_sets = place[np.concatenate(sets)]
        pooled = [geometric_mean(p[target][of_sets], start) for target in ("system", "group")]
        yield row(options.level, n, *pooled, groups[materials])


def together(
    model: Model, shown: SpotLists, groups: np.ndarray, options: argparse.Namespace
) -> Iterator[dict]:
    """Yield scores by number of views that are read together."""
    materials = chosen(shown, options)
    for n in options.together:
        sets = first_views(shown, materials, n)
        start = np.cumsum([0, *(len(one) for one in sets[:-1])])
        told = partial(
            model.predict_views,
            shown.take(np.concatenate(sets)),
            start,
            threads=options.threads,
            progress=True,
        )
        p = kept_arrays(
            options.output / kept_as(model, str(n), options),
            lambda told=told: dict(zip(("system", "group"), told(), strict=True)),
        )
        yield row(options.level, n, p["system"], p["group"], groups[materials])


def kept_as(model: Model, what: str, options: argparse.Namespace) -> str:
    """Return the name of a file of answers, with all that these depend on."""
    about = options.level, options.count, options.read, max(options.views), options.seed
    return "_".join(map(str, (model.kind, what, *about))) + ".npz"


def chosen(shown: SpotLists, options: argparse.Namespace) -> np.ndarray:
    """Return the materials that are looked for lattices of."""
    present = np.unique(shown.material)
    some = tested_of_views(shown.material_id[present].tolist(), options.read)
    return present[np.isin(shown.material_id[present], some)]


def markdown(table: pd.DataFrame) -> str:
    """Return the table: rows are models and ways to combine, columns numbers of views."""
    texts = []
    for target in ("system", "spacegroup"):
        cells = [
            f"{one[target]:.1f} ({one[f'{target}_low']:.1f}–{one[f'{target}_high']:.1f})"
            for one in table.to_dict("records")
        ]
        pivot = table.assign(text=cells).pivot(
            index=["model", "method", "tested"], columns="views", values="text"
        )
        texts += [f"{target}, %", "", pivot.fillna("").reset_index().to_markdown(index=False), ""]
    return "\n".join(texts)


def draw(table: pd.DataFrame, path: Path) -> None:
    """Draw crystal systems and space groups against the number of views."""
    with figure_of_targets(path, "Views", columns=3) as axes:
        for (model, method), rows in table.groupby(["model", "method"], sort=False):
            colour, line = _COLOURS[rows.kind.iloc[0]], "-" if method == "together" else ":"
            for target, ax in axes.items():
                draw_curve(
                    ax,
                    rows.views,
                    rows,
                    target,
                    label=f"{model}, {method}",
                    marker="o",
                    color=colour,
                    ls=line,
                )


if __name__ == "__main__":
    main()
