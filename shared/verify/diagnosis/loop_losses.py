"""What loss each training function takes, where no factor makes one of the other: known by the first batch's values."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from twotrack.shared.base.tolerances import TOLERANCES
from twotrack.shared.spec.candidates import Candidate
from twotrack.shared.spec.changes import ChangeLoop, ChangeLoss, Function
from twotrack.shared.verify.diagnosis import loss_fits, usual_losses
from twotrack.shared.verify.diagnosis.losses import NAMED
from twotrack.shared.verify.diagnosis.searching import NOTHING
from twotrack.shared.verify.diagnosis.usual_losses import Known
from twotrack.shared.verify.trace import Trace

LIMIT = TOLERANCES["gradients"].limit
ROUND_SHARES = 1000
"""One over the smallest step of a share that is taken for somebody's choice."""
TAKES = ChangeLoop(what="takes loss")


@dataclass(frozen=True)
class Taken:
    """A loss that has a name, and the share of the mean over all classes that is mixed in."""

    known: Known
    smoothing: float = 0.0

    @property
    def changes(self) -> tuple[ChangeLoss | ChangeLoop, ...]:
        """What lets torch's function take it."""
        return (*map(_changed, self.functions), TAKES)

    @property
    def functions(self) -> list[Function]:
        """What makes it, one on top of the other."""
        smooth = [Function(name="smooth", parameters={"share": self.smoothing})] if self.smoothing else []
        return [self.known.function(factor=self.known.factor, power=0), *smooth]

    @property
    def told(self) -> str:
        """In words."""
        settings = ", ".join(f"{name}={value}" for name, value in self.known.settings.items())
        smoothed = f", labels smoothed by {self.smoothing:g}" if self.smoothing else ""
        times = f", times {self.known.factor:g}" if self.known.factor != 1.0 else ""
        return f"the {self.known.name}{f' ({settings})' if settings else ''}{smoothed}{times}"


class LoopLosses:
    """Losses of a kind of target that either function may take; `trained` trains torch's with changes."""

    def __init__(self, target: str, trained: Callable[[Candidate], Trace], torch: float, keras: float):
        self._target, self._trained = target, trained
        self._torch, self._keras = torch, keras

    def propose(self) -> Iterator[Candidate]:
        """Yield the losses that give what Keras recorded of the first batch."""
        said = self.own.told if self.own else "another loss, or that of other targets,"
        for found in self._giving(self._keras):
            yield Candidate(
                changes=found.changes,
                what=f"the loss is {found.told} in Keras and {said} in torch",
                torch_fix=found.told,
                keras_fix=said,
            )

    @cached_property
    def own(self) -> Taken | None:
        """The loss of torch's function, if it has a name."""
        return next(self._giving(self._torch), None)

    def _giving(self, wanted: float) -> Iterator[Taken]:
        for known in (*map(Known, NAMED.get(self._target, ())), *usual_losses.of(self._target)):
            plain = self._first(Taken(known))
            if plain is None:
                continue
            if _same(plain, wanted):
                yield Taken(known)
            elif self._target in ("classes", "binary") and (share := self._share(known, plain, wanted)):
                yield Taken(known, share)
            elif plain and is_round(factor := loss_fits.rounded(wanted / plain)):
                yield Taken(replace(known, factor=factor))

    def _share(self, known: Known, plain: float, wanted: float) -> float:
        """Return the share of the mean over all classes that makes a loss what is wanted; 0 if it is no round one."""
        even = self._first(Taken(known, 1.0))
        if even is None or even == plain:
            return 0.0
        share = loss_fits.rounded((wanted - plain) / (even - plain))
        return share if 0 < share < 1 and _same(share * ROUND_SHARES, round(share * ROUND_SHARES)) else 0.0

    def _first(self, taken: Taken) -> float | None:
        """Return the first loss that torch's function records then; None if it does not train with it."""
        try:
            return self._trained(NOTHING.model_copy(update={"changes": taken.changes})).losses[0]
        except Exception:  # a loss that these outputs and targets are nothing for
            return None


def _changed(function: Function) -> ChangeLoss:
    return ChangeLoss(function=function)


def _same(one: float, other: float) -> bool:
    return abs(one - other) <= LIMIT * max(abs(one), abs(other))


def is_round(factor: float) -> bool:
    """Tell whether a factor, or one over it, has two digits."""
    return any(_same(one, float(f"{one:.2g}")) for one in (factor, 1 / factor))


def of_parts(rows: Sequence[int]) -> dict[str, tuple[float, ...]]:
    """Return by what the parts of a batch may be weighed, in words, when each has the mean loss of its rows."""
    return {
        "by their rows": tuple(one / sum(rows) for one in rows),
        "alike, as a mean of means": (1 / len(rows),) * len(rows),
        "each in full, as a sum": (1.0,) * len(rows),
    }
