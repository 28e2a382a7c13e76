"""A network on the lattices that are found in one view or in several: it stands on their geometry."""
