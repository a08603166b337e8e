"""The search where training functions of the user's own part: what people forget or misplace around a step."""

from collections.abc import Iterator, Mapping
from itertools import permutations
from math import isclose

import numpy as np

from twotrack.shared.base.arrays import copies
from twotrack.shared.base.tolerances import TOLERANCES
from twotrack.shared.spec.candidates import Candidate
from twotrack.shared.spec.changes import ChangeLoop
from twotrack.shared.spec.loop import LoopNotes
from twotrack.shared.spec.updates import DEFAULTS, METHODS
from twotrack.shared.verify.diagnosis import loop_words
from twotrack.shared.verify.diagnosis.findings import SearchRequest
from twotrack.shared.verify.diagnosis.left_weights import left
from twotrack.shared.verify.diagnosis.loop_fits import held, weighed
from twotrack.shared.verify.diagnosis.loop_losses import LoopLosses, of_parts
from twotrack.shared.verify.diagnosis.loop_updates import LoopUpdates
from twotrack.shared.verify.diagnosis.loop_words import Words
from twotrack.shared.verify.diagnosis.loss_fits import rounded
from twotrack.shared.verify.result import relative
from twotrack.shared.verify.rungs.training import step_differences
from twotrack.shared.verify.side import ObservedSide
from twotrack.shared.verify.trace import Trace
from twotrack.shared.workers.door import torch_track

SETTINGS = ("momentum", "dampening", "nesterov", "beta_1", "beta_2", "epsilon", "rho")
"""Of optimizers, which a parameter group of torch's has too."""
NUMBERS = (2.0, 3.0, 4.0, 5.0, 8.0, 10.0, 16.0, 32.0)
"""Of batches that make one update: by so much is a sum larger than a mean."""
LIMIT = TOLERANCES["training"].limit
ROUND = 1e-11
"""Relative."""
SAME = 1e-10
"""Difference of weights that agree."""
LIMITS = (1.0, 5.0, 0.5, 10.0, 0.1)
"""To which norms are often clipped."""


class LoopProposals:
    """What may be to blame, and what is left of the difference with that."""

    def __init__(self, side: ObservedSide, request: SearchRequest):
        self._side, self._track, self._rung = side, torch_track(side.track), request.rung
        self._torch, self._keras = (one.traces["float64"] for one in (request.torch, request.keras))
        self._own, self._other = (one.loop or LoopNotes() for one in (self._torch, self._keras))

    # === Measuring ===

    def measure(self, candidate: Candidate) -> float:
        """Return the largest difference of all that was recorded, and of the weights after every step."""
        try:
            trace = self._trained(candidate)
            # What is left behind the last step then is another matter, and Keras' is not known here.
            ends = any(isinstance(change, ChangeLoop) and change.what == "ends" for change in candidate.changes)
            return self._difference(trace, len(trace.losses) - 1 if ends else None)
        except Exception:  # whatever the changed function raises: the candidate is none
            return float("inf")

    def _trained(self, candidate: Candidate) -> Trace:
        if not candidate.changes:
            return self._torch
        with self._track.changed(self._side.model, candidate.changes):
            self._side.reset()
            return self._side.trained()

    def _difference(self, torch: Trace, until: int | None = None) -> float:
        if self._rung == "gradients":
            return max(relative(np.array(torch.losses[:1]), np.array(self._keras.losses[:1])), self._recorded(torch))
        return self._of_all_steps(torch, until)

    def _of_all_steps(self, torch: Trace, until: int | None = None) -> float:
        """Return the largest difference of all steps, or of those before one; 1 where one side has more steps."""
        if until is None and len(torch.losses) != len(self._keras.losses):
            return 1.0
        pairs = list(zip(torch.weights, self._keras.weights, strict=False))[:until]
        weights = [max(step_differences(own, other).values(), default=0.0) for own, other in pairs]
        own, other = (np.array(one.losses[: len(pairs)]) for one in (torch, self._keras))
        return max([relative(own, other), *weights])

    def _recorded(self, torch: Trace) -> float:
        """Return the largest difference of the gradients that both recorded of the first batch."""
        if not (torch.recorded and self._keras.recorded):
            return 0.0
        scale = {name: float(np.abs(one).max()) or 1.0 for name, one in self._keras.recorded[0].items()}
        return max(
            float(np.abs(torch.recorded[0][name] - one).max()) / scale[name]
            for name, one in self._keras.recorded[0].items()
        )

    # === Proposing ===

    def propose(self, made: Candidate) -> Iterator[Candidate]:
        """Yield what is forgotten or misplaced, then what both optimizers state differently, then what is fitted."""
        changed = {(change.what, change.name) for change in made.changes if isinstance(change, ChangeLoop)}
        for candidate in self._all():
            own = {(change.what, change.name) for change in candidate.changes if isinstance(change, ChangeLoop)}
            if changed.isdisjoint(own):
                yield candidate

    def _all(self) -> Iterator[Candidate]:
        yield from self._losses()
        if self._rung == "gradients":
            return
        yield from self._ends()
        yield from self._left()
        yield from self._modes()
        if self._own.empty_steps == len(self._own.rates):  # of which there may be none
            yield self._steps(0.0, 1.0)
        yield _candidate(loop_words.clears(), ChangeLoop(what="clears gradients"))
        yield _candidate(loop_words.keeps(), ChangeLoop(what="keeps gradients"))
        yield from self._updates()
        yield from self._clipping()
        for number in NUMBERS:
            for factor in (1 / number, number):
                change = ChangeLoop(what="multiplies gradients", value=factor)
                words = loop_words.summed(factor, self._own, self._side.exercise.pair.batch_size)
                yield _candidate(words, change)
        yield from self._fitted()
        yield from self._weighed()
        yield from self._stepping()

    def _losses(self) -> Iterator[Candidate]:
        """What the first losses say: a factor of what is recorded, and of gradients too or not, or another loss.

        Any factor makes two first losses one: it is a cause if it is a round one, or explains all steps.
        """
        own, other = self._torch.losses[0], self._keras.losses[0]
        if isclose(own, other, rel_tol=1e-12):
            return
        factor = rounded(other / own) if own else 0.0
        given = _candidate(loop_words.given(), ChangeLoop(what="gives the batch"))
        inside = [given, *self._weighed(), *self._modes(), *self._stepping_inside()]
        factors = list(self._factors(factor))
        yield from (one for one in (*factors, *inside) if self._in_training(one) <= LIMIT)
        yield from self._other_losses(own, other)
        if _is_round(factor):
            yield from sorted(factors, key=self._in_training)
        yield from inside

    def _other_losses(self, own: float, other: float) -> Iterator[Candidate]:
        """Another loss, penalties of the weights beside it, or weights of the classes in it."""
        loop = self._side.exercise.pair.train
        losses = LoopLosses(str(loop.target) if loop else "", self._trained, own, other)
        yield from losses.propose()
        yield from (one for one in held(self._start, other - own) if self._in_training(one) <= LIMIT)
        if (known := losses.own) is not None:
            yield from weighed(self._side, self._keras, known)

    def _factors(self, factor: float) -> Iterator[Candidate]:
        """Multiply what is recorded, and the gradients too or not."""
        if not factor:
            return
        recorded = ChangeLoop(what="multiplies the loss", value=factor)
        scaled = ChangeLoop(what="multiplies gradients", value=factor)
        batch_size = self._side.exercise.pair.batch_size
        yield _candidate(loop_words.loss(factor, batch_size), recorded, scaled)
        yield _candidate(loop_words.recorded(factor), recorded)

    def _weighed(self) -> Iterator[Candidate]:
        """Weigh the parts of a batch, of which torch's function calls backward() one by one, in another way."""
        parts = of_parts(self._own.parts)
        for (own, mine), (other, wanted) in permutations(parts.items(), 2) if len(self._own.parts) > 1 else ():
            shares = tuple(new / old for new, old in zip(wanted, mine, strict=True))
            yield _candidate(loop_words.weighed(other, own), ChangeLoop(what="weighs parts", value=shares))

    def _modes(self) -> Iterator[Candidate]:
        """Train in training mode, or in evaluation mode, throughout."""
        for mode in (True, False):
            yield _candidate(loop_words.mode(mode), ChangeLoop(what="trains", value=mode))

    def _stepping_inside(self) -> Iterator[Candidate]:
        """Step once for each batch of several parts, or behind every part, with the sum of gradients or a mean."""
        parts = len(self._own.parts)
        if parts > 1:
            yield from (self._steps(1.0, size) for size in (1.0, 1 / parts))
            yield from (self._steps(0.0, size) for size in (1.0, float(parts)))

    def _stepping(self) -> Iterator[Candidate]:
        """Step every so many batches, with the sum of gradients or a mean; or behind each."""
        yield from self._stepping_inside()
        for number in NUMBERS:
            yield from (self._steps(number, size) for size in (1.0, 1 / number))
        yield from (self._steps(0.0, size) for size in (1.0, *NUMBERS))

    def _steps(self, batches: float, size: float) -> Candidate:
        """Step every so many batches, behind every part of one for 0, with gradients times `size`."""
        change = ChangeLoop(what="steps once", value=batches) if batches else ChangeLoop(what="steps behind parts")
        words = loop_words.steps(batches, self._own)
        return _candidate(words, change, ChangeLoop(what="multiplies gradients", value=size))

    def _in_training(self, candidate: Candidate) -> float:
        """Return what a candidate leaves of the difference of the whole training."""
        try:
            return self._of_all_steps(self._trained(candidate))
        except Exception:  # as in measure
            return float("inf")

    def _ends(self) -> Iterator[Candidate]:
        """End both behind the same step, where one function ended before the other."""
        own, other = len(self._torch.losses), len(self._keras.losses)
        if own != other:
            change = ChangeLoop(what="ends", value=float(min(own, other)), is_keras=own < other)
            yield _candidate(loop_words.ends(other, own), change)

    def _left(self) -> Iterator[Candidate]:
        """Leave the weights that Keras leaves at the end, where the last ones alone differ."""
        pairs = list(zip(self._torch.weights, self._keras.weights, strict=False))
        if len(self._torch.losses) != len(self._keras.losses) or not all(_is(*pair) for pair in pairs[:-1]):
            return
        plain = Candidate(changes=(ChangeLoop(what="leaves"),), what="", torch_fix="", keras_fix="")
        states = [self._start, *self._torch.weights[:-1], self._trained(plain).weights[-1]]
        own, other = (left(states, side.weights[-1]) for side in (self._torch, self._keras))
        if other and own != other:
            told = own.told if own else "others"
            yield _candidate(loop_words.left(other.told, told), ChangeLoop(what="leaves", value=other.shares))

    def _updates(self) -> Iterator[Candidate]:
        """Let torch's optimizer do what Keras' states; of optimizers that are nobody's, as far as it can be set."""
        updates = LoopUpdates(self._own, self._other, self._in_training, self._stray)
        if updates.is_known:
            yield from updates.propose()
        else:
            yield from self._rates()
            yield from self._settings()

    def _stray(self, candidate: Candidate) -> float:
        """Return how far torch is from itself with a candidate."""
        try:
            trained = self._trained(candidate)
        except Exception:  # as in measure
            return float("inf")
        pairs = zip(self._torch.weights, trained.weights, strict=True)
        return max((size for pair in pairs for size in step_differences(*pair).values()), default=0.0)

    def _rates(self) -> Iterator[Candidate]:
        own, other = self._own.rates, self._other.rates
        is_constant = len(set(own)) == len(set(other)) == 1
        if own and other and own != other and (is_constant or len(own) == len(other)):
            value = other[0] if len(set(other)) == 1 else tuple(other)
            words = loop_words.rates(value, own[0] if len(set(own)) == 1 else tuple(own))
            yield _candidate(words, ChangeLoop(what="sets", name="rate", value=value))

    def _settings(self) -> Iterator[Candidate]:
        """Give torch's optimizer what Keras' states."""
        if not self._own.method or self._own.method != self._other.method:
            return
        stated = self._own.settings.keys() & self._other.settings.keys()
        differing: dict[str, tuple[float, float]] = {}
        for name in SETTINGS if self._own.method in METHODS else sorted(stated):
            own, other = (_setting(notes.settings, name) for notes in (self._own, self._other))
            if own != other:
                differing[name] = other, own
        changes = {name: ChangeLoop(what="sets", name=name, value=keras) for name, (keras, _) in differing.items()}
        for name, (keras, torch) in differing.items():
            yield _candidate(loop_words.setting(name, keras, torch), changes[name])
        if len(differing) > 1:
            words = [loop_words.setting(name, *both) for name, both in differing.items()]
            yield _candidate(tuple("; and ".join(part) for part in zip(*words, strict=True)), *changes.values())  # type: ignore[arg-type]

    def _clipping(self) -> Iterator[Candidate]:
        """Clip nothing, or in front of each step, to what either side says or what is usual."""
        nothing = ChangeLoop(what="clips nothing")
        stated = {name: limit for name, limit in self._other.settings.items() if name in CLIPS and limit}
        if self._own.clipped:
            yield _candidate(loop_words.unclipped(self._own.clipped), nothing)
        for name, limit in {**self._own.clipped, **stated}.items():
            yield _candidate(
                loop_words.clipped(name, limit, self._own), nothing, ChangeLoop(what=CLIPS[name], value=limit)
            )
        for limit in LIMITS:
            words = loop_words.clipped("global_clipnorm", limit, self._own)
            yield _candidate(words, nothing, ChangeLoop(what="clips by norm", value=limit))

    def _fitted(self) -> Iterator[Candidate]:
        """Multiply gradients by the ratio of the first updates, if it is one."""
        for own, other in zip(self._torch.weights, self._keras.weights, strict=True):
            moved = {name: (own[name] - start, other[name] - start) for name, start in self._start.items()}
            ratios = np.concatenate([(b / a)[a != 0].reshape(-1) for a, b in moved.values()])
            if len(ratios) and not np.allclose(ratios, 1.0, rtol=1e-9):
                factor = rounded(float(np.median(ratios)))
                if factor and np.allclose(ratios, factor, rtol=1e-6):
                    change = ChangeLoop(what="multiplies gradients", value=factor)
                    yield _candidate(loop_words.multiplied(factor), change)
                return

    @property
    def _start(self) -> Mapping[str, np.ndarray]:
        self._side.reset()
        return copies(self._side.model.weights())


def _is_round(factor: float) -> bool:
    """Return whether a factor, or one over it, has three digits at most."""
    return any(isclose(one, float(f"{one:.3g}"), rel_tol=ROUND) for one in (factor, 1 / factor))


def _is(one: Mapping[str, np.ndarray], other: Mapping[str, np.ndarray]) -> bool:
    return max(step_differences(one, other).values(), default=0.0) <= SAME


CLIPS: Mapping[str, str] = {"global_clipnorm": "clips by norm", "clipvalue": "clips by value"}
"""By setting: what a changed loop does."""


def _setting(settings: Mapping[str, float], name: str) -> float:
    return settings[name] if name in settings else float(DEFAULTS[name])


def _candidate(words: Words, *changes: ChangeLoop) -> Candidate:
    what, torch_fix, keras_fix = words
    return Candidate(changes=changes, what=what, torch_fix=torch_fix, keras_fix=keras_fix)
