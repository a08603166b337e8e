"""Worker task behind `twotrack doctor`: does a track's framework really import, and what does it see?"""

import time
from collections.abc import Mapping

from twotrack.shared.track import open_track


def probe(arguments: Mapping[str, str], report: object) -> dict[str, object]:
    """Import and set up a track; return its device and the seconds that took."""
    start = time.perf_counter()
    track = open_track(arguments["track"], "auto")
    return {"device": track.device, "seconds": time.perf_counter() - start}
