from typing import ClassVar

from edsym.settings import Settings, setting


class NearestSettings(Settings):
    """The nearest neighbour."""

    section: ClassVar = "nearest"

    bins: int = setting(40, "bins", ge=1, le=1000)
    """Bins of the distance from the centre."""
