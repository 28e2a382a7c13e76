"""What the commands of ``edsym`` do with their options; each returns its exit status.

What a command needs is imported when it runs: ``edsym --help`` is there at once.
"""

import argparse
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from edsym.errors import InputError


def simulate(options: argparse.Namespace) -> int:
    """Simulate patterns of a crystal, and write beams, spots and a picture."""
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


def spots(options: argparse.Namespace) -> int:
    """Find the spots in the images of a scan, and write them."""
    import edsym
    from edsym.interface.finding_report import center_of, ellipse_of, image_of, report

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
            center=center_of(options.center),
            ellipse=ellipse_of(options.ellipse),
            false_spots=options.false_spots,
            spacing=options.spacing,
            correlation=options.correlation,
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


def predict(options: argparse.Namespace) -> int:
    """Tell the symmetry of a crystal from its spots."""
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


def classify(options: argparse.Namespace) -> int:
    """Make the map of a scan."""
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


def cell(options: argparse.Namespace) -> int:
    """Find the unit cell of spots."""
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


def orient(options: argparse.Namespace) -> int:
    """Find phases and orientations of patterns among candidates."""
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


def classify_powder(options: argparse.Namespace) -> int:
    """Tell the extinction group of a powder pattern."""
    import edsym

    pattern = edsym.read_powder(options.pattern, options.wavelength)
    answer = edsym.classify_powder(pattern, options.model, options.prior)
    answers, cell = answer.top(options.top), answer.cell
    if options.csv:
        _write_table(answers, options.csv)
    print(answers.to_string(index=False, float_format="{:.3f}".format))
    if cell is None:
        print("cell: none explains all of the first lines")
    else:
        numbers = " ".join([*(f"{x:.4f}" for x in cell.lengths), *(f"{x:.2f}" for x in cell.angles)])
        print(f"cell: {cell.system}, {numbers}, by {cell.lines} lines (figure of merit {cell.merit:.0f})")
    return 0


def trace(options: argparse.Namespace) -> int:
    """Print what a file was made from."""
    from edsym.provenance.trace import trace

    print(trace(options.file, options.parameters), end="")
    return 0


def verify(options: argparse.Namespace) -> int:
    """Recompute the checksums of a run."""
    from edsym.provenance.verify import verify

    checked, problems = verify(options.results)
    for problem in problems:
        print(problem)
    print(f"{checked} files checked, {len(problems)} problems")
    return int(bool(problems))
