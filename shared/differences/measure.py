"""Worker task: measure the ledger's entries on one track."""

import importlib
import traceback
from collections.abc import Callable, Mapping
from typing import Any

from twotrack.shared.differences.measured import Measured
from twotrack.shared.differences.registry import Measurement
from twotrack.shared.track import open_track

Report = Callable[[str, Mapping[str, object]], None]


def measure(arguments: Mapping[str, Any], report: Report) -> dict[str, dict[str, Any]]:
    """Worker task: return every named entry's measurement on `track`, by slug.

    What the installed framework no longer has is a finding, not a failure of the rest.
    """
    track, slugs = arguments["track"], arguments["entries"]
    report("starting", {})
    open_track(track, "cpu")
    defaults = importlib.import_module(f"twotrack.{track.partition(':')[0]}_track.defaults").DEFAULTS
    measured = {}
    for number, slug in enumerate(slugs, start=1):
        report(f"{number} of {len(slugs)}", {})
        measured[slug] = _measure(defaults.measurements[slug]).as_json()
    return measured


def _measure(measurement: Measurement) -> Measured:
    try:
        return measurement()
    except Exception as error:
        traceback.print_exc()
        return Measured(error=f"{type(error).__name__}: {error}")
