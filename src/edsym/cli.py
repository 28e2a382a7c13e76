"""The command ``edsym``: simulate patterns, tell the symmetry of measured ones, and check what a run made."""

import argparse
import sys
import warnings
from collections.abc import Callable, Sequence
from importlib.metadata import version

from edsym import commands
from edsym.errors import EdsymError, InputWarning

Command = Callable[[str, Callable[[argparse.Namespace], int], str, str], argparse.ArgumentParser]
"""Adds a command: its name, what it runs, its help and an example."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status: 1 if files differ, 2 if the input is wrong."""
    options = _parser().parse_args(arguments)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.simplefilter("always", InputWarning)
            warnings.showwarning = lambda message, *_: print(f"edsym: {message}", file=sys.stderr)
            return options.run(options)
    except BrokenPipeError:  # of a pager that was left
        sys.stderr.close()
        return 0
    except (EdsymError, OSError) as error:
        print(f"edsym: {' '.join(str(error).split())}", file=sys.stderr)
        return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="edsym", description=__doc__)
    parser.add_argument("--version", action="version", version=f"edsym {version('edsym')}")
    several = parser.add_subparsers(required=True, metavar="COMMAND")

    def command(name: str, run, help: str, example: str) -> argparse.ArgumentParser:
        one = several.add_parser(
            name,
            help=help,
            description=help,
            epilog=f"example: edsym {name} {example}",
            formatter_class=argparse.ArgumentDefaultsHelpFormatter,
        )
        one.set_defaults(run=run)
        return one

    for add in (_simulate, _spots, _predict, _classify, _cell, _orient, _classify_powder, _trace, _verify):
        add(command)
    return parser


def _simulate(command: Command) -> None:
    one = command(
        "simulate",
        commands.simulate,
        "simulate diffraction patterns of a crystal",
        "salt.cif --n 10 --spots spots.csv --plot patterns.png",
    )
    one.add_argument("cif", help="a CIF file")
    one.add_argument("--out", metavar="H5", help="write all beams to this HDF5 file")
    one.add_argument("--spots", metavar="CSV", help="write the spots to this CSV file, which predict reads")
    one.add_argument("--plot", metavar="PNG", help="draw the indexed patterns into this PNG, SVG or PDF file")
    one.add_argument("--n", type=int, default=10, help="number of patterns")
    one.add_argument("--orientations", default="random", help="random, hemisphere, grid or plan")
    one.add_argument("--seed", type=int, default=0, help="seed of random orientations and of the detector")
    one.add_argument(
        "--detector", default="ideal", help="of the spots, not the beams: ideal, good, typical or poor"
    )
    one.add_argument("--thickness", type=float, default=200.0, help="thickness of the crystal in Å")
    one.add_argument("--energy", type=float, default=300.0, help="energy of the electrons in keV")


def _spots(command: Command) -> None:
    one = command(
        "spots",
        commands.spots,
        "find the Bragg spots in the images of a scan, a series or a single pattern",
        "scan.emd --pixel 0.02 --out spots.h5",
    )
    one.add_argument("scan", help="a file of patterns, or a folder of TIFF files")
    one.add_argument("--out", metavar="H5", required=True, help="write the spots to this HDF5 file")
    _scan_places(one)
    one.add_argument("--dataset", help="name of the array within the file")
    one.add_argument("--energy", type=float, help="energy of the electrons in keV, for pixels in angles")
    one.add_argument("--probe", help="radius of a spot in pixels, or a file with an image of the beam alone")
    one.add_argument("--mask", help="a file with an image that is not 0 where a pixel does not count")
    one.add_argument(
        "--center",
        "--centre",
        nargs="+",
        metavar="X Y | beam | friedel",
        help="of the direct beam in pixels; or how it is found: as a spot, or by pairs of spots on either "
        "side of it, as is done anyway where it is hidden",
    )
    one.add_argument(
        "--ellipse",
        nargs="+",
        metavar="RATIO ANGLE | RINGS",
        help="what circles are on the detector: long over short axis, and the angle of the long one from x "
        "towards y in degrees; or a file with images of rings that tell it",
    )
    one.add_argument("--false-spots", type=float, default=0.05, help="false spots of a pattern on average")
    one.add_argument("--spacing", type=float, help="least distance of two spots in pixels")
    one.add_argument(
        "--correlation",
        choices=["cross", "hybrid", "phase"],
        default="cross",
        help="with the probe, of which spots are maxima; the sharper, the less surely weak ones are found",
    )
    one.add_argument("--csv", metavar="CSV", help="write the spots of valid patterns to this CSV file, too")


def _predict(command: Command) -> None:
    one = command(
        "predict",
        commands.predict,
        "tell crystal system and space group from spots; all patterns are taken as views of one crystal",
        "spots.csv --unit 1/nm --normalisation counts",
    )
    one.add_argument(
        "spots",
        help="a CSV file with the columns qx, qy, intensity and, if several, pattern; or one of XDS, PETS "
        "or py4DSTEM",
    )
    one.add_argument("--model", default="lattice", help="a name or a folder")
    one.add_argument("--top", type=int, default=3, help="number of answers")
    one.add_argument("--energy", type=float, help="energy of the electrons in keV; that of the training")
    one.add_argument("--powder", metavar="FILE", help="a powder pattern of the same crystal: both together")
    one.add_argument("--wavelength", help="of the powder pattern, as classify-powder takes it")
    one.add_argument("--csv", metavar="CSV", help="write the answers to this file")
    one.add_argument("--unit", default="1/Å", help="of qx and qy: 1/Å, 1/A, 1/nm or px")
    one.add_argument("--scale", type=float, help="1/Å of a pixel")
    one.add_argument("--center", type=float, nargs=2, metavar=("X", "Y"), help="of the direct beam")
    one.add_argument(
        "--normalisation",
        help="of the intensities: incident (the beam is 1; for CSV), counts (for others), max, sum, or the "
        "incident beam in counts",
    )


def _classify(command: Command) -> None:
    one = command(
        "classify",
        commands.classify,
        "tell crystal system and space group at every position of a scan, of its grains and phases; "
        "predict takes the spots of one crystal",
        "scan.emd --energy 200 --out map",
    )
    one.add_argument("scan", help="a file of patterns, or of the spots that edsym spots has found in them")
    one.add_argument(
        "--out", metavar="FOLDER", required=True, help="write the page, tables, maps and a picture there"
    )
    one.add_argument("--model", default="lattice", help="a name or a folder")
    one.add_argument("--energy", type=float, default=300.0, help="energy of the electrons in keV")
    _scan_places(one)
    one.add_argument(
        "--min-intensity",
        type=float,
        default=0.001,
        help="of a spot, as a share of the beam; weaker ones are a film's",
    )
    one.add_argument(
        "--phases", nargs="+", default=[], metavar="CIF", help="known phases to tell apart by templates, too"
    )
    one.add_argument("--thickness", type=float, default=200.0, help="of their crystals in Å, about")
    one.add_argument("--min-score", type=float, default=0.4, help="score of a known phase, 0 to 1")
    one.add_argument("--jobs", type=int, default=1, help="processes")


def _cell(command: Command) -> None:
    one = command(
        "cell",
        commands.cell,
        "find the unit cell from spots; all patterns are taken as views of one crystal, none oriented",
        "spots.csv --energy 200 --plot indexed.png",
    )
    _spot_files(one)
    one.add_argument("--energy", type=float, default=300.0, help="energy of the electrons in keV")
    one.add_argument(
        "--error", type=float, help="standard deviation of qx and of qy in 1/Å; the spots tell it"
    )
    one.add_argument(
        "--crystals", type=int, default=1, help="look for up to so many crystals that overlap in one pattern"
    )
    one.add_argument("--csv", metavar="CSV", help="write the indexed spots to this file")
    one.add_argument("--plot", metavar="PNG", help="draw the indexed patterns into this PNG, SVG or PDF file")


def _orient(command: Command) -> None:
    one = command(
        "orient",
        commands.orient,
        "tell which of several known phases each pattern is of, and how it is oriented",
        "spots.csv --cif Au.cif --cif ZrO2.cif --energy 200 --out orientations.csv",
    )
    _spot_files(one)
    one.add_argument("--cif", action="append", required=True, help="a candidate phase; may be repeated")
    one.add_argument("--out", metavar="CSV", help="write a row a pattern to this file")
    one.add_argument(
        "--map", metavar="PNG", help="draw phases and zone axes of a scan: one file of edsym spots"
    )
    one.add_argument("--energy", type=float, default=300.0, help="energy of the electrons in keV")
    one.add_argument("--thickness", type=float, default=200.0, help="thickness of the crystals in Å, about")
    one.add_argument("--matches", type=int, default=1, help="largest number of crystals a pattern")
    one.add_argument("--min-score", type=float, default=0.0, help="score that a match must have, 0 to 1")
    one.add_argument("--step", type=float, default=3.0, help="degrees between the zone axes of templates")
    one.add_argument("--error", type=float, default=0.005, help="standard deviation of qx and of qy in 1/Å")
    one.add_argument("--jobs", type=int, default=1, help="threads")


def _classify_powder(command: Command) -> None:
    one = command(
        "classify-powder",
        commands.classify_powder,
        "tell the extinction group of a crystal from its X-ray powder pattern",
        "pattern.xy --wavelength Co",
    )
    one.add_argument(
        "pattern", help="a file: columns of 2θ and intensity (.xy, .csv), pdCIF, raw of GSAS, XRDML"
    )
    one.add_argument("--wavelength", help="in Å, or Cr, Fe, Co, Cu, Mo, Ag; without, that of the file, or Cu")
    one.add_argument("--top", type=int, default=5, help="number of answers")
    one.add_argument("--prior", default="training", help="training, or uniform: all groups alike")
    one.add_argument("--model", default="powder", help="powder, or the folder of a model")
    one.add_argument("--csv", metavar="CSV", help="write the answers to this file")


def _trace(command: Command) -> None:
    one = command(
        "trace",
        commands.trace,
        "print what a file of a run was made from",
        "results/tables/table3.csv --parameters",
    )
    one.add_argument("file", help="a table, a figure or any file of a run")
    one.add_argument("--parameters", action="store_true", help="show the parameters of every rule as well")


def _verify(command: Command) -> None:
    one = command(
        "verify", commands.verify, "recompute all checksums of a run and say what differs", "results"
    )
    one.add_argument("results", help="folder of the run")


def _scan_places(one: argparse.ArgumentParser) -> None:
    """Let a command take the pixel, and the shape of a scan."""
    one.add_argument("--pixel", type=float, nargs="+", metavar="Q", help="1/Å of a pixel, or along y and x")
    one.add_argument("--shape", type=int, nargs=2, metavar=("ROWS", "COLUMNS"), help="of the scan")


def _spot_files(one: argparse.ArgumentParser) -> None:
    """Let a command take files of spots, which `edsym.commands` reads."""
    one.add_argument(
        "spots",
        nargs="+",
        help="files: CSV with the columns qx, qy, intensity and, if several, pattern; "
        "SPOT.XDS; .rpl or .cor of PETS; Bragg peaks of py4DSTEM",
    )
    one.add_argument("--unit", default="1/Å", help="of qx and qy: 1/Å, 1/A, 1/nm or px")
    one.add_argument("--scale", type=float, help="1/Å of a pixel")
    one.add_argument("--center", type=float, nargs=2, metavar=("X", "Y"), help="of the direct beam")
    one.add_argument("--every", type=int, default=1, help="take every so many-th pattern of a file alone")


if __name__ == "__main__":
    sys.exit(main())
