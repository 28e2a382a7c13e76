"""A toy: the nearest training pattern by its radial intensities."""
