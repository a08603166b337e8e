"""From the ledger and tracks to what the installed frameworks do: one worker per track."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from math import isclose
from typing import TypeGuard

from twotrack.shared.base.tolerances import LEDGER_ZERO
from twotrack.shared.chapters.spec import ChapterVariant
from twotrack.shared.differences.makeup import Variants, layers, makeup, variants
from twotrack.shared.differences.measure import Entries
from twotrack.shared.differences.measure import measure as measure_entries
from twotrack.shared.errors import UserError
from twotrack.shared.ledger.ledger import LEDGER
from twotrack.shared.ledger.measured import Measured, Numbers, Value
from twotrack.shared.ledger.spec import Difference
from twotrack.shared.spec.track import TRACKS, installed_track
from twotrack.shared.workers.environment import available_cores
from twotrack.shared.workers.messages import Progress
from twotrack.shared.workers.pool import WorkerPool, lent_or_new

REFERENCE = "torch"
OnPhase = Callable[[str, str], None]
"""Called with track and phase."""


@dataclass(frozen=True)
class MeasuredEntry:
    """One entry, measured."""

    entry: Difference
    torch: Measured | None = None
    keras: Mapping[str, Measured] = field(default_factory=dict)
    """By track."""
    missing: tuple[str, ...] = ()
    """Modules that the measurement needs and that are not installed; nothing was measured then."""
    settings: tuple[str, ...] = ()
    """The chapter's settings under which the entry touches it, if it does not with its own."""

    def effect(self, track: str) -> float | None:
        """Return how far torch and a Keras track are apart by default; None if the entry has no number."""
        return self._effect(self._torch.output, self.keras[track].output)

    def remaining(self, track: str) -> float | None:
        """Return how far they are apart when aligned, or if they are equal by default; None if neither applies."""
        torch, keras = self._torch, self.keras[track]
        if torch.aligned is None and keras.aligned is None:
            return self.effect(track) if self.entry.expected(track) == self.entry.torch.values else None
        effect = self._effect(*(side.output if side.aligned is None else side.aligned for side in (torch, keras)))
        return None if effect is None else self.entry.effect.from_equal(effect)

    def _effect(self, torch: Numbers | None, keras: Numbers | None) -> float | None:
        return None if torch is None or keras is None else self.entry.effect.between(torch, keras)

    @property
    def _torch(self) -> Measured:
        """Torch's measurement of an entry that was measured."""
        return self.torch or Measured()

    @property
    def problems(self) -> list[str]:
        """Name what is not as the ledger says."""
        if self.missing:
            return []
        changes = [text for track, measured in self._sides() for text in self._changes(track, measured)]
        return changes + [text for track in self.keras for text in self._still_apart(track)]

    def _sides(self) -> list[tuple[str, Measured]]:
        return [*self.keras.items(), (REFERENCE, self._torch)]

    def _changes(self, track: str, measured: Measured) -> list[str]:
        if measured.error:
            return [f"{self.entry.name}: cannot be measured with {_installed(track)}: {measured.error}"]
        expected = self.entry.expected(track)
        return [
            f"{self.entry.name}: {label}: the ledger says {_text(expected, label)}, "
            f"{_installed(track)} gives {_text(measured.values, label)}"
            for label in dict.fromkeys([*expected, *measured.values])
            if not self._agree(expected.get(label), measured.values.get(label))
        ]

    def _agree(self, expected: Value | None, measured: Value | None) -> bool:
        if _is_number(expected) and _is_number(measured):
            return isclose(expected, measured, rel_tol=self.entry.tolerance, abs_tol=LEDGER_ZERO)
        return type(expected) is type(measured) and expected == measured

    def _still_apart(self, track: str) -> list[str]:
        remaining = None if self.keras[track].error or self._torch.error else self.remaining(track)
        if remaining is None or remaining <= self.entry.effect.remaining:
            return []
        return [
            f"{self.entry.name}: {track} and torch are {remaining:.1e} apart when aligned; "
            f"expected at most {self.entry.effect.remaining:.0e}"
        ]


def _is_number(value: Value | None) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _text(values: Mapping[str, Value], label: str) -> str:
    return repr(values[label]) if label in values else "nothing"


def _installed(track: str) -> str:
    """Return the packages of a track with their versions."""
    from importlib.metadata import version

    return " with ".join(f"{name} {version(name)}" for name in TRACKS[track].requires)


def check(variant: ChapterVariant | None, tracks: Sequence[str]) -> tuple[str, ...]:
    """Return the Keras tracks of a request; UserError for one that cannot be done, before any worker starts."""
    keras = tuple(track for track in tracks if track != REFERENCE)
    for track in (REFERENCE, *keras):
        installed_track(track)
    if not keras:
        raise UserError(
            f"--tracks: name at least one Keras track, out of: {', '.join(sorted(set(TRACKS) - {REFERENCE}))}."
        )
    if variant:
        variant.require(keras)
    return keras


def differences(
    variant: ChapterVariant | None,
    tracks: Sequence[str],
    on_phase: OnPhase,
    pool: WorkerPool | None = None,
) -> list[MeasuredEntry]:
    """Measure the ledger's entries, those that touch a chapter if one is given, on torch and some Keras tracks.

    Raises UserError for what cannot be done, WorkerDiedError if a worker does.
    """
    keras = check(variant, tracks)
    with lent_or_new(pool, "cpu") as workers:
        if not variant:
            return measure(dict.fromkeys(LEDGER, ()), keras, workers, on_phase)
        touched = touching(variant, keras[0], workers, on_phase)
        return measure(touched, keras, workers, on_phase)


def no_phase(track: str, phase: str) -> None:
    """Show nothing."""


def touching(
    variant: ChapterVariant,
    track: str,
    pool: WorkerPool,
    on_phase: OnPhase = no_phase,
) -> dict[Difference, tuple[str, ...]]:
    """Return the entries that touch a chapter, with the settings that they need besides those given."""
    looked_at = variants(variant)
    built = pool.call(track, layers, Variants(track, looked_at), _shown(track, on_phase))
    own, *others = (makeup(*pair) for pair in zip(looked_at, built, strict=True))
    touched: dict[Difference, tuple[str, ...]] = {}
    for entry in LEDGER:
        if entry.touches(own):
            touched[entry] = ()
        elif texts := [_setting_text(other.settings, variant.settings) for other in others if entry.touches(other)]:
            touched[entry] = tuple(texts)
    return touched


def _setting_text(settings: Mapping[str, str], given: Mapping[str, str]) -> str:
    return ", ".join(f"{name}={value}" for name, value in settings.items() if name not in given)


def _shown(track: str, on_phase: OnPhase) -> Callable[[Progress], None]:
    return lambda progress: on_phase(track, progress.phase)


def measure(
    entries: Mapping[Difference, tuple[str, ...]],
    tracks: Sequence[str],
    pool: WorkerPool,
    on_phase: OnPhase = no_phase,
) -> list[MeasuredEntry]:
    """Measure entries on torch and on Keras tracks: on the first one, and on all those where a backend matters."""
    missing = {entry: tuple(name for name in entry.requires if find_spec(name) is None) for entry in entries}
    plan = {REFERENCE: [entry.slug for entry in entries if not missing[entry]]}
    for track in tracks:
        plan[track] = [entry.slug for entry in entries if not missing[entry] and _asked(entry, track, tracks)]

    def ask(track: str) -> dict[str, Measured]:
        return pool.call(track, measure_entries, Entries(track, plan[track]), _shown(track, on_phase))

    measured = pool.each(list(plan), ask, at_once=available_cores())
    return [
        MeasuredEntry(
            entry,
            measured[REFERENCE].get(entry.slug),
            {track: measured[track][entry.slug] for track in tracks if entry.slug in measured[track]},
            missing[entry],
            settings,
        )
        for entry, settings in entries.items()
        if missing[entry] or any(entry.concerns(track) for track in tracks)
    ]


def _asked(entry: Difference, track: str, tracks: Sequence[str]) -> bool:
    return entry.concerns(track) and (entry.by_backend or track == tracks[0])
