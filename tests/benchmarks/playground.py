"""Seconds until the playground first answers, and how large its files are: python -m tests.benchmarks.playground [SITE]

SITE is what `make docs` built, `site` by default. Each opening is in a browser of its own, which has kept nothing.
"""

import statistics
import sys
import time
from pathlib import Path

from tests.support.chromium import Chromium

REPEATS = 10
PATIENCE = 60
"""Seconds; a page that has not answered by then is broken."""
ANSWERED = "performance.getEntriesByName('first answer')[0]?.startTime"
"""Milliseconds since the page began to open."""


def seconds(page: Path) -> float:
    """Open the page in a new browser; return how long it took to show what torch's model answers."""
    with Chromium() as chromium:
        chromium.open(page, width=1400)
        until = time.monotonic() + PATIENCE
        while (answered := chromium.evaluate(ANSWERED)) is None and time.monotonic() < until:
            time.sleep(0.05)
    if answered is None:
        sys.exit(f"expected an answer of {page} within {PATIENCE} s, found none")
    return answered / 1000


def main() -> None:
    """Print both."""
    site = Path(*sys.argv[1:] or ["site"])
    megabytes = sum(file.stat().st_size for file in (site / "playground").iterdir()) / 1e6
    taken = [seconds(site / "playground.html") for _ in range(REPEATS)]
    spread = f"{min(taken):.2f} to {max(taken):.2f} s, n = {REPEATS}"
    print(f"first answer: median {statistics.median(taken):.2f} s, {spread}")
    print(f"files: {megabytes:.1f} MB")


if __name__ == "__main__":
    main()
