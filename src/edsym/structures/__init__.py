"""Structures: their sources, the one table they go to, and the filter by cell volume."""
