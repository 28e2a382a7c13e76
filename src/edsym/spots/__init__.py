"""Spots: peaks out of patterns, the store of spot lists, and the split by material."""
