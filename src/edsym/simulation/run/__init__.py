"""The run of a shard: its journal, the store of patterns, and materials that fail."""
