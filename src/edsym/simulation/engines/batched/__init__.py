"""The engine for a GPU: the patterns of a material in batches, in torch."""
