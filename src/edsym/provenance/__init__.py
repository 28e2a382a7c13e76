"""Where results come from: digests of code and data."""
