"""Data of a microscope: 4D-STEM scans and single patterns, lists of spots, and spots out of images."""
