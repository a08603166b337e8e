"""Weights of a user's pair from a file of one framework to one of the other, with a proof."""
