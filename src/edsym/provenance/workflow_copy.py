"""A copy of the workflow beside its results, so that they say by themselves what ran."""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path

from edsym.files import write_text

_COPIED = ("Snakefile", "workflow", "config/published.yaml", "envs", "resources", "src", "requirements.lock")
_IGNORED = shutil.ignore_patterns("__pycache__", "*.egg-info", ".*", "trained")


def copy_workflow(checkout: str | Path, folder: str | Path, configuration: Mapping) -> None:
    """Copy rules, scripts, library and environments of a checkout, with the configuration of the run.

    Parameters
    ----------
    checkout : str or Path
        Folder of the workflow.
    folder : str or Path
        An empty or new folder.
    configuration : mapping
        That of the manifest: all sections, and no place outside the results.
    """
    for name in _COPIED:
        source, target = Path(checkout) / name, Path(folder) / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, ignore=_IGNORED, dirs_exist_ok=True)
        else:
            shutil.copyfile(source, target)
    # JSON is YAML as well
    write_text(Path(folder) / "config/config.yaml", json.dumps(configuration, indent=2) + "\n")
