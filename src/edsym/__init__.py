"""Crystal symmetry from electron diffraction: simulation, networks, forests and their evaluation."""
