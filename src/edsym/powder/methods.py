"""What answers for powder patterns, how tables call it, and which tables there are."""

METHODS = {
    "prior": "Prior alone",
    "nearest": "Nearest neighbour",
    "forest": "Random forest",
    "network": "Network",
    "network uniform": "Network, all groups alike",
    "network fitted": "Network, calibrated on the other half",
}
"""Methods by the names of `edsym.powder.score.score_powder`."""

POWDER_TABLES = ("powder1", "powder2")
"""The tables of `edsym.evaluation.powder_tables`."""
