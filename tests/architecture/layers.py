"""The rooms of the product code, from the bottom to the top: a module imports from its own room and from lower ones.

This table is the only place that says which module belongs where.
"""

ROOMS: dict[str, tuple[str, ...]] = {
    "errors": ("", "errors", "atomic", "deadline", "config_files", "packages", "verify.tolerances"),
    "ledger": ("differences",),
    "spec": (
        "activations",
        "curvature",
        "inputs",
        "losses",
        "positions",
        "probe",
        "profiles",
        "tested_versions",
        "track",
        "training",
        "transfer",
        "verify.pair",
    ),
    "workers": ("workers",),
    "datasets": ("datasets",),
    "weights": ("backbones", "bert", "bridge", "hub", "initial_weights", "tensor_files"),
    "evaluation": ("metrics", "references", "statistics"),
    "chapters": ("by_hand", "chapters"),
    "runs": ("harness",),
    "differences": ("differences.makeup", "differences.measure", "harness.differences"),
    "verify": ("harness.probe", "verify"),
    "experiments": ("experiments", "harness.experiments"),
    "export": ("export", "serving"),
    "report": ("report",),
    "cli": ("cli",),
}
"""Modules below twotrack.shared by room; the longest name that fits counts, and a package stands for all in it."""

DOOR = "twotrack.shared.workers.door"
"""The only module of shared that imports the tracks."""

ABOVE_THE_TRACKS = {"runs", "experiments", "report", "cli"}
"""Rooms that a track knows nothing of."""
