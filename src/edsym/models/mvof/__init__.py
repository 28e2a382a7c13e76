"""Multiview opinion fusion: evidence by convolutions along the spot list, and Dempster's rule over views."""
