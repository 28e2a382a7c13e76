"""Which beams take part in a pattern."""
