"""The command ``edsym``: simulate patterns, tell the symmetry of measured ones, and check what a run made."""

import argparse
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from importlib.metadata import version

from edsym.errors import EdsymError, InputError, InputWarning


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
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def command(name: str, run, help: str, example: str) -> argparse.ArgumentParser:
        one = commands.add_parser(
            name,
            help=help,
            description=help,
            epilog=f"example: edsym {name} {example}",
            formatter_class=argparse.ArgumentDefaultsHelpFormatter,
        )
        one.set_defaults(run=run)
        return one

    one = command(
        "simulate",
        _simulate,
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

    one = command(
        "spots",
        _spots,
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
    one.add_argument("--center", type=float, nargs=2, metavar=("X", "Y"), help="of the direct beam in pixels")
    one.add_argument(
        "--ellipse",
        nargs="+",
        metavar="RATIO ANGLE | RINGS",
        help="what circles are on the detector: long over short axis, and the angle of the long one from x "
        "towards y in degrees; or a file with images of rings that tell it",
    )
    one.add_argument("--false-spots", type=float, default=0.05, help="false spots of a pattern on average")
    one.add_argument("--spacing", type=float, help="least distance of two spots in pixels")
    one.add_argument("--csv", metavar="CSV", help="write the spots of valid patterns to this CSV file, too")

    one = command(
        "predict",
        _predict,
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

    one = command(
        "classify",
        _classify,
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

    one = command(
        "cell",
        _cell,
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

    one = command(
        "orient",
        _orient,
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

    one = command(
        "classify-powder",
        _classify_powder,
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

    one = command(
        "trace", _trace, "print what a file of a run was made from", "results/tables/table3.csv --parameters"
    )
    one.add_argument("file", help="a table, a figure or any file of a run")
    one.add_argument("--parameters", action="store_true", help="show the parameters of every rule as well")

    one = command("verify", _verify, "recompute all checksums of a run and say what differs", "results")
    one.add_argument("results", help="folder of the run")
    return parser


def _scan_places(one: argparse.ArgumentParser) -> None:
    """Let a command take the pixel, see `_pixel`, and the shape of a scan."""
    one.add_argument("--pixel", type=float, nargs="+", metavar="Q", help="1/Å of a pixel, or along y and x")
    one.add_argument("--shape", type=int, nargs=2, metavar=("ROWS", "COLUMNS"), help="of the scan")


def _spot_files(one: argparse.ArgumentParser) -> None:
    """Let a command take files of spots, which `_read_spot_files` reads."""
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


def _simulate(options: argparse.Namespace) -> int:
    import edsym

    with _compiling_told("the simulation"):
        patterns = edsym.simulate(
            edsym.Structure.from_cif(options.cif),
            options.n,
            options.orientations,
            options.seed,
            options.detector,
            thickness_angstrom=options.thickness,
            energy_kev=options.energy,
        )
        spots = edsym.find_spots(patterns)
    if options.out:
        patterns.write(options.out)
    if options.spots:
        spots.to_csv(options.spots)
    if options.plot:
        from edsym.interface.plot import save_patterns

        save_patterns(spots, options.plot)
    written = ", ".join(filter(None, [options.out, options.spots, options.plot])) or "nothing: see --help"
    print(f"{len(patterns)} patterns, {len(spots.qx)} spots; written: {written}")
    return 0


def _spots(options: argparse.Namespace) -> int:
    import edsym
    from edsym.interface.finding_report import ellipse_of, image_of, report

    scan = edsym.read_scan(
        options.scan,
        pixel=_pixel(options),
        shape=options.shape,
        dataset=options.dataset,
        energy_kev=options.energy,
    )
    with _compiling_told("the spot finder"):
        found = edsym.find_spots(
            scan,
            probe=image_of(options.probe, "probe"),
            mask=None if options.mask is None else image_of(options.mask, "mask") != 0,
            center=options.center,
            ellipse=ellipse_of(options.ellipse),
            false_spots=options.false_spots,
            spacing=options.spacing,
            progress=True,
            parts=f"{options.out}.parts",
        )
    found.write(options.out)
    print(report(found, scan.note), end="")
    if options.csv:
        edsym.read_spots(options.out).to_csv(options.csv)
    return 0


def _pixel(options: argparse.Namespace) -> float | list[float] | None:
    """Return a pixel that is given: one number, or two."""
    if options.pixel and len(options.pixel) > 2:
        raise InputError(f"--pixel has {len(options.pixel)} numbers, expected one, or two along y and x")
    return options.pixel[0] if options.pixel and len(options.pixel) == 1 else options.pixel


@contextmanager
def _compiling_told(what: str) -> Iterator[None]:
    """Say so where functions are compiled, which takes longer than what they compute."""
    from numba.core import event

    class Teller(event.Listener):
        told = False

        def on_start(self, _):
            if not self.told:
                text = f"edsym: compiling {what}, about half a minute; the next one finds it compiled"
                print(text, file=sys.stderr)
            self.told = True

        def on_end(self, _):
            pass

    with event.install_listener("numba:compile", Teller()):
        yield


def _predict(options: argparse.Namespace) -> int:
    import edsym

    try:
        normalisation = float(options.normalisation)
    except (TypeError, ValueError):
        normalisation = options.normalisation
    spots = edsym.read_spots(options.spots, **_places(options), normalisation=normalisation)
    found = edsym.load_model(options.model).predict(spots, energy_kev=options.energy)
    if options.powder:
        found = found.with_powder(
            edsym.classify_powder(edsym.read_powder(options.powder, options.wavelength))
        )
    elif options.wavelength:
        raise InputError("--wavelength is of a powder pattern: --powder names none")
    answers = found.top(options.top)
    if options.csv:
        _write_table(answers, options.csv)
    print(answers.to_string(index=False, na_rep="", float_format="{:.3f}".format))
    return 0


def _classify(options: argparse.Namespace) -> int:
    from edsym.interface.classify_files import classify_file, summary

    with _compiling_told("the finders of spots and lattices"):
        found = classify_file(
            options.scan,
            options.out,
            model=options.model,
            energy_kev=options.energy,
            pixel=_pixel(options),
            shape=options.shape,
            min_intensity=options.min_intensity,
            phases=options.phases,
            thickness=options.thickness,
            min_score=options.min_score,
            threads=options.jobs,
        )
    print(summary(found), end="")
    return 0


def _write_table(table, path: str) -> None:
    from edsym.files import atomic_path

    with atomic_path(path) as temporary:
        table.to_csv(temporary, index=False)


def _places(options: argparse.Namespace) -> dict:
    """Return what tells the places of spots."""
    return {"unit": options.unit, "scale": options.scale, "center": options.center}


def _read_spot_files(options: argparse.Namespace):
    """Return the spots of all files as a table; a file's name is a part of those of its patterns."""
    import pandas as pd

    import edsym

    if options.every < 1:
        raise InputError(f"every is {options.every}, expected 1 at least")
    frames = []
    for path in options.spots:  # intensities are compared within a pattern alone
        spots = edsym.read_spots(path, **_places(options), normalisation="sum")[:: options.every]
        frames.append(spots.to_frame())
        if len(options.spots) > 1:
            frames[-1]["pattern"] = f"{path}:" + frames[-1]["pattern"].astype(str)
    return pd.concat(frames, ignore_index=True)


def _cell(options: argparse.Namespace) -> int:
    import pandas as pd

    import edsym
    from edsym.interface.cell_report import report

    frame = _read_spot_files(options)
    spots = edsym.Spots.from_frame(frame, normalisation="sum")
    with _compiling_told("the lattice finder"):
        if options.crystals == 1:
            cells = [edsym.find_cell(spots, options.energy, position_error=options.error)]
        else:
            cells = edsym.find_crystals(
                spots, options.energy, most=options.crystals, position_error=options.error
            )
    names = pd.unique(frame["pattern"])
    for number, cell in enumerate(cells, start=1):
        if options.crystals > 1:
            print(f"Crystal {number} of {len(cells)}, in {len(cell.spots.qx)} of {len(frame)} spots")
        print(report(cell, names), end="")
    if options.crystals == 1:
        table, shown = cells[0].spots.to_frame().assign(pattern=frame["pattern"]), cells[0].spots
    else:
        parts = [cell.spots.to_frame().assign(crystal=number) for number, cell in enumerate(cells, start=1)]
        table = pd.concat(parts, ignore_index=True)
        shown = edsym.Spots.from_frame(table.assign(pattern=table.crystal), normalisation="sum")
    if options.csv:
        _write_table(table, options.csv)
    if options.plot:
        from edsym.interface.plot import save_patterns

        save_patterns(shown, options.plot)
    return 0


def _orient(options: argparse.Namespace) -> int:
    import edsym
    from edsym.interface.orientation_result import summary

    if options.map:
        from edsym.interface.orientation_map import save_map, scan_shape

        if len(options.spots) > 1:
            raise InputError(f"a map takes one file of spots, not {len(options.spots)}")
        shape = scan_shape(options.spots[0])
    frame = _read_spot_files(options)
    with _compiling_told("the search for orientations"):
        found = edsym.match_orientations(
            edsym.Spots.from_frame(frame, normalisation="sum"),
            options.cif,
            options.energy,
            options.thickness,
            matches=options.matches,
            min_score=options.min_score,
            step=options.step,
            position_error=options.error,
            jobs=options.jobs,
            progress=True,
        )
    found = replace(found, pattern=frame["pattern"].unique())
    if options.out:
        found.to_csv(options.out)
    if options.map:
        save_map(found, shape, options.map)
    print(summary(found).to_string(index=False, na_rep="", float_format="{:.3f}".format))
    return 0


def _classify_powder(options: argparse.Namespace) -> int:
    import edsym

    pattern = edsym.read_powder(options.pattern, options.wavelength)
    answers = edsym.classify_powder(pattern, options.model, options.prior).top(options.top)
    if options.csv:
        _write_table(answers, options.csv)
    print(answers.to_string(index=False, float_format="{:.3f}".format))
    return 0


def _trace(options: argparse.Namespace) -> int:
    from edsym.provenance.trace import trace

    print(trace(options.file, options.parameters), end="")
    return 0


def _verify(options: argparse.Namespace) -> int:
    from edsym.provenance.verify import verify

    checked, problems = verify(options.results)
    for problem in problems:
        print(problem)
    print(f"{checked} files checked, {len(problems)} problems")
    return int(bool(problems))


if __name__ == "__main__":
    sys.exit(main())
