"""The session's ladder, on the session's workers."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from twotrack.shared.spec.sides import mixed
from twotrack.shared.verify import accuracy
from twotrack.shared.verify.ladder import Ladder
from twotrack.shared.verify.request import SideRequest, VerifyRequest


class SharedLadder(Ladder):
    """A ladder that can do the accuracy rung's trainings alone."""

    def short_trainings(
        self, tracks: Sequence[str], chapter: str, settings: Mapping[str, str], folder: Path
    ) -> list[accuracy.ShortTrainings]:
        """Train on every track as the accuracy rung does; return what each came to."""

        def measure(track: str) -> accuracy.ShortTrainings:
            own = folder / track.replace(":", "-")
            own.mkdir()
            verify = VerifyRequest(name=chapter, settings=dict(settings))
            asked = SideRequest(verify=verify, side=mixed(track), folder=own)
            return accuracy.load(self._pool.call(track, accuracy.measure, asked))

        return list(self._pool.each(tracks, measure).values())
