"""X-ray powder patterns: simulation, measured ones, and a network that reads extinction groups of them."""
