"""Training of the network and prediction with it."""
