"""The session's ladder, on the session's workers."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.support.workers import Workers
from twotrack.shared.verify import accuracy
from twotrack.shared.verify.ladder import Ladder


class SharedLadder(Ladder):
    """A ladder that starts no workers of its own, and can do the accuracy rung's trainings alone."""

    def __init__(self, tracks: Sequence[str], workers: Workers):
        super().__init__(tracks)
        self._workers = {track: workers.of(track) for track in tracks}

    def short_trainings(
        self, tracks: Sequence[str], chapter: str, settings: Mapping[str, str], folder: Path
    ) -> list[accuracy.Outcome]:
        """Train on every track as the accuracy rung does; return what each came to."""

        def measure(track: str) -> accuracy.Outcome:
            own = folder / track.replace(":", "-")
            own.mkdir()
            asked = {"chapter": chapter, "recipe": "fast", "settings": dict(settings), "track": track}
            return accuracy.load(
                self._workers[track].call("twotrack.shared.verify.accuracy:measure", {**asked, "folder": str(own)})
            )

        with ThreadPoolExecutor(len(tracks)) as pool:
            return list(pool.map(measure, tracks))
