"""The session's ladder: its workers share the cores, so they can train side by side."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from shared.verify import accuracy
from shared.verify.ladder import Ladder


class SharedLadder(Ladder):
    """A ladder that can do the accuracy rung's trainings alone."""

    def short_trainings(
        self, tracks: Sequence[str], chapter: str, settings: Mapping[str, str], folder: Path
    ) -> list[accuracy.Outcome]:
        """Train on every track as the accuracy rung does; return what each came to."""

        def measure(track: str) -> accuracy.Outcome:
            own = folder / track.replace(":", "-")
            own.mkdir()
            asked = {"chapter": chapter, "recipe": "fast", "settings": dict(settings), "track": track}
            return accuracy.load(
                self._workers[track].call("shared.verify.accuracy:measure", {**asked, "folder": str(own)})
            )

        with ThreadPoolExecutor(len(tracks)) as pool:
            return list(pool.map(measure, tracks))
