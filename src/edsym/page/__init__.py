"""A map of a scan as one page that a browser shows without a network."""
