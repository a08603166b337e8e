"""What the optimizers of two training functions do differently to each weight, by what both state."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any

from twotrack.shared.base.tolerances import TOLERANCES
from twotrack.shared.spec.candidates import Candidate
from twotrack.shared.spec.changes import ChangeLoop, SetUpdate
from twotrack.shared.spec.loop import LoopNotes
from twotrack.shared.verify.diagnosis import loop_words
from twotrack.shared.verify.diagnosis.rules import Deviation, candidate, deviations, needed
from twotrack.shared.verify.diagnosis.searching import together

LIMIT = TOLERANCES["training"].limit
OF_LOOPS = {"gathered", "summed"}
"""Settings that code around the steps does in torch: how many batches make one update."""
CLIPPING = {"clipnorm", "global_clipnorm", "clipvalue", "clip_epsilon"}
CLIP_EPSILON = 1e-6
"""That torch's clip_grad_norm_ adds to the norm."""


class LoopUpdates:
    """Candidates from what both sides state; `measure` and `stray` tell what they leave, and how torch is from itself.

    Where torch's function clips right in front of its steps, its limits count as settings of the optimizer.
    """

    def __init__(
        self,
        torch: LoopNotes,
        keras: LoopNotes,
        measure: Callable[[Candidate], float],
        stray: Callable[[Candidate], float],
    ):
        self._torch, self._keras, self._measure, self._stray = torch, keras, measure, stray

    @property
    def is_known(self) -> bool:
        """Whether both sides step with optimizers whose settings tell what they do."""
        return bool(self._torch.rules and self._keras.rules)

    def propose(self) -> Iterator[Candidate]:
        """Yield the fewest settings with which torch updates as Keras states; then each alone."""
        if not self.is_known or not (self._begins or self._deviations) or not self._is_told:
            return
        if self._removes(self._deviations):
            yield self._made(needed(self._deviations, self._removes))
        yield from (self._made([one]) for one in self._deviations)

    def _removes(self, found: Sequence[Deviation]) -> bool:
        return self._measure(self._made(found)) <= LIMIT

    def _made(self, found: Sequence[Deviation]) -> Candidate:
        """Return torch's optimizer as it is told, with some of Keras' settings, begun anew when Keras' is."""
        made = self._as_told(found, tuple(map(float, self._keras.begun)) if self._begins else None)
        if not self._begins:
            return made
        what, torch_fix, keras_fix = loop_words.begins(self._keras.begun, self._torch.begun)
        begun = Candidate(changes=made.changes, what=what, torch_fix=torch_fix, keras_fix=keras_fix)
        return together(begun, made.model_copy(update={"changes": ()})) if found else begun

    def _as_told(self, found: Sequence[Deviation], begins: tuple[float, ...] | None = None) -> Candidate:
        made = candidate(found, guessed=self._guessed)
        own = [ChangeLoop(what="clips nothing")] if self._guessed else []
        changes = (*made.changes, *own, ChangeLoop(what="updates by settings", value=begins))
        return made.model_copy(update={"changes": changes})

    @property
    def _begins(self) -> bool:
        """Whether one side makes its optimizer anew at other steps than the other does."""
        return self._torch.begun != self._keras.begun and self._every == 1

    @property
    def _every(self) -> int:
        """Batches that make one update in Keras."""
        return max((int(own.get("gathered", 1)) for own in self._keras.rules.values()), default=1)

    @cached_property
    def _is_told(self) -> bool:
        """Whether torch's function does what is told of it: it has no hooks, and clips right in front of its steps."""
        return self._stray(self._as_told([])) <= LIMIT

    @cached_property
    def _guessed(self) -> tuple[SetUpdate, ...]:
        """Return what torch's function clips to, as settings."""
        if self._torch.odd_clipping:
            return ()
        found = [SetUpdate(setting=name, value=limit) for name, limit in self._torch.clipped.items()]
        is_norm = "global_clipnorm" in self._torch.clipped
        return (*found, *([SetUpdate(setting="clip_epsilon", value=CLIP_EPSILON)] if is_norm else []))

    @cached_property
    def _deviations(self) -> list[Deviation]:
        guessed = {change.setting: change.value for change in self._guessed}
        torch = {name: _tuples(own) | guessed for name, own in self._torch.rules.items()}
        names = [name for name in self._keras.rules if name in torch]
        keras = {name: self._of_keras(name) for name in names}
        found = deviations(keras, {name: torch[name] for name in names})
        left_out = OF_LOOPS | (CLIPPING if self._torch.odd_clipping else set())  # of which others tell more
        return [one for one in found if one.setting not in left_out]

    def _of_keras(self, name: str) -> dict[str, Any]:
        """Return the settings of a weight, with the rates of those batches behind which Keras updates."""
        own = _tuples(self._keras.rules[name])
        rates = own["rate"]
        return own | ({"rate": rates[self._every - 1 :: self._every]} if isinstance(rates, tuple) else {})


def _tuples(own: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings that went through JSON."""
    return {name: tuple(value) if isinstance(value, list) else value for name, value in own.items()}
