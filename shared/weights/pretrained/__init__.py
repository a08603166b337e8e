"""Weights that others have trained: where they come from and what their names mean."""
