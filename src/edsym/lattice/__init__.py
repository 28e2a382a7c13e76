"""The lattice from stills: primitive cell, orientations and Bravais lattice out of measured spots."""
