"""Planted faults whose cause the ladder does not prove yet, and why; it names their rung and place all the same."""

UNPROVED: dict[str, str] = {}
"""By name of the fault."""
