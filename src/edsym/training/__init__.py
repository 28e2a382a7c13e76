"""Training of networks and prediction with them, whichever they are."""
