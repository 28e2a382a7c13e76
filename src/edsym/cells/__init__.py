"""The lattice finder on the test materials of a run."""
