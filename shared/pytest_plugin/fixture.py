"""What the fixture `same_model` is: an assertion of a session, with what a test's report is to show."""

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

import pytest

from twotrack.shared.assertion.arguments import given
from twotrack.shared.assertion.checking import Outcome, Wanted, check
from twotrack.shared.assertion.tracks import MissingTrackError
from twotrack.shared.base import atomic
from twotrack.shared.errors import UserError, WorkerDiedError
from twotrack.shared.precision.formats import arithmetics
from twotrack.shared.pytest_plugin import ANNOTATIONS, folder
from twotrack.shared.pytest_plugin.annotations import place
from twotrack.shared.pytest_plugin.options import options
from twotrack.shared.report.ladder import ClimbedTrack
from twotrack.shared.spec.track import TRACKS
from twotrack.shared.verify.ladder import threads
from twotrack.shared.workers.pool import WorkerPool


def workers(processes: int) -> WorkerPool:
    """Return a pool with one worker per track, for one of so many processes that run tests side by side."""
    installed = sum(not spec.missing for spec in TRACKS.values() if spec.backend)
    return WorkerPool(threads=max(1, threads(installed) // processes), one_per_track=True, quick_to_compile=True)


class SameModel:
    """Requires, in one test, that two models are one."""

    def __init__(self, test: pytest.Item, config: pytest.Config, pool: WorkerPool):
        self._test, self._options, self._pool = test, options(config), pool
        self._calls = 0

    def __call__(
        self,
        subject: Any = None,
        torch: Any = None,
        inputs: Any = None,
        *,
        keras: Any = None,
        tracks: Sequence[str] | None = None,
        until: str | None = None,
        precision: str | Sequence[str] = (),
        replicas: int = 1,
        strict: bool | None = None,
        own_weights: bool = False,
        **pair: Any,
    ) -> None:
        """Require that two models are one; the arguments are those of `twotrack.assert_same_model`.

        AssertionError says in one line where they part and why; the report of the test has a section with all of it.
        """
        __tracebackhide__ = True
        self._calls += 1
        own = self._options
        strict = own.strict if strict is None else strict
        try:
            with atomic.scratch() as folder:
                recordings = folder if own.report else None
                lower = arithmetics(precision)
                wanted = Wanted(tracks, until or own.until, own.tracks, own_weights, recordings, lower, replicas)
                outcome = check(given(subject, torch, inputs, keras, pair), wanted, self._pool)
                message = self._keep(outcome, strict)
        except MissingTrackError as error:
            if own.skips_missing:
                pytest.skip(str(error))
            self._raise(error)
        except (UserError, WorkerDiedError, TypeError) as error:
            self._raise(error)
        if message:
            self._annotate(message)
            raise AssertionError(message)

    def _raise(self, error: Exception) -> NoReturn:
        """Raise an error again at the test's own line, without the way that it took."""
        __tracebackhide__ = True
        kind = UserError if isinstance(error, UserError) else type(error)
        self._annotate(f"{kind.__name__}: {error}")
        raise kind(str(error)) from None

    def _keep(self, outcome: Outcome, strict: bool) -> str:
        """Note what the test's report is to show; return why this is no pass, empty for a pass."""
        message = outcome.failure(strict)
        for track in outcome.record.tracks:
            self._test.user_properties += _properties(track)
        if message:
            self._test.add_report_section("call", "twotrack", outcome.text)
        if self._options.report:
            self._leave(outcome, bool(message))
        return message

    def _leave(self, outcome: Outcome, has_failed: bool) -> None:
        """Leave a folder for a failure, none for a pass."""
        assert self._options.report
        place_of = folder.folder_of(self._options.report, self._test.nodeid, self._calls)
        if not has_failed:
            folder.remove(place_of)
            return
        folder.write(place_of, outcome.record, outcome.recordings)
        self._test.user_properties.append(("twotrack.report", str(place_of)))
        self._test.add_report_section("call", "twotrack report", _told(place_of, outcome))

    def _annotate(self, message: str) -> None:
        self._test.stash.setdefault(ANNOTATIONS, []).append([*place(self._test), message])


def _told(place: Path, outcome: Outcome) -> str:
    """Return where a failure's page is, and how to compare its recordings, or why there are none."""
    recordings = " ".join(shlex.quote(str(place / one.name)) for one in outcome.recordings)
    more = f"twotrack verify {recordings}" if recordings else f"no recordings: {outcome.unrecorded}"
    return "\n".join([str(place / folder.FILES[0]), *([more] if recordings or outcome.unrecorded else [])])


def _properties(track: ClimbedTrack) -> list[tuple[str, object]]:
    """Return what a JUnit file says of one track, each in one line."""
    certificate = track.certificate
    compared = ", ".join(f"{count} {name}" for name, count in certificate.counts.items())
    exceptions = "; ".join(f"{gap.kind}: {gap.where}: {gap.detail}" for gap in certificate.gaps)
    values = {
        "verdict": track.verdict,
        "rungs": ", ".join(f"{rung.rung} {'pass' if rung.passed else 'FAIL'}" for rung in track.rungs),
        "causes": "; ".join(f"{cause.status} at '{cause.where}': {cause.what}" for cause in track.causes),
        "compared": compared if track.passed else "",
        "exceptions": exceptions if track.passed else "",
    }
    return [(f"twotrack.{track.track}.{name}", value) for name, value in values.items() if value]
