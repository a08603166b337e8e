"""Worker tasks: measure the ledger's entries on one track; tell what a chapter's models are made of."""

import importlib
import traceback
from collections.abc import Callable, Mapping
from typing import Any

from twotrack.shared.differences.measured import Measured
from twotrack.shared.track import open_track

Report = Callable[[str, Mapping[str, object]], None]


def measure(arguments: Mapping[str, Any], report: Report) -> dict[str, dict[str, Any]]:
    """Worker task: return every named entry's measurement on `track`, by slug.

    What the installed framework no longer has is a finding, not a failure of the rest.
    """
    track, slugs = arguments["track"], arguments["entries"]
    report("starting", {})
    open_track(track, "cpu")
    measurements = importlib.import_module(f"twotrack.{track.partition(':')[0]}_track.defaults").MEASUREMENTS
    found = {}
    for number, slug in enumerate(slugs, start=1):
        report(f"{number} of {len(slugs)}", {})
        found[slug] = _measure(measurements[slug]).as_json()
    return found


def _measure(measurement: Callable[[], Measured]) -> Measured:
    try:
        return measurement()
    except Exception as error:
        traceback.print_exc()
        return Measured(error=f"{type(error).__name__}: {error}")
