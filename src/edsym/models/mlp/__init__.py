"""A plain multilayer perceptron on the features of the forest: what they give without a graph."""
