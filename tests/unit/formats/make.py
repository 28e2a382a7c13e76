"""Write the files of this folder by libraries of others, which `tests/unit/test_experiment_read.py` reads.

pip install rosettasciio scikit-image emdfile tifffile
python tests/unit/formats/make.py
"""

from importlib import import_module
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent
CUBE = np.random.default_rng(0).poisson(3.0, (3, 4, 16, 20)).astype(np.uint16)


def signal(cube: np.ndarray, unit: str) -> dict:
    """Return what the writers of RosettaSciIO take."""
    axes = [
        {
            "_type": "UniformDataAxis",
            "name": name,
            "units": "nm" if k < 2 else unit,
            "scale": 0.5,
            "offset": 0.0,
            "size": size,
            "navigate": k < 2,
            "index_in_array": k,
            "is_binned": False,
        }
        for k, (name, size) in enumerate(zip(("y", "x", "dy", "dx"), cube.shape, strict=True))
    ]
    metadata = {"General": {"title": "scan"}, "Signal": {"signal_type": ""}}
    made = {"data": cube, "axes": axes, "metadata": metadata}
    made |= {key: {} for key in ("original_metadata", "learning_results", "models", "tmp_parameters")}
    return made | {"package_info": {}, "attributes": {"_lazy": False, "ragged": False}}


def main() -> None:
    """Write all of them."""
    import emdfile
    import tifffile

    for name, module in (("rosetta.emd", "emd"), ("rosetta.nxs", "nexus"), ("rosetta.hspy", "hspy")):
        (HERE / name).unlink(missing_ok=True)
        import_module(f"rsciio.{module}").file_writer(HERE / name, signal(CUBE, "1/nm"))
    names = {"dim_names": ["Rx", "Ry", "Qx", "Qy"], "dim_units": ["nm", "nm", "A^-1", "A^-1"]}
    array = emdfile.Array(CUBE, name="datacube", units="counts", dims=[1.0, 1.0, 0.05, 0.05], **names)
    emdfile.save(HERE / "emdfile.h5", array, mode="o")
    tags = {"metadata": {"unit": "nm^-1", "axes": "TZYX"}, "resolution": (2, 2), "compression": "zlib"}
    tifffile.imwrite(HERE / "imagej.tif", CUBE, imagej=True, **tags)
    tifffile.imwrite(HERE / "big.tif", CUBE, bigtiff=True, photometric="minisblack", compression="zlib")


if __name__ == "__main__":
    main()
