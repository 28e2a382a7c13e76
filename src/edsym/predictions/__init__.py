"""What a model says of patterns: probabilities, and decisions on one or several. The truth may be unknown."""
