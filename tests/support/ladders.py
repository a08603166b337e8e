"""The session's ladder, on the session's workers."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.support.workers import Workers
from twotrack.shared.verify import accuracy
from twotrack.shared.verify.ladder import Ladder
from twotrack.shared.verify.request import SideRequest, VerifyRequest


class SharedLadder(Ladder):
    """A ladder that starts no workers of its own, and can do the accuracy rung's trainings alone."""

    def __init__(self, tracks: Sequence[str], workers: Workers):
        super().__init__(tracks)
        self._workers = {track: workers.of(track) for track in tracks}

    def short_trainings(
        self, tracks: Sequence[str], chapter: str, settings: Mapping[str, str], folder: Path
    ) -> list[accuracy.ShortTrainings]:
        """Train on every track as the accuracy rung does; return what each came to."""

        def measure(track: str) -> accuracy.ShortTrainings:
            own = folder / track.replace(":", "-")
            own.mkdir()
            request = VerifyRequest(name=chapter, settings=dict(settings))
            asked = SideRequest(verify=request, track=track, folder=own).model_dump(mode="json")
            return accuracy.load(Path(self._workers[track].call("twotrack.shared.verify.accuracy:measure", asked)))

        with ThreadPoolExecutor(len(tracks)) as pool:
            return list(pool.map(measure, tracks))
