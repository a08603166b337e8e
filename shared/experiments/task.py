"""Worker task: do one experiment on the worker's track."""

import importlib
from collections.abc import Callable, Mapping
from typing import Any

from twotrack.shared.experiments.lab import open_lab


def measure(arguments: Mapping[str, Any], report: Callable[[str, Mapping[str, object]], None]) -> dict[str, Any]:
    """Return the finding as plain data."""
    lab = open_lab(arguments["track"], arguments["chapter"], arguments["seed"])
    module = importlib.import_module(f"twotrack.shared.experiments.{arguments['chapter']}")
    experiment = getattr(module, arguments["experiment"])
    return experiment(lab, lambda phase: report(phase, {})).model_dump(mode="json")
