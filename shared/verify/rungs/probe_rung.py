"""What a rung is that looks at sides with probes of its own, beside the trace."""

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping
from typing import Any, ClassVar, Generic, TypeVar

from twotrack.shared.spec.track import Precision
from twotrack.shared.verify.observation import Observation
from twotrack.shared.verify.result import RungResult
from twotrack.shared.verify.side import ObservedSide

E = TypeVar("E")
"""What the probes found: a dataclass that evidence.save can write."""


class ProbeRung(ABC, Generic[E]):
    """Looks at one side in its worker, and compares two sides in the parent."""

    name: ClassVar[str]
    """As in request.RUNGS."""
    evidence: type[E]
    """The class of what the probes find."""
    answered: type | None = None
    """The class of answers, where the rung asks for any."""

    @abstractmethod
    def observe(self, side: ObservedSide) -> E:
        """Return what a side does; its weights are the drawn ones, and may be changed."""

    def measure(self, side: ObservedSide, doubts: Collection[str]) -> E:
        """Return what a side does in float32, which shows what rounding amounts to where there are doubts."""
        return self.observe(side)

    def enlarge(self, side: ObservedSide, doubts: Collection[str]) -> E:
        """Return what a side does in float64 while operations round at random, where float32 left doubts."""
        raise NotImplementedError(f"float32 settles what is in doubt in the rung {self.name}")

    @abstractmethod
    def compare(self, torch: Mapping[Precision, E], keras: Mapping[Precision, E]) -> RungResult:
        """Compare what two sides did, in every precision that was looked at."""

    def asks(self, found: E) -> bool:
        """Tell whether something was found on one side that both are to be run on."""
        return False

    def answer(self, side: ObservedSide, found: Mapping[str, E]) -> Any:
        """Return what a side does with that, by the track that found it: evidence of the class `answered`."""
        raise NotImplementedError(f"the rung {self.name} asks nothing")

    def check(self, torch: Observation, keras: Observation) -> RungResult:
        """Compare two sides."""
        return self.compare(torch.probe(self.name, self.evidence), keras.probe(self.name, self.evidence))
