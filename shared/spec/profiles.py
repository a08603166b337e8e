"""Profiles: which entries of the ledger are as each framework has them by default, and which are aligned.

aligned: none of them is, so that every track is one model trained in one way. native: all of SWITCHES are. Between the
two, any set: `twotrack ablate` switches one at a time. A switch changes the track whose default it is; where the
aligned value is a framework's own default already, that track has nothing to change.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from twotrack.shared.errors import UserError, unknown
from twotrack.shared.ledger.ledger import LEDGER
from twotrack.shared.ledger.spec import InitialWeights, Weight

if TYPE_CHECKING:
    import numpy as np

ALIGNED, NATIVE = "aligned", "native"
PROFILES = (ALIGNED, NATIVE)

_SWITCHED = sorted(
    ((entry.slug, entry.switch) for entry in LEDGER if entry.switch), key=lambda switched: switched[1].place
)
_INITIAL_WEIGHTS = [(slug, switch.concerns) for slug, switch in _SWITCHED if isinstance(switch, InitialWeights)]

SWITCHES = tuple(slug for slug, _ in _SWITCHED)
"""Slugs of the ledger's entries that can be switched, in the order of a table."""

INITIALISATION = tuple(slug for slug, _ in _INITIAL_WEIGHTS)
"""Switched together they are --own-start: no weights are loaded but pretrained ones."""

OUTPUTS = tuple(slug for slug, switch in _SWITCHED if switch.changes_outputs)
"""Switches that change what given weights answer, and not only how they are trained."""

Value = TypeVar("Value")
Given = ParamSpec("Given")


class Switches:
    """The switches of one run, and which of them had something to change."""

    def __init__(self, names: Iterable[str] = ()):
        self.names = frozenset(names)
        self.acted: set[str] = set()

    def apply(self, functions: Mapping[str, Callable[Given, bool]], *what: Given.args, **options: Given.kwargs) -> None:
        """Call the switched ones of functions that change something and tell whether they did."""
        self.acted |= {slug for slug, change in functions.items() if slug in self.names and change(*what, **options)}

    def fold(self, functions: Mapping[str, Callable[[Value], Value]], value: Value) -> Value:
        """Return what the switched ones of functions make of a value, one after the other."""
        for slug, change in functions.items():
            if slug in self.names and (changed := change(value)) is not value:
                self.acted.add(slug)
                value = changed
        return value

    def own_weights(self, own: Mapping[str, "np.ndarray"]) -> dict[str, "np.ndarray"]:
        """Return those of a new model's own weights, by canonical name, with which it is to start."""
        entries = {name: initialisation(Weight(name, own)) for name in own}
        self.acted |= self.names.intersection(entries.values())
        return {name: own[name] for name, entry in entries.items() if entry in self.names}


def initialisation(weight: Weight) -> str | None:
    """Return the entry of the ledger on a weight's initial value; None for weights that start alike everywhere."""
    return next((slug for slug, concerns in _INITIAL_WEIGHTS if concerns(weight)), None)


def switched(profile: str, own_start: bool | None) -> tuple[str, ...]:
    """Return what a profile switches; without a word on the start, native has its own. UserError for no profile."""
    if profile not in PROFILES:
        raise unknown("--profile", profile, PROFILES)
    own = profile == NATIVE if own_start is None else own_start
    return tuple(name for name in SWITCHES if (own if name in INITIALISATION else profile == NATIVE))


def require_outputs(names: Collection[str], trained_on: str, track: str) -> None:
    """Require that a track answers as the run of `trained_on` does that switched `names`; UserError if it does not."""
    kept = [name for name in OUTPUTS if name in names]
    if kept and trained_on.partition(":")[0] != track.partition(":")[0]:
        raise UserError(
            f"the run on {trained_on} has that framework's own {', '.join(kept)}, so its weights answer otherwise on "
            f"{track}; use a track of the run's framework, or train with --profile aligned."
        )


def describe(names: Collection[str]) -> str:
    """Return a set of switches in words, such as 'aligned, own start'."""
    for profile in PROFILES:
        for own_start, start in ((False, "same start"), (True, "own start")):
            if set(names) == set(switched(profile, own_start)):
                return f"{profile}, {start}"
    return f"{ALIGNED} but for {', '.join(names)}"
