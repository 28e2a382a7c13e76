"""Colours and small print that the figures share."""

import textwrap

from matplotlib.figure import Figure

from edsym.symmetry import CRYSTAL_SYSTEMS

# Okabe and Ito's palette, told apart in every kind of colour blindness.
BLUE, GREEN, ORANGE, VERMILION = "#0072b2", "#009e73", "#e69f00", "#d55e00"
SYSTEM_COLOURS = dict(
    zip(
        CRYSTAL_SYSTEMS,
        ("#cc79a7", ORANGE, "#56b4e9", GREEN, VERMILION, "#8c8c8c", BLUE),
        strict=True,
    )
)
_NOTE_SIZE = 5.5


def add_note(figure: Figure, text: str) -> None:
    """Write what the run was in small print along the lower edge, wrapped to the figure's width."""
    # A character of the font is about 0.53 of its size (in points, 72 an inch) wide.
    width = int(figure.get_figwidth() * 72 / (0.53 * _NOTE_SIZE)) - 6
    lines = textwrap.fill(text, width, break_long_words=False)
    figure.supxlabel(lines, fontsize=_NOTE_SIZE, color="0.35", x=0.01, ha="left")
