"""A crystal: the cell that is computed in, scattering factors with absorption, and the potential."""
