"""Simulating shards: the same patterns however they are divided, and failures listed."""

import h5py
import numpy as np
import pandas as pd
import pytest

from edsym.errors import InputError
from edsym.simulation.engines.choice import make_engine
from edsym.simulation.run.shard import in_shard, simulate_shard
from edsym.simulation.run.store import open_patterns
from edsym.simulation.settings import SimulationSettings
from edsym.structures.standard import standardize
from edsym.structures.table import write_materials

SETTINGS = SimulationSettings(
    scattering_factors="lobato",
    absorption="none",
    zone_axes=4,
    orientations="random",
    in_plane="random",
    seed=1,
    shards=1,
)


def row(material_id, number, system, lattice, numbers, frac_coords):
    return {
        "material_id": material_id,
        "formula": material_id,
        "spacegroup_number": number,
        "crystal_system": system,
        "volume": abs(np.linalg.det(lattice)),
        "nsites": len(numbers),
        "lattice": np.ravel(lattice),
        "numbers": np.array(numbers),
        "frac_coords": np.ravel(frac_coords),
    }


def fcc(a):
    return a / 2 * np.array([[0, 1, 1], [1, 0, 1], [1, 1, 0.0]])


ROCKSALT = [[0, 0, 0], [0.5, 0.5, 0.5]]
ZINCBLENDE = [[0, 0, 0], [0.25, 0.25, 0.25]]
MATERIALS = pd.DataFrame(
    [
        row("aluminium", 225, "cubic", fcc(4.05), [13], [[0, 0, 0]]),
        row("gallium arsenide", 216, "cubic", fcc(5.653), [31, 33], ZINCBLENDE),
        row("halite", 225, "cubic", fcc(5.64), [11, 17], ROCKSALT),
        row("kurchatovium oxide", 225, "cubic", fcc(4.9), [104, 8], ROCKSALT),
        row("magnesium", 194, "hexagonal", [[3.21, 0, 0], [-1.605, 2.7799, 0], [0, 0, 5.21]], [12, 12],
            [[1 / 3, 2 / 3, 0.25], [2 / 3, 1 / 3, 0.75]]),
        row("rutile", 136, "tetragonal", np.diag([4.594, 4.594, 2.959]), [22, 22, 8, 8, 8, 8],
            [[0, 0, 0], [0.5, 0.5, 0.5], [0.305, 0.305, 0], [0.695, 0.695, 0], [0.195, 0.805, 0.5],
             [0.805, 0.195, 0.5]]),
        row("silicon", 227, "cubic", fcc(5.431), [14, 14], ZINCBLENDE),
    ]
)  # fmt: skip


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    path = tmp_path_factory.mktemp("structures") / "materials.parquet"
    write_materials(MATERIALS, path, {"source": "test"})
    return path


def read_patterns(path):
    """Return orientation and beams (hkl, q, intensity) of every material and view in a store."""
    with open_patterns(path) as store:
        beams = [store.beams(slice(p, p + 1)) for p in range(len(store))]
        keys = zip(store.material_id[store.material], store.view, strict=True)
        return dict(zip(keys, zip(store.orientation, beams, strict=True), strict=True))


def read_failures(path):
    with open_patterns(path) as store:
        return store.failed


def simulate(table, folder, shards, **changes):
    """Simulate all shards; return the patterns by material and view, and the failures."""
    settings = SETTINGS.replace(shards=shards, **changes)
    patterns, failures = {}, []
    for shard in range(shards):
        path = folder / f"{shard}-of-{shards}.h5"
        simulate_shard(table, path, shard, settings)
        failures += read_failures(path)
        patterns |= read_patterns(path)
    return patterns, failures


def test_patterns_do_not_depend_on_the_shards(table, tmp_path):
    whole, failures = simulate(table, tmp_path, 1)
    divided, failures_too = simulate(table, tmp_path, 3)
    assert len(whole) == 4 * 6
    assert whole.keys() == divided.keys()
    assert failures == failures_too
    for key, (matrix, pattern) in whole.items():
        np.testing.assert_array_equal(matrix, divided[key][0])
        for whole_part, divided_part in zip(pattern, divided[key][1], strict=True):
            np.testing.assert_array_equal(whole_part, divided_part)


def test_failed_materials_are_listed_and_the_others_go_on(table, tmp_path):
    patterns, failures = simulate(table, tmp_path, 1, max_memory=0.75)
    reasons = dict(failures)
    assert "atomic number 104" in reasons["kurchatovium oxide"]
    assert "allowed (simulation.max_memory)" in reasons["rutile"]
    assert ("aluminium", 3) in patterns
    assert {name for name, _ in patterns} | reasons.keys() == set(MATERIALS["material_id"])


def test_unexpected_errors_of_a_material_are_listed(table, tmp_path, monkeypatch, caplog):
    def broken(*_):
        raise np.linalg.LinAlgError("Singular matrix")

    monkeypatch.setattr("edsym.simulation.engines.krylov.engine.find_candidates", broken)
    patterns, failures = simulate(table, tmp_path, 1)
    assert not patterns
    assert dict(failures)["silicon"] == "unexpected LinAlgError: Singular matrix"
    assert "Traceback" in caplog.text


def test_empty_shards_are_valid(table, tmp_path):
    counts = []
    for shard in range(40):
        path = tmp_path / f"{shard}.h5"
        simulate_shard(table, path, shard, SETTINGS.replace(shards=40, zone_axes=1))
        counts.append(len(read_patterns(path)) + len(read_failures(path)))
        assert counts[-1] == sum(in_shard(name, shard, 40) for name in MATERIALS["material_id"])
    assert sum(counts) == len(MATERIALS)
    assert 0 in counts


def test_only_the_named_materials(table, tmp_path):
    simulate_shard(table, tmp_path / "some.h5", 0, SETTINGS, material_ids={"silicon", "halite", "elsewhere"})
    assert {name for name, _ in read_patterns(tmp_path / "some.h5")} == {"halite", "silicon"}


def test_store_is_readable_with_h5py_alone(table, tmp_path):
    path = tmp_path / "patterns.h5"
    simulate_shard(table, path, 0, SETTINGS)
    with h5py.File(path) as file:
        ids, offset = file["materials/id"].asstr()[:], file["patterns/offset"][:]
        assert sorted(ids) == list(ids)
        assert len(offset) == len(file["patterns/material"]) + 1 == 4 * len(ids) + 1
        assert offset[-1] == len(file["beams/hkl"]) == len(file["beams/intensity"])
        np.testing.assert_array_equal(file["patterns/orientation"][:, 2], file["patterns/zone_axis"][:])
        for p in range(len(offset) - 1):
            beams = slice(*offset[p : p + 2])
            direct = np.flatnonzero(~file["beams/hkl"][beams].any(axis=1))
            assert len(direct) == 1
            assert file["beams/intensity"][beams].sum() == pytest.approx(1, abs=1e-4)


def test_positions_in_the_store_are_those_of_the_engine(table, tmp_path):
    path = tmp_path / "patterns.h5"
    simulate_shard(table, path, 0, SETTINGS)
    stored = read_patterns(path)
    for row in MATERIALS.itertuples():
        mine = [found for (name, _), found in stored.items() if name == row.material_id]
        if not mine:
            continue
        matrices, patterns = zip(*mine, strict=True)
        structure = standardize(row.lattice.reshape(3, 3), row.numbers, row.frac_coords.reshape(-1, 3))
        simulated = make_engine(SETTINGS).patterns(structure, np.array(matrices))
        for (hkl, q, intensity), expected in zip(patterns, simulated, strict=True):
            np.testing.assert_array_equal(hkl, expected.hkl)
            np.testing.assert_array_equal(q, expected.q)
            # The table holds coordinates in single precision.
            np.testing.assert_allclose(intensity, expected.intensity, atol=1e-6)
            lengths = np.linalg.norm(hkl @ np.linalg.inv(structure.lattice).T, axis=1)
            assert lengths.max() <= SETTINGS.g_max * (1 + 1e-6)


def test_store_that_cannot_be_read_is_named(tmp_path):
    broken, foreign = tmp_path / "broken.h5", tmp_path / "foreign.h5"
    broken.write_bytes(b"no HDF5")
    with h5py.File(foreign, "w") as file:
        file.attrs["format"] = "something else"
    for path, message in ((broken, "cannot be read as HDF5"), (foreign, "it says something else"),
                          (tmp_path / "absent.h5", "cannot be read")):  # fmt: skip
        with pytest.raises(InputError, match=f"{path.name} .*{message}"):
            read_patterns(path)


def test_nothing_is_left_of_a_run_that_fails(table, tmp_path, monkeypatch):
    def killed(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("edsym.simulation.run.shard.standardize", killed)
    with pytest.raises(KeyboardInterrupt):
        simulate_shard(table, tmp_path / "patterns.h5", 0, SETTINGS)
    assert not list(tmp_path.iterdir())


def test_wrong_choices_are_named():
    with pytest.raises(InputError, match=r"simulation.engine: 'multislice'.*krylov, torch, abtem"):
        SETTINGS.replace(engine="multislice")
