"""Spots out of images: what the detector and the probe are like, and what stands out of the background."""
