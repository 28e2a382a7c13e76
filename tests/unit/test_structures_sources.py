"""Structures from files and from the shipped prototypes: all of them come, or are listed with a reason."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pymatgen.core import Lattice, Structure

from edsym.errors import InputError
from edsym.structures.settings import StructuresSettings
from edsym.structures.sources import collect_structures, source_files
from edsym.structures.table import read_materials, read_metadata

ROCK_SALT = Structure.from_spacegroup("Fm-3m", Lattice.cubic(5.64), ["Na", "Cl"], [[0, 0, 0], [0.5, 0, 0]])
QUARTZ_LIKE = Structure.from_spacegroup("P3_121", Lattice.hexagonal(4.9, 5.4), ["Si"], [[0.47, 0, 1 / 3]])


def collect(folder, source, path=None, limit=None, seed=0):
    settings = StructuresSettings(source=source, path=path and str(path), limit=limit, seed=seed)
    collect_structures(settings, folder / "materials.parquet", folder / "unreadable.csv", folder / "cache")
    return read_materials(folder / "materials.parquet"), reasons(folder)


def reasons(folder) -> dict[str, str]:
    frame = pd.read_csv(folder / "unreadable.csv")
    assert frame.columns.to_list() == ["material_id", "formula", "reason"]
    return dict(zip(frame.material_id, frame.reason, strict=True))


@pytest.fixture(scope="module")
def prototypes(tmp_path_factory):
    folder = tmp_path_factory.mktemp("prototypes")
    frame, rejected = collect(folder, "prototypes")
    return folder / "materials.parquet", frame, rejected


def test_prototypes_all_come_with_the_group_of_their_label(prototypes):
    path, frame, rejected = prototypes
    assert len(frame) == 288 and not rejected
    labelled = frame.material_id.str.extract(r"_[a-z][A-Z]\d+_(\d+)_")[0].astype(int)
    # Within 0.1 Å a few of them are more symmetric than their label says.
    assert (frame.spacegroup_number >= labelled).all()
    assert (frame.spacegroup_number == labelled).mean() > 0.95
    diamond = frame[frame.material_id == "aflow-A_cF8_227_a"].iloc[0]
    assert (diamond.formula, diamond.nsites, diamond.crystal_system) == ("C2", 2, "cubic")
    assert read_metadata(path)["version"].startswith("pymatgen 20")


def test_limit_is_a_seeded_subset_whatever_the_order(prototypes, tmp_path):
    path, frame, _ = prototypes
    draws = {seed: set(collect(tmp_path, "snapshot", path, 30, seed)[0].material_id) for seed in (0, 1)}
    assert len(draws[0]) == len(draws[1]) == 30
    assert draws[0] != draws[1]
    shuffled = pq.read_table(path).take(np.random.default_rng(0).permutation(len(frame)))
    pq.write_table(shuffled, tmp_path / "shuffled.parquet")
    again = collect(tmp_path, "snapshot", tmp_path / "shuffled.parquet", 30)[0]
    assert set(again.material_id) == draws[0]
    more = collect(tmp_path, "snapshot", path, 40)[0]
    assert draws[0] < set(more.material_id)


def test_own_table_as_snapshot_gives_itself(prototypes, tmp_path):
    path, frame, _ = prototypes
    again, rejected = collect(tmp_path, "snapshot", path)
    assert not rejected
    pd.testing.assert_frame_equal(again, frame)
    assert read_metadata(tmp_path / "materials.parquet")["origin"] == read_metadata(path)


def test_snapshot_lists_malformed_rows_and_keeps_the_others(prototypes, tmp_path, caplog):
    frame = prototypes[1].head(12).copy()
    ids = frame.material_id.to_list()
    for column in ("volume", "lattice", "numbers", "frac_coords"):
        frame[column] = frame[column].astype(object)
    frame.at[0, "frac_coords"] = np.full(3 * frame.nsites[0], np.nan, dtype=np.float32)
    frame.at[1, "volume"] = -5.0
    frame.at[2, "lattice"] = np.ones(9)
    frame.at[3, "numbers"] = frame.numbers[3][:-1]
    frame.at[4, "numbers"] = np.zeros(frame.nsites[4], dtype=np.uint8)
    frame.at[5, "frac_coords"] = np.zeros(3 * frame.nsites[5], dtype=np.float32)  # all atoms in one place
    frame.loc[6, ["spacegroup_number", "crystal_system"]] = (1, "triclinic")
    pq.write_table(pa.Table.from_pandas(frame), tmp_path / "table.parquet")

    read, rejected = collect(tmp_path, "snapshot", tmp_path / "table.parquet")
    assert read.material_id.to_list() == sorted(ids[6:])
    assert read_metadata(tmp_path / "materials.parquet")["relabelled"] == 1
    assert list(rejected) == sorted(ids[:6])
    words = ("not finite", "volume is -5 Å³", "flat", "expected", "expected 1 to 118", "are 0 Å apart")
    assert all(word in rejected[i] for i, word in zip(ids, words, strict=False))
    assert (
        f"1 of 6 materials have another space group than their table states, the first: {ids[6]}"
        in caplog.text
    )


def test_snapshot_lists_ids_that_are_none(prototypes, tmp_path):
    frame = prototypes[1].head(6).copy()
    good = frame.material_id[5]
    frame["material_id"] = ["twice", "twice", None, "", "a\0b\nc", good]
    pq.write_table(pa.Table.from_pandas(frame), tmp_path / "table.parquet")
    read, _ = collect(tmp_path, "snapshot", tmp_path / "table.parquet")
    assert read.material_id.to_list() == [good]
    listed = pd.read_csv(tmp_path / "unreadable.csv", keep_default_na=False)
    assert list(zip(listed.material_id, listed.reason, strict=True)) == [
        ("", "material_id is empty"),
        ("", "material_id is empty"),
        (r"a\x00b\nc", "material_id holds control characters"),
        ("twice", "material_id is that of another row too"),
        ("twice", "material_id is that of another row too"),
    ]


def test_snapshot_without_a_usable_row_counts_the_reasons(prototypes, tmp_path):
    frame = prototypes[1].head(3).assign(volume=-1.0)
    pq.write_table(pa.Table.from_pandas(frame), tmp_path / "table.parquet")
    with pytest.raises(InputError, match=r"nothing usable: 3 × such as aflow-\S+: volume is -1 Å³"):
        collect(tmp_path, "snapshot", tmp_path / "table.parquet")
    assert len(reasons(tmp_path)) == 3


def test_malformed_snapshot_is_an_error(prototypes, tmp_path):
    table = pq.read_table(prototypes[0])
    pq.write_table(table.drop_columns(["numbers"]), tmp_path / "a.parquet")
    pq.write_table(table.slice(0, 0), tmp_path / "b.parquet")
    for path, message in [
        (tmp_path / "a.parquet", "no column numbers"),
        (tmp_path / "b.parquet", "no rows"),
        (tmp_path / "c.parquet", "no such file"),
        (None, r"structures.path: None is not allowed"),
    ]:
        with pytest.raises(InputError, match=message):
            collect(tmp_path, "snapshot", path)


@pytest.fixture
def cif_folder(tmp_path):
    folder = tmp_path / "cifs"
    folder.mkdir()
    ROCK_SALT.to(str(folder / "salt.cif"))
    QUARTZ_LIKE.to(str(folder / "quartz.CIF"), fmt="cif")
    alloy = Structure(Lattice.cubic(3), [{"Cu": 0.5, "Au": 0.5}, "Cu"], [[0, 0, 0], [0.5, 0.5, 0.5]])
    alloy.to(str(folder / "alloy.cif"))
    (folder / "empty.cif").write_text("")
    (folder / "cut.cif").write_text((folder / "salt.cif").read_text()[:300])
    (folder / "noise.cif").write_bytes(bytes(range(256)) * 20)
    heavy_water_ice = (folder / "salt.cif").read_text().replace("Na", "D").replace("Cl", "O")
    (folder / "deuterium.cif").write_text(heavy_water_ice)
    dummy = (folder / "salt.cif").read_text().replace("Na", "X")
    (folder / "dummy.cif").write_text(dummy)
    second = (folder / "quartz.CIF").read_text().replace("data_", "data_2")
    (folder / "two.cif").write_text((folder / "salt.cif").read_text() + "\n" + second)
    (folder / "readme.txt").write_text("not a CIF file")
    return folder


def test_cif_folder(cif_folder, tmp_path, capfd):
    frame, rejected = collect(tmp_path, "cif", cif_folder)
    frame = frame.set_index("material_id")
    assert frame.spacegroup_number.to_dict() == {
        "deuterium": 225,
        "quartz": 152,
        "salt": 225,
        "two": 225,
        "two#2": 152,
    }
    # Reduced to the primitive cell, as the Materials Project lists it.
    assert (frame.nsites["salt"], frame.formula["salt"]) == (2, "Na1 Cl1")
    np.testing.assert_allclose(frame.volume["salt"], 5.64**3 / 4, rtol=1e-6)
    assert sorted(frame.numbers["deuterium"]) == [1, 8]
    assert set(rejected) == {"alloy", "empty", "cut", "noise", "dummy"}
    assert rejected["alloy"].startswith("disordered: 1 of 2 sites")
    assert "the file is empty" in rejected["empty"]
    assert "no table of atoms: _atom_site_label" in rejected["cut"] and "NUL" in rejected["noise"]
    assert "X" in rejected["dummy"]
    assert "Warning" not in capfd.readouterr().err


def test_summary_counts_each_kind_of_reason(cif_folder, tmp_path, caplog):
    for i, wrong in enumerate(["?", "x", ".", "?"]):
        text = (cif_folder / "salt.cif").read_text().replace(" 0.00000000", f" {wrong}")
        (cif_folder / f"wrong{i}.cif").write_text(text)
    collect(tmp_path, "cif", cif_folder)
    assert (
        "9 structures cannot be used: 4 × such as wrong0: unreadable: _atom_site_fract_x of " in caplog.text
    )
    assert "1 × such as empty: unreadable: the file is empty; " in caplog.text
    assert "; 1 for 1 other reasons" in caplog.text


def test_cif_folder_missing_or_without_a_file(tmp_path):
    (tmp_path / "cifs").mkdir()
    (tmp_path / "readme.txt").write_text("not a CIF file")
    for path, message in [
        (tmp_path / "cifs", r"has no file \*.cif; it holds 0 others"),
        (tmp_path, r"has no file \*.cif; it holds 2 others"),
        (tmp_path / "no", "is not a folder"),
    ]:
        with pytest.raises(InputError, match=message):
            collect(tmp_path, "cif", path)


def test_source_files_are_what_the_source_reads(cif_folder, tmp_path):
    def names(source, path):
        return [file.name for file in source_files(StructuresSettings(source=source, path=path))]

    listed = names("cif", str(cif_folder))
    assert listed == sorted(listed) and len(listed) == 9
    assert {"quartz.CIF", "noise.cif"} <= set(listed) and "readme.txt" not in listed
    assert names("snapshot", str(cif_folder / "salt.cif")) == ["salt.cif"]
    assert names("prototypes", None) == names("materials_project", None) == []
    for source, path, message in [
        ("cif", None, "structures.path: None is not allowed"),
        ("snapshot", str(tmp_path / "no"), "no such file"),
    ]:
        with pytest.raises(InputError, match=message):
            names(source, path)


def test_unknown_source(tmp_path):
    with pytest.raises(
        InputError, match=r"structures.source: 'icsd' is not allowed; it must be one of materials_project"
    ):
        collect(tmp_path, "icsd")
