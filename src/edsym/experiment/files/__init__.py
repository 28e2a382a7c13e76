"""Scans, patterns and lists of spots in the formats of microscopes, cameras and other programs."""
