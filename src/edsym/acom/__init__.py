"""Orientations of candidate phases in spot patterns, by templates: automated crystal orientation mapping."""
