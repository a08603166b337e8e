"""The search where an optimizer differs: from torch's settings to Keras', by as few as remove the difference."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from twotrack.shared.base.tolerances import TOLERANCES
from twotrack.shared.spec.candidates import Candidate
from twotrack.shared.spec.changes import SetUpdate
from twotrack.shared.spec.loop import constant_or_all
from twotrack.shared.spec.optimizers import Optimizer, Sophia
from twotrack.shared.spec.pair import CustomOptimizer
from twotrack.shared.spec.probe import OptimizerStart
from twotrack.shared.spec.update_options import groups_of
from twotrack.shared.spec.updates import METHODS, Rules, Settings, held, of_spec
from twotrack.shared.verify import optimizer_material
from twotrack.shared.verify.diagnosis.findings import SearchRequest
from twotrack.shared.verify.diagnosis.rules import Deviation, candidate, deviations, needed
from twotrack.shared.verify.diagnosis.searching import NOTHING
from twotrack.shared.verify.optimizer_material import CHECKPOINTS, checkpoints
from twotrack.shared.verify.result import relative
from twotrack.shared.verify.rungs.optimizer import OptimizerEvidence
from twotrack.shared.verify.side import ObservedSide
from twotrack.shared.workers.door import torch_track

FIRST = CHECKPOINTS[:6]
"""Checkpoints up to the last of which a candidate is run first: most are refuted there."""


CLIPPINGS = ("clipnorm", "global_clipnorm", "clipvalue")
USUAL_LIMITS = (1.0, 5.0, 0.5, 10.0, 0.1, 0.25, 2.0, 3.0, 0.01, 0.05)
"""To which gradients are often clipped, the commonest first."""
USUAL_BATCHES = (2, 4, 8, 16, 3, 5, 10)
"""Of which one update is often made."""
USUAL_AVERAGES = (0.99, 0.999, 0.9, 0.9999, 0.95)
"""What a moving average of weights often keeps of itself."""
CLIP_EPSILON = 1e-6
"""That torch's clip_grad_norm_ adds to the norm."""


def _clippings(limit: float) -> Iterator[tuple[SetUpdate, ...]]:
    """Yield the ways in which code in front of a step of torch's clips gradients to a limit."""
    for epsilon in (CLIP_EPSILON, 0.0):
        beside = (SetUpdate(setting="clip_epsilon", value=epsilon),) if epsilon else ()
        for name in ("global_clipnorm", "clipnorm"):
            whole = (SetUpdate(setting="clip_whole", value=True),) if name == "clipnorm" else ()
            yield (SetUpdate(setting=name, value=limit), *beside, *whole)
    yield (SetUpdate(setting="clipvalue", value=limit),)


def _first(stated: Sequence[Any], usual: Sequence[Any]) -> tuple[Any, ...]:
    return (*stated, *(one for one in usual if one not in stated))


class UpdateProposals(ABC):
    """What may be to blame for a difference of updates, by what both sides say of their optimizers."""

    def __init__(self, side: ObservedSide, request: SearchRequest):
        self._side, self._request, self._pair = side, request, side.exercise.pair
        self._track = torch_track(side.track)

    @abstractmethod
    def measure(self, candidate: Candidate) -> float:
        """Make the changes, and return the difference that is left."""

    @abstractmethod
    def glance(self, candidate: Candidate) -> float:
        """Do the same with a look at the beginning only."""

    @abstractmethod
    def stray(self, candidate: Candidate) -> float:
        """Make the changes, and return how far torch is then from itself without them."""

    @property
    @abstractmethod
    def limit(self) -> float:
        """Up to which a difference is none."""

    def propose(self, made: Candidate) -> Iterator[Candidate]:
        """Yield the fewest settings with which torch updates as Keras says that it does; then each alone."""
        if made is not NOTHING:
            return
        found, more, guessed = self._deviations, self._does_more, self._guessed
        if (found or more) and self._removes(found):
            yield candidate(self._fewest(found), more, guessed)
        if not more:
            yield from (candidate([one], guessed=guessed) for one in found)

    @cached_property
    def _does_more(self) -> str:
        """What torch's optimizer is called if it does something that its settings do not tell; else empty."""
        method = next((own["method"] for own in self._torch_rules.values()), "")
        told = self._is_told or bool(self._guessed)
        return "" if told or not method else self._request.torch.optimizer["kind"]

    @cached_property
    def _is_told(self) -> bool:
        """Whether torch's optimizer does what its settings say, and no more."""
        return self._has_method and self.stray(candidate([])) <= self.limit

    @property
    def _has_method(self) -> bool:
        return next((own["method"] for own in self._stated.values()), "") in METHODS

    @cached_property
    def _guessed(self) -> Sequence[SetUpdate]:
        """Return what torch does in hooks, such as clipping, with which its settings tell all that it does.

        Empty for nothing.
        """
        if self._is_told or not self._has_method:
            return ()
        found = (changes for changes in self._guesses() if self.stray(candidate([], guessed=changes)) <= self.limit)
        return next(found, ())

    def _guesses(self) -> Iterator[tuple[SetUpdate, ...]]:
        """Yield what is often done in front of a step or behind it, first with the numbers that Keras states."""
        for limit in _first(self._stated_by_keras(*CLIPPINGS), USUAL_LIMITS):
            yield from _clippings(limit)
        for every in _first(self._stated_by_keras("gathered"), USUAL_BATCHES):
            own = SetUpdate(setting="gathered", value=every)
            yield from ((own, SetUpdate(setting="summed", value=True)), (own,))
        for momentum, every in self._stated_by_keras("average"):
            kept = _first([momentum, round(1 - momentum, 12)], USUAL_AVERAGES)
            yield from ((SetUpdate(setting="average", value=(one, every)),) for one in kept)

    def _stated_by_keras(self, *settings: str) -> list[Any]:
        """Return what Keras' optimizer states in any of these settings, for any weight, that is not nothing."""
        stated = [own.get(name) for own in self._keras_rules().values() for name in settings]
        return list(dict.fromkeys(one for one in stated if one and one != 1))

    def _removes(self, found: Sequence[Deviation]) -> bool:
        return self.measure(candidate(found, guessed=self._guessed)) <= self.limit

    def _fewest(self, found: Sequence[Deviation]) -> Sequence[Deviation]:
        """Leave out what is not needed, one by one; what seems so at the beginning may be needed later."""
        for measure in (self.glance, self.measure):
            left = needed(found, lambda kept: measure(candidate(kept, guessed=self._guessed)) <= self.limit)  # noqa: B023
            if self._removes(left):
                return left
        return found

    @property
    def _torch_rules(self) -> Rules:
        guessed = {change.setting: change.value for change in self._guessed}
        limits = self._held(True, [name for name in self._stated if name in self._side.trained_shapes()])
        return {
            name: {**own, **guessed, **({"limit": limits[name]["limit"]} if name in limits else {})}
            for name, own in self._stated.items()
        }

    def _held(self, is_torch: bool, names: Sequence[str]) -> Rules:
        return held(self._pair.penalties, self._pair.constraints, is_torch, names)

    @cached_property
    def _stated(self) -> Rules:
        """Return the settings of torch's own optimizer, as it states them."""
        return self._track.update_rules(self._side.model, self._pair.optimizer, self._planned)

    @cached_property
    def _deviations(self) -> list[Deviation]:
        trained, rules, own = self._side.trained_shapes(), self._torch_rules, self._keras_rules()
        rates = {"rate": constant_or_all(self._torch_evidence.learning_rates)}
        names = [name for name in own if name in rules and name in trained]
        return deviations({name: own[name] for name in names}, {name: rates | dict(rules[name]) for name in names})

    @property
    def _planned(self) -> list[float]:
        return self._pair.learning_rates(optimizer_material.STEPS)

    def _keras_rules(self) -> Rules:
        """Return what Keras' optimizer states, with the learning rates that it had."""
        stated: Mapping[str, Mapping[str, Any]] = self._request.keras.optimizer.get("settings", {})
        rate = constant_or_all(self._keras_evidence.learning_rates)
        of_pair = self._held(False, list(stated))
        rules = {
            name: {**_with_held(_tuples(own), of_pair[name]), "rate": rate}
            for name, own in stated.items()
            if own["method"]
        }
        if isinstance(self._pair.optimizer, CustomOptimizer):
            return rules
        if isinstance(self._pair.optimizer, Sophia):
            return {}
        return dict(self._of_spec(self._pair.optimizer, rules))

    def _of_spec(self, optimizer: Optimizer, rules: Rules) -> Iterator[tuple[str, Settings]]:
        """Yield what an optimizer of twotrack does to each weight, with penalties and constraints that Keras adds."""
        shapes = self._side.trained_shapes()
        chosen = groups_of(rules, optimizer.groups)
        for name, own in rules.items():
            spec = of_spec(optimizer, name, len(shapes.get(name, ())), chosen[name])
            yield name, {**own, **spec, "decay": (own["decay"][0], spec["decay"][1])}

    @cached_property
    def _torch_evidence(self) -> OptimizerEvidence:
        return self._request.torch.probe("optimizer", OptimizerEvidence)["float64"]

    @cached_property
    def _keras_evidence(self) -> OptimizerEvidence:
        return self._request.keras.probe("optimizer", OptimizerEvidence)["float64"]


def _with_held(own: Mapping[str, Any], of_pair: Mapping[str, Any]) -> dict[str, Any]:
    """Return Keras' settings with what the pair holds to its weights beside what its layers bring."""
    inside, off = own["decay"]
    decay = inside + 2 * of_pair["l2"], off
    return {**own, "decay": decay, "l1": own["l1"] + of_pair["l1"], "limit": own["limit"] or of_pair["limit"]}


def _tuples(own: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings that went through JSON."""
    return {name: tuple(value) if isinstance(value, list) else value for name, value in own.items()}


class AloneProposals(UpdateProposals):
    """Of the rung optimizer: the optimizer is run apart from the model, on the gradients that the rung drew."""

    def __init__(self, side: ObservedSide, request: SearchRequest):
        super().__init__(side, request)
        self._ran: dict[tuple[str, tuple[int, ...]], list[dict[str, np.ndarray]] | None] = {}

    @property
    def limit(self) -> float:
        """The rung's."""
        return TOLERANCES["optimizer"].limit

    def measure(self, candidate: Candidate) -> float:
        """Return the largest difference of the first checkpoints, and only if there is none there of all."""
        left = self.glance(candidate)
        return left if not left <= self.limit else self._left(candidate, self._all, self._keras_evidence)

    def glance(self, candidate: Candidate) -> float:
        """Return the largest difference of the first checkpoints."""
        return self._left(candidate, FIRST, self._keras_evidence)

    def stray(self, candidate: Candidate) -> float:
        """Return how far torch is from itself: at the first checkpoints, and only if there is nothing there of all."""
        left = self._left(candidate, FIRST, self._torch_evidence)
        return left if not left <= self.limit else self._left(candidate, self._all, self._torch_evidence)

    @property
    def _all(self) -> tuple[int, ...]:
        return checkpoints(self._keras_evidence.steps)

    def _left(self, candidate: Candidate, until: Sequence[int], wanted: OptimizerEvidence) -> float:
        key = candidate.model_dump_json(include={"changes"}), tuple(until)
        if key not in self._ran:
            self._ran[key] = self._changed(candidate, until)
        if (found := self._ran[key]) is None:
            return float("inf")
        pairs = zip(found, wanted.parameters, strict=False)
        return max(relative(values[name], other[name]) for values, other in pairs for name in other)

    def _changed(self, candidate: Candidate, until: Sequence[int]) -> list[dict[str, np.ndarray]] | None:
        """Run with changes; return None if the optimizer does not run with them."""
        try:
            with self._track.changed(self._side.model, candidate.changes):
                return self._run(until)
        except Exception:  # whatever the changed optimizer raises: the candidate is none
            return None

    def _run(self, until: Sequence[int]) -> list[dict[str, np.ndarray]]:
        shapes = optimizer_material.choose(self._side.trained_shapes())
        gradients = optimizer_material.draw_gradients(shapes, until[-1])
        starts = optimizer_material.starts(shapes, until[-1])
        if until != self._all:
            starts = [OptimizerStart(starts[0].parameters, until)]
        return self._side.probe.run_optimizer(self._pair.optimizer, self._planned, starts, gradients).parameters
