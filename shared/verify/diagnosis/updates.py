"""The search where an optimizer differs: from torch's settings to Keras', by as few as remove the difference."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any

from twotrack.shared.base.tolerances import TOLERANCES
from twotrack.shared.spec.changes import Candidate
from twotrack.shared.spec.pair import CustomOptimizer
from twotrack.shared.spec.updates import Rules, of_spec
from twotrack.shared.verify import optimizer_material
from twotrack.shared.verify.diagnosis.findings import SearchRequest
from twotrack.shared.verify.diagnosis.rules import Deviation, candidate, deviations
from twotrack.shared.verify.diagnosis.searching import NOTHING
from twotrack.shared.verify.result import relative
from twotrack.shared.verify.rungs.optimizer import OptimizerEvidence
from twotrack.shared.verify.side import ObservedSide
from twotrack.shared.workers.door import open_torch

FIRST = (1, 2, 3, 5, 10, 25)
"""Checkpoints up to the last of which a candidate is run first: most are refuted there."""


class UpdateProposals(ABC):
    """What may be to blame for a difference of updates, by what both sides say of their optimizers."""

    def __init__(self, side: ObservedSide, request: SearchRequest):
        self._side, self._request, self._pair = side, request, side.exercise.pair
        self._track = open_torch("auto")

    @abstractmethod
    def measure(self, candidate: Candidate) -> float:
        """Make the changes, and return the difference that is left."""

    @property
    @abstractmethod
    def limit(self) -> float:
        """Up to which a difference is none."""

    def propose(self, made: Candidate) -> Iterator[Candidate]:
        """Yield the fewest settings with which torch updates as Keras says that it does; then each alone."""
        if made is not NOTHING:
            return
        found = self._deviations
        if found and self._removes(found):
            yield candidate(self._fewest(found))
        yield from (candidate([one]) for one in found)

    def _removes(self, found: Sequence[Deviation]) -> bool:
        return self.measure(candidate(found)) <= self.limit

    def _fewest(self, found: Sequence[Deviation]) -> list[Deviation]:
        """Leave out what is not needed, one by one."""
        needed = list(found)
        for one in found:
            without = [other for other in needed if other is not one]
            if without and self._removes(without):
                needed = without
        return needed

    @cached_property
    def _deviations(self) -> list[Deviation]:
        try:
            rules = self._track.update_rules(self._side.model, self._pair.optimizer, self._planned)
        except KeyError:  # an optimizer that settings cannot tell
            return []
        trained = self._side.trained_shapes()
        own = self._keras_rules(rules)
        rates = {"rate": self._rate(self._torch_evidence.learning_rates)}
        names = [name for name in own if name in rules and name in trained]
        return deviations({name: own[name] for name in names}, {name: {**rules[name], **rates} for name in names})

    @property
    def _planned(self) -> list[float]:
        return self._pair.learning_rates(optimizer_material.STEPS)

    def _keras_rules(self, torch: Rules) -> Rules:
        """Return what Keras' optimizer states, with the learning rates that it had."""
        stated: Mapping[str, Mapping[str, Any]] = self._request.keras.optimizer.get("settings", {})
        rate = self._rate(self._keras_evidence.learning_rates)
        rules = {name: {**_tuples(own), "rate": rate} for name, own in stated.items() if own["method"]}
        if isinstance(self._pair.optimizer, CustomOptimizer):
            return rules
        spec = of_spec(self._pair.optimizer)
        return {name: {**own, **spec, "decay": (own["decay"][0], spec["decay"][1])} for name, own in rules.items()}

    @staticmethod
    def _rate(rates: Sequence[float]) -> float | tuple[float, ...] | None:
        if not rates:
            return None
        return rates[0] if len(set(rates)) == 1 else tuple(rates)

    @cached_property
    def _torch_evidence(self) -> OptimizerEvidence:
        return self._request.torch.probe("optimizer", OptimizerEvidence)["float64"]

    @cached_property
    def _keras_evidence(self) -> OptimizerEvidence:
        return self._request.keras.probe("optimizer", OptimizerEvidence)["float64"]


def _tuples(own: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings that went through JSON."""
    return {name: tuple(value) if isinstance(value, list) else value for name, value in own.items()}


class AloneProposals(UpdateProposals):
    """Of the rung optimizer: the optimizer is run apart from the model, on the gradients that the rung drew."""

    @property
    def limit(self) -> float:
        """The rung's."""
        return TOLERANCES["optimizer"].limit

    def measure(self, candidate: Candidate) -> float:
        """Return the largest difference of the first checkpoints, and only if there is none there of all."""
        try:
            with self._track.changed(self._side.model, candidate.changes):
                left = self._left(FIRST)
                return left if left > self.limit else self._left(optimizer_material.CHECKPOINTS)
        except Exception:  # whatever the changed optimizer raises: the candidate is none
            return float("inf")

    def _left(self, checkpoints: Sequence[int]) -> float:
        shapes = optimizer_material.choose(self._side.trained_shapes())
        gradients = optimizer_material.draw_gradients(shapes)
        run = self._side.probe.run_optimizer(
            self._pair.optimizer,
            self._planned,
            optimizer_material.draw_parameters(shapes),
            {name: array[: checkpoints[-1]] for name, array in gradients.items()},
            checkpoints,
        )
        kept = dict(zip(optimizer_material.CHECKPOINTS, self._keras_evidence.parameters, strict=True))
        pairs = ((values, kept[step]) for step, values in zip(checkpoints, run.parameters, strict=True))
        return max(relative(values[name], keras[name]) for values, keras in pairs for name in keras)
