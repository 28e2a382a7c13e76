"""Models that read spot lists and answer with probabilities of crystal systems and space groups."""
