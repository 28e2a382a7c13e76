"""The baseline: hierarchical random forests on polar Fourier features of the spot lists."""
