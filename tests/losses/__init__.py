"""Losses, penalties and constraints that are stated once, on every track."""
