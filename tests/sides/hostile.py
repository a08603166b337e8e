"""`python -m tests.sides.hostile [WORDS]`: verify every hostile pair whose name has one of the words; say what it says.

Exit code 1 if one of them is a traceback, silence, or no message of one line.
"""

import signal
import sys
import time
from pathlib import Path

from tests.sides.hostile_pairs import HOSTILE
from tests.support.command_line import Done, in_process
from tests.support.own_tree import let_children_import_tests
from twotrack.shared.workers.pool import WorkerPool

ROOT = Path(__file__).parents[2]
UNTIL = "training"


def verified(name: str, workers: WorkerPool, track: str = "keras:torch", until: str = UNTIL) -> Done:
    """Verify one."""
    asked = ("verify", f"tests.sides.hostile_pairs:{name}", "--tracks", track, "--until", until)
    return in_process(*asked, folder=ROOT, check=False, workers=workers)


def wrong(done: Done, name: str) -> str:
    """Return what is wrong with how a command has ended; empty if it judged the pair, or refused it in one line."""
    if "Traceback" in done.stderr + done.stdout:
        return "a traceback"
    if done.code == 2:
        side = name.partition("_")[0]
        lines = done.stderr.splitlines()
        if len(lines) != 1 or not lines[0].startswith("error: "):
            return "no message of one line"
        return "" if side in lines[0].lower() or "LOSS" in name else "the message does not name the side"
    return "" if done.stdout and not done.stderr else f"ended with {done.code}"


def main() -> int:
    """Verify those that were asked for."""
    let_children_import_tests()
    bad = 0
    words = sys.argv[1:] or [""]
    with WorkerPool("cpu", threads=1, one_per_track=True) as workers:
        for name in (one for one in HOSTILE if any(word in one for word in words)):
            start = time.monotonic()
            done = verified(name, workers)
            if done.code == 128 + signal.SIGTERM:  # meant for this process, whose handler a command takes over
                return 1
            said = wrong(done, name)
            bad += bool(said)
            told = (done.stderr.strip() or done.stdout.strip().replace("\n", " | "))[:240]
            print(f"{'WRONG ' + said if said else 'ok'}  {name} ({time.monotonic() - start:.1f} s): {told}", flush=True)
    print(f"{bad} wrong")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
