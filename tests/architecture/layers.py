"""The rooms of the product code, from the bottom to the top: a module imports from its own room and from lower ones.

This table is the only place that says which module belongs where.
"""

ROOMS: dict[str, tuple[str, ...]] = {
    "base": ("", "errors", "base"),
    "ledger": ("ledger",),
    "pieces": ("pieces",),
    "precision": ("precision",),
    "bridge": ("weights.bridge", "weights.correspondence"),
    "spec": ("spec",),
    "workers": ("workers",),
    "datasets": ("datasets",),
    "weights": ("axes", "weights"),
    "matching": ("matching",),
    "evaluation": ("evaluation",),
    "chapters": ("by_hand", "chapters"),
    "runs": ("runs",),
    "engines": ("engines",),
    "logs": ("logs",),
    "differences": ("differences",),
    "verify": ("verify",),
    "recordings": ("recordings",),
    "atlas": ("atlas",),
    "carrying": ("carrying",),
    "experiments": ("experiments",),
    "export": ("export",),
    "benchmark": ("benchmark",),
    "report": ("report",),
    "assertion": ("assertion", "pytest_plugin"),
    "exercises": ("exercises",),
    "scaffold": ("scaffold",),
    "cli": ("cli",),
}
"""Modules below twotrack.shared by room; the longest name that fits counts, and a package stands for all in it."""

DOOR = "twotrack.shared.workers.door"
"""The only module of shared that imports the tracks."""

ABOVE_THE_TRACKS = {"runs", "experiments", "report", "cli"}
"""Rooms that a track knows nothing of."""
