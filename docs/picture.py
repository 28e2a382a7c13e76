"""Draw the README's picture: patterns of perovskite, and what a stored network says of them.

    python docs/picture.py

writes docs/figures/prediction.png. Half a minute, after the first simulation has compiled.
"""

from pathlib import Path

from matplotlib.figure import Figure

import edsym
from edsym.evaluation.palette import BLUE

HERE = Path(__file__).parent
PEROVSKITE = edsym.Structure.from_cif(HERE / "perovskite.cif")


def main():
    """Simulate, ask and draw."""
    patterns = edsym.simulate(PEROVSKITE, n=10, orientations="random", seed=1)
    spots = edsym.find_spots(patterns)
    answer = edsym.load_model("spectra-random").predict(spots).top(3)
    figure = Figure(figsize=(7.6, 3.3), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(1, 1.1))
    edsym.plot_pattern(spots, 0, left)
    left.set_title("CaTiO$_3$ (Pnma): one of ten simulated patterns", loc="left", fontsize=9)
    _bars(right, answer)
    figure.savefig(HERE / "figures/prediction.png", dpi=160)


def _bars(axes, answer):
    """Draw the three most probable systems and space groups by one pattern, and by all ten."""
    rows = []
    for pattern, name in (("0", "this pattern"), ("all", "all ten patterns")):
        top = answer[answer.pattern == pattern]
        rows += [(f"{name}: crystal system", None), *zip(top.crystal_system, top.p_system, strict=True)]
        rows += [(f"{name}: space group", None), *zip(top.space_group, top.p_spacegroup, strict=True)]
    for y, (label, p) in enumerate(rows):
        if p is None:
            axes.text(-0.32, y, label, va="center", fontsize=8, fontweight="bold")
        else:
            axes.text(-0.02, y, label, ha="right", va="center", fontsize=8)
            axes.barh(y, p, 0.7, color=BLUE)
            axes.text(p + 0.01, y, f"{100 * p:.0f} %", va="center", fontsize=8)
    axes.set(ylim=(len(rows) - 0.4, -0.6), xlim=(0, 1.25 * max(p or 0 for _, p in rows)))
    axes.set_axis_off()
    axes.set_title("What the network spectra-random says", loc="left", fontsize=9)


if __name__ == "__main__":
    main()
