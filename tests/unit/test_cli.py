"""The command for users: simulate and predict."""

import h5py
import pandas as pd
import pytest
from numba import njit
from pymatgen.core import Lattice
from pymatgen.core import Structure as Pymatgen

from edsym.cli import main
from edsym.errors import InputError


@pytest.fixture(scope="module")
def salt(tmp_path_factory):
    path = tmp_path_factory.mktemp("salt") / "salt.cif"
    Pymatgen.from_spacegroup("Fm-3m", Lattice.cubic(5.64), ["Na", "Cl"], [[0, 0, 0], [0.5] * 3]).to(
        filename=path
    )
    return path


def test_from_a_cif_file_to_an_answer(salt, tmp_path, capsys):
    names = {
        name: str(tmp_path / name) for name in ("patterns.h5", "spots.csv", "patterns.png", "answers.csv")
    }
    arguments = ["--n", "6", "--orientations", "grid", "--thickness", "150", "--energy", "200"]
    outputs = ["--out", names["patterns.h5"], "--spots", names["spots.csv"], "--plot", names["patterns.png"]]
    assert main(["simulate", str(salt), *arguments, *outputs]) == 0
    assert capsys.readouterr().out.startswith("6 patterns, ")
    with h5py.File(names["patterns.h5"]) as file:
        assert len(file["patterns/view"]) == 6
        for text in ('"thickness_angstrom":150.0', '"energy_kev":200.0', '"orientations":"grid"'):
            assert text in str(file.attrs["settings"])
    spots = pd.read_csv(names["spots.csv"])
    assert spots.pattern.nunique() == 6
    assert (tmp_path / "patterns.png").read_bytes().startswith(b"\x89PNG")
    model = ["--model", "spectra-grid", "--top", "2", "--csv", names["answers.csv"]]
    assert main(["predict", names["spots.csv"], *model]) == 0
    answers = pd.read_csv(names["answers.csv"])
    assert len(answers) == 2 * 7
    printed = capsys.readouterr().out.splitlines()
    assert len(printed) == 15
    assert printed[-2].split()[:4] == ["all", "1", answers.crystal_system[12], f"{answers.p_system[12]:.3f}"]

    seen = str(tmp_path / "seen.csv")
    assert main(["simulate", str(salt), *arguments, "--detector", "typical", "--spots", seen]) == 0
    assert len(pd.read_csv(seen)) < len(spots)
    capsys.readouterr()

    spots[["qx", "qy"]] /= 0.02
    spots["intensity"] *= 1e5
    spots.to_csv(tmp_path / "counts.csv", index=False)
    units = ["--unit", "px", "--scale", "0.02", "--normalisation", "1e5"]
    assert main(["predict", str(tmp_path / "counts.csv"), *model[:4], *units]) == 0
    assert capsys.readouterr().out.splitlines() == printed


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["simulate", "none.cif"], "none.cif: no such file"),
        (["simulate", "{salt}", "--orientations", "gird"], "'gird'"),
        (["simulate", "{salt}", "--detector", "best"], "no detector 'best'"),
        (["simulate", "{salt}", "--n", "0"], "edsym: n: 0"),
        (["simulate", "{salt}", "--thickness", "nan"], "thickness_angstrom"),
        (["simulate", "{salt}", "--n", "1", "--plot", "{tmp}/a.docx"], "a.docx"),
        (["simulate", "{salt}", "--n", "1", "--plot", "{tmp}/a"], "tmp/a: "),
        (["simulate", "{salt}", "--n", "1", "--spots", "/proc/no/spots.csv"], "/proc/no"),
        (["predict", "{tmp}/none.csv"], "none.csv"),
        (["cell", "{tmp}/far.csv", "--every", "0"], "every is 0"),
        (["predict", "{tmp}/far.csv"], "unit='1/nm'"),
        (["predict", "{tmp}/far.csv", "--unit", "nm"], "unit is 'nm'"),
        (["predict", "{tmp}/far.csv", "--unit", "1/nm", "--model", "none"], "there is no model 'none'"),
        (["predict", "{tmp}/far.csv", "--unit", "1/nm", "--normalisation", "x"], "normalisation is 'x'"),
        (["predict", "{tmp}/far.csv", "--unit", "1/nm", "--top", "0"], "n is 0"),
    ],
)
def test_wrong_input_is_one_line_and_exit_2(arguments, message, salt, tmp_path, capsys):
    folder = tmp_path / "tmp"
    folder.mkdir()
    (folder / "far.csv").write_text("qx,qy,intensity\n12,0,0.1\n0,12,0.1\n")
    assert main([part.format(salt=salt, tmp=folder) for part in arguments]) == 2
    captured = capsys.readouterr()
    lines = [line for line in captured.err.splitlines() if "unlike those of the training" not in line]
    assert len(lines) == 1 and lines[0].startswith("edsym: ") and message in lines[0], captured.err
    assert not captured.out and not list(folder.glob(".*"))


def test_the_first_simulation_tells_once_that_it_compiles(salt, monkeypatch, capsys):
    def simulate(*_, **__):
        njit(lambda: 1)()
        njit(lambda: 2)()
        raise InputError("stop")

    monkeypatch.setattr("edsym.simulate", simulate, raising=False)
    assert main(["simulate", str(salt)]) == 2
    first, second = capsys.readouterr().err.splitlines()
    assert first.startswith("edsym: compiling") and second == "edsym: stop"


@pytest.mark.parametrize("command", ["simulate", "predict", "orient", "trace", "verify"])
def test_help_shows_an_example(command, capsys):
    with pytest.raises(SystemExit) as end:
        main([command, "--help"])
    assert end.value.code == 0
    assert f"example: edsym {command} " in capsys.readouterr().out
