"""Dynamical diffraction patterns by Bloch waves: from structures to the store of patterns."""
