"""What a detector does to spots: errors of place and intensity, spots lost, and spots that are none."""
