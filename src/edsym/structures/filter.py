"""The filter of materials by the volume of their cell."""

from pathlib import Path

from edsym.errors import InputError
from edsym.structures.settings import FilterSettings
from edsym.structures.source import Rejection, write_rejections
from edsym.structures.table import read_materials, read_metadata, write_materials


def filter_by_volume(
    materials_path: str | Path,
    selected_path: str | Path,
    rejected_path: str | Path,
    settings: FilterSettings,
) -> None:
    """Write the materials whose cell volume is within bounds, and why each other one is not.

    Parameters
    ----------
    materials_path : str or Path
        The table of materials to choose from; the volume is that of the listed (primitive) cell.
    selected_path : str or Path
        The same table, of the selected materials.
    rejected_path : str or Path
        CSV: material_id, formula, reason.
    settings : FilterSettings
        Bounds in Å³.

    Raises
    ------
    InputError
        If the table is malformed or no material is within the bounds.
    """
    frame = read_materials(materials_path)
    small = frame.volume < settings.min_volume
    large = frame.volume > settings.max_volume
    rejections = [
        Rejection(row.material_id, row.formula, _reason(row.volume, settings))
        for row in frame[small | large].itertuples()
    ]
    write_rejections(rejections, rejected_path)
    selected = frame[~(small | large)]
    if selected.empty:
        raise InputError(
            f"filter: none of {len(frame)} materials has a cell volume of {settings.min_volume:g} to "
            f"{settings.max_volume:g} Å³ (filter.min_volume, filter.max_volume); "
            f"those of {materials_path} are {frame.volume.min():.1f} to {frame.volume.max():.1f} Å³"
        )
    write_materials(selected, selected_path, read_metadata(materials_path))


def _reason(volume: float, settings: FilterSettings) -> str:
    if volume < settings.min_volume:
        return f"cell volume {volume:.2f} Å³ is below filter.min_volume, {settings.min_volume:g} Å³"
    return f"cell volume {volume:.2f} Å³ is above filter.max_volume, {settings.max_volume:g} Å³"
