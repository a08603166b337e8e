"""Which pieces of its piecewise functions a model was seen in: counted from the operations that it runs."""
