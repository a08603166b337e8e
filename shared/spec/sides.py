"""The two sides of a comparison: which tracks show which build functions of a pair, and what a reader calls them."""

from collections.abc import Sequence
from dataclasses import dataclass

from twotrack.shared.errors import UserError
from twotrack.shared.spec.track import TRACKS

TORCH = "torch"


@dataclass(frozen=True)
class SideName:
    """One side of a comparison: a build function of a pair, on a track."""

    track: str
    build: int = 0
    """Which of the pair's build functions in the track's framework."""
    is_reference: bool = False
    """The side that others are compared with; changes that prove a cause are made to it."""

    @property
    def slug(self) -> str:
        """The name as a folder has it, and as a key where only text can be one."""
        return self.track.replace(":", "-") + (f"-{self.build + 1}" if self.build else "")


@dataclass(frozen=True)
class Builds:
    """Names of a pair's build functions, by framework: one, two of one framework alone, or none."""

    keras: tuple[str, ...] = ()
    torch: tuple[str, ...] = ()

    @property
    def is_mixed(self) -> bool:
        """A Keras model against one of torch."""
        return bool(self.keras and self.torch)


MIXED = Builds(keras=("build",), torch=("build",))
"""Of a chapter."""


def mixed(track: str) -> SideName:
    """Return the side on a track of a pair that has one build function of each framework."""
    return SideName(track=track, is_reference=track == TORCH)


@dataclass(frozen=True)
class Words:
    """What messages call the two sides of one comparison."""

    reference: str = TORCH
    candidate: str = "Keras"
    is_mixed: bool = True
    """Torch is the reference and Keras the candidate, and what messages say of the two frameworks is meant so."""


@dataclass(frozen=True)
class Sides:
    """A reference, and what is compared with it."""

    builds: Builds
    reference: SideName
    candidates: tuple[SideName, ...]

    @property
    def all(self) -> tuple[SideName, ...]:
        """The reference first."""
        return (self.reference, *self.candidates)

    def label(self, side: SideName) -> str:
        """Return what a reader calls a side: its track, with the build function where the pair has two."""
        names = self.builds.torch if side.track == TORCH else self.builds.keras
        if len(names) < 2:
            return side.track
        return f"{side.track} ({names[side.build]})"

    def words(self, candidate: SideName) -> Words:
        """Return what messages call the reference and one candidate."""
        if self.reference.track == TORCH and candidate.track != TORCH:
            return Words()
        return Words(self.label(self.reference), self.label(candidate), False)


def told_apart(names: Sequence[str]) -> tuple[str, ...]:
    """Return the names of build functions; two that have one name are counted."""
    return ("first", "second") if len(names) == 2 and names[0] == names[1] else tuple(names)


def arrange(builds: Builds, tracks: Sequence[str] | None, reference: str | None = None) -> Sides:
    """Return who is compared with whom on these tracks, None for every installed one.

    `reference` is a track; None lets torch lead where the pair has it, else the first of the tracks.
    Raises UserError for tracks on which the pair has no side, and for fewer than two sides.
    """
    chosen = list(tracks) if tracks is not None else [name for name, spec in TRACKS.items() if not spec.missing]
    if not builds.keras:
        return _of_torch(builds, chosen, reference)
    keras = [track for track in chosen if track != TORCH]
    if builds.torch and reference in (None, TORCH):
        return _against_torch(builds, keras)
    if reference == TORCH:
        raise UserError("--reference torch: the pair has no torch build function; name a Keras track.")
    if tracks is not None and TORCH in tracks:
        raise UserError(
            "--tracks: torch is compared as the reference only; leave --reference out, or torch out of --tracks."
            if builds.torch
            else "--tracks: the pair has no torch build function; name Keras tracks."
        )
    return _of_keras(builds, keras, reference)


def _of_torch(builds: Builds, chosen: Sequence[str], reference: str | None) -> Sides:
    if len(builds.torch) < 2:
        raise UserError("the pair has one side, a torch build function; give keras=..., or torch=(one, other).")
    if reference not in (None, TORCH) or TORCH not in chosen:
        raise UserError("the pair has torch build functions only; it is compared on track 'torch' alone.")
    return Sides(builds, SideName(track=TORCH, is_reference=True), (SideName(track=TORCH, build=1),))


def _against_torch(builds: Builds, keras: Sequence[str]) -> Sides:
    if not keras:
        raise UserError("--tracks: name at least one Keras track to compare with torch.")
    return Sides(builds, mixed(TORCH), tuple(map(mixed, keras)))


def _of_keras(builds: Builds, keras: Sequence[str], reference: str | None) -> Sides:
    """Two build functions are compared on every track; one is compared between tracks."""
    leading = reference or next(iter(keras), "")
    two = len(builds.keras) > 1
    candidates = [SideName(track=track, build=int(two)) for track in keras if two or track != leading]
    if not candidates:
        missing = "a Keras track" if two else f"two Keras tracks, found {leading or 'none'}"
        raise UserError(
            f"the pair has Keras build functions only: expected {missing}; name tracks with --tracks, of "
            f"{', '.join(name for name in TRACKS if name != TORCH)}, or install what they need (twotrack doctor)."
        )
    return Sides(builds, SideName(track=leading, is_reference=True), tuple(candidates))
