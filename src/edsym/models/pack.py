"""A run's network packed with its recipe and its card, for `edsym.load_model`."""

import json
import shutil
from collections.abc import Iterable, Mapping
from importlib.metadata import version
from pathlib import Path

from edsym.files import atomic_path, write_text
from edsym.models.model import Model

_CARD = """# {name}

A PE-AG-GMoE network that tells crystal system and space group from the Bragg spots of one electron
diffraction pattern. `edsym.load_model("{name}")` returns it.

- **Trained on:** {run}
- **Exact recipe:** `recipe.json` has every setting of structures, simulation, peaks, split, detector, network
  and training: `snakemake all --profile profiles/local --configfile models/{name}/recipe.json` makes the run
  again.
  {table}
- **Orientations:** {orientations}
- **Parameters:** {parameters:,}; weights of epoch {best} of {epochs}, the best on held-out materials.
- **Input:** spots as [qx, qy, I]: 1/Å, and share of the incident beam, which is itself not among them.
- **Not for:** patterns at energies or thicknesses other than those above, or spots not measured on the same
  scale; probabilities are those of simulated patterns.

## Scores on the run's test materials, none of which it was trained on

{scores}
"""

_UNTOLD = """{} ones, which tell nothing of the symmetry."""
_TOLD = """those of the {}, which are chosen by the true symmetry and so tell a part of it. Scores at them
  measure the plan as well as the network; what it is worth shows at random orientations."""
_ORIENTATIONS = {"random": _UNTOLD, "hemisphere": _UNTOLD, "grid": _TOLD, "plan": _TOLD}

_FILES = """Put {path} into the checkout first: it is not a part of edsym. Without it, `--config
  structures='{{source: materials_project, path: null}}'` takes what the Materials Project has today, with
  your key of it in the environment variable MP_API_KEY: other materials, so other numbers."""
_TABLE = {
    "snapshot": _FILES,
    "cif": _FILES,
    "materials_project": "It needs a key of the Materials Project in the environment variable MP_API_KEY.",
    "prototypes": "The structures are a part of pymatgen.",
}


def pack_model(
    name: str,
    model_dir: str | Path,
    output_dir: str | Path,
    configuration: Mapping,
    run: str,
    tables: Iterable[str | Path],
) -> None:
    """Write a run's network with its recipe and its card to a folder.

    Parameters
    ----------
    name : str
        What the model is called.
    model_dir : str or Path
        Where the trained network is.
    output_dir : str or Path
        Where weights.safetensors, model.json, recipe.json and README.md go.
    configuration : mapping
        Sections of the configuration that made data and network.
    run : str
        The run in one line.
    tables : iterable of path
        Tables in Markdown that the card shows.

    Raises
    ------
    InputError
        If the model cannot be read.
    """
    Model.load(model_dir)
    model_dir, output_dir = Path(model_dir), Path(output_dir)
    for file in ("weights.safetensors", "model.json"):
        with atomic_path(output_dir / file) as temporary:
            shutil.copyfile(model_dir / file, temporary)
    recipe = {section: dict(values) for section, values in configuration.items()}
    structures = recipe["structures"]
    if structures["path"]:  # its folder is of no use elsewhere
        structures["path"] = Path(structures["path"]).name
    write_text(output_dir / "recipe.json", json.dumps(recipe, indent=2, ensure_ascii=False) + "\n")
    orientations = recipe["simulation"]["orientations"]
    model = json.loads((model_dir / "model.json").read_text(encoding="utf-8"))
    card = _CARD.format(
        name=name,
        run=f"{run} (edsym {version('edsym')}, torch {version('torch')})",
        table=_TABLE[structures["source"]].format(**structures),
        orientations=_ORIENTATIONS[orientations].format(orientations),
        parameters=model["n_parameters"],
        best=model["training"]["best_epoch"] + 1,
        epochs=model["settings"]["training"]["epochs"],
        scores="\n".join(Path(table).read_text(encoding="utf-8") for table in tables),
    )
    write_text(output_dir / "README.md", card)
