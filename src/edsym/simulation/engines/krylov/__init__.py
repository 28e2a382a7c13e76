"""The default engine: one column of the propagator by the Lanczos method, compiled by numba."""
