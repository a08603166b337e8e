"""The search where a training parts: running statistics that are averaged another way, or else the optimizer."""

from collections.abc import Iterator, Mapping
from functools import cached_property

import numpy as np

from twotrack.shared.base.tolerances import TOLERANCES
from twotrack.shared.spec.candidates import Candidate
from twotrack.shared.spec.changes import Function, MapGradient, SetHyperparameter, SetStatistics, SetUpdate
from twotrack.shared.verify.diagnosis.findings import SearchRequest
from twotrack.shared.verify.diagnosis.loss_fits import told
from twotrack.shared.verify.diagnosis.searching import NOTHING, together
from twotrack.shared.verify.diagnosis.updates import UpdateProposals
from twotrack.shared.verify.result import relative
from twotrack.shared.verify.rungs.training import step_differences
from twotrack.shared.verify.side import ObservedSide
from twotrack.shared.verify.suspects import STATISTICS
from twotrack.shared.verify.trace import Trace, same_losses


class TrainingProposals(UpdateProposals):
    """What may be to blame for a difference in the short training."""

    def __init__(self, side: ObservedSide, request: SearchRequest):
        super().__init__(side, request)
        self._keras = request.keras.traces["float64"]
        self._last = self._first_difference(request.torch.traces["float64"])

    @property
    def limit(self) -> float:
        """The rung's."""
        return TOLERANCES["training"].limit

    def _first_difference(self, torch: Trace) -> int:
        """Return the step (0-based) at which the sides part: what comes behind may be its rounding that grows."""
        for step in range(len(self._keras.losses)):
            if self._difference(torch, step) > self.limit:
                return step
        return len(self._keras.losses) - 1

    def _difference(self, torch: Trace, step: int) -> float:
        losses, others = same_losses(torch, self._keras)
        weights = step_differences(torch.weights[step], self._keras.weights[step])
        return max(relative(np.array(losses[step]), np.array(others[step])), *weights.values(), 0.0)

    def measure(self, candidate: Candidate) -> float:
        """Return the largest difference up to the step at which the sides part."""
        try:
            with self._track.changed(self._side.model, candidate.changes):
                trace = self._trained()
            return max(self._difference(trace, step) for step in range(self._last + 1))
        except Exception:  # whatever the changed model raises: the candidate is none
            return float("inf")

    def glance(self, candidate: Candidate) -> float:
        """A short training has no beginning that is worth a look of its own."""
        return self.measure(candidate)

    def stray(self, candidate: Candidate) -> float:
        """Return how far torch's weights are from themselves up to that step."""
        try:
            with self._track.changed(self._side.model, candidate.changes):
                trained = self._trained()
        except Exception:  # whatever the changed optimizer raises
            return float("inf")
        own = self._request.torch.traces["float64"]
        pairs = [(own.weights[step], trained.weights[step]) for step in range(self._last + 1)]
        return max(size for pair in pairs for size in (*step_differences(*pair).values(), 0.0))

    def _trained(self) -> Trace:
        self._side.reset()
        return self._side.trained()

    def propose(self, made: Candidate) -> Iterator[Candidate]:
        """Yield what may be to blame for the statistics, if they differ first; then settings of the optimizer."""
        path, _, kind = self._request.where.rpartition(".")
        if kind in STATISTICS and made is NOTHING:
            yield from self._statistics(path)
        if kind == "embeddings" and made is NOTHING:
            yield _squared_in_parts(path)
        if self._request.where and kind not in STATISTICS:
            yield _never_zeroed(self._request.where)
        yield from super().propose(made)

    def _statistics(self, path: str) -> Iterator[Candidate]:
        """Of all layers that differ: one cause of many."""
        paths = self._moving
        biased = _biased(paths)
        shares = {one: share for one in paths if (share := self._share(one)) is not None}
        others = [_momentum(shares, self._own(next(iter(shares))))] if shares else []
        yield from [*others, biased, *(together(one, biased) for one in others)]
        yield from (frozen(paths), thawed(paths))

    @cached_property
    def _moving(self) -> list[str]:
        """Paths of the layers whose statistics differ after the step at which the sides part."""
        torch = self._request.torch.traces["float64"].weights[self._last]
        found = step_differences(torch, self._keras.weights[self._last])
        names = [name for name, size in found.items() if size > self.limit and name.rpartition(".")[2] in STATISTICS]
        return list(dict.fromkeys(name.rpartition(".")[0] for name in names))

    def _own(self, path: str) -> float | None:
        """Return the share that torch's layer keeps of its statistics at every step."""
        return self._request.torch.layer(path)[1].get("momentum")

    def _share(self, path: str) -> float | None:
        """Return the share that Keras' layer keeps, as it states it; else as the first step shows it."""
        stated = self._request.keras.layer(path)[1].get("momentum")
        own = self._own(path)
        if own is None:
            return None
        share = stated if stated is not None else self._fitted(path, own)
        return share if share is not None and abs(share - own) > 1e-12 else None

    def _fitted(self, path: str, own: float) -> float | None:
        """Solve for the share that takes Keras' mean from where it began to where it is after one step."""
        name = f"{path}.{STATISTICS[0]}"
        before: Mapping[str, np.ndarray] = self._drawn
        if name not in before or own == 1:
            return None
        torch, keras = (trace.weights[0][name] for trace in (self._request.torch.traces["float64"], self._keras))
        batch = (torch - own * before[name]) / (1 - own)
        moved = batch - before[name]
        return 1 - float((moved * (keras - before[name])).sum() / (moved * moved).sum())

    @cached_property
    def _drawn(self) -> Mapping[str, np.ndarray]:
        self._side.reset()
        return self._side.model.weights()


def _squared_in_parts(path: str) -> Candidate:
    return Candidate(
        changes=(
            SetHyperparameter(path=path, name="sparse", value=True),
            SetUpdate(setting="squared_in_parts", value=True, weights=(f"{path}.embeddings",)),
        ),
        what=f"of a row of '{path}' that was looked up several times Keras squares the gradients one by one and adds "
        "the squares, torch squares their sum",
        torch_fix="an optimizer of twotrack on both sides, whose gradients are dense",
        keras_fix="an optimizer of twotrack on both sides, or a backend other than TensorFlow",
        entry="sparse_embedding_gradients",
    )


def _never_zeroed(name: str) -> Candidate:
    return Candidate(
        changes=(MapGradient(names=(name,), function=Function(name="accumulate")),),
        what=f"the gradient of '{name}' is never set to zero in Keras, so that every step adds to it, as where "
        "PyTorch finds one of two weights that share a path (variable.path)",
        torch_fix=f"no zero_grad() for '{name}'",
        keras_fix=f"a path of its own for '{name}', or a backend other than PyTorch",
    )


def _momentum(shares: Mapping[str, float], own: float | None) -> Candidate:
    quoted, kept = ", ".join(map(repr, shares)), told(dict.fromkeys(shares.values()))
    shown, fresh = f"{own:g}", told(1 - one for one in dict.fromkeys(shares.values()))
    return Candidate(
        changes=tuple(SetHyperparameter(path=path, name="momentum", value=1 - one) for path, one in shares.items()),
        what=f"the running statistics of {quoted} keep {kept} of themselves at every step in Keras, {shown} in torch",
        torch_fix=f"momentum={fresh} in {quoted} (torch counts what is new)",
        keras_fix=f"momentum={shown} in {quoted} (Keras counts what is kept)",
        entry="batch_norm_momentum",
    )


def _biased(paths: list[str]) -> Candidate:
    quoted = ", ".join(map(repr, paths))
    return Candidate(
        changes=tuple(SetStatistics(path=path, how="biased") for path in paths),
        what=f"the running variance of {quoted} averages the biased variance of a batch (over n) in Keras, the "
        "unbiased one (over n - 1) in torch",
        torch_fix=f"the running variance of {quoted} over n, as twotrack.torch_track.layers.BatchNorm2d has it",
        keras_fix="none: Keras has the biased variance only",
        entry="batch_norm_variance",
    )


def frozen(paths: list[str]) -> Candidate:
    """Return the candidate that these batch normalisations stay as they are in Keras."""
    quoted = ", ".join(map(repr, paths))
    return Candidate(
        changes=tuple(SetStatistics(path=path, how="frozen") for path in paths),
        what=f"the running statistics of {quoted} stay as they are in Keras, and normalise in training too",
        torch_fix=f"eval() for {quoted} in every training step",
        keras_fix=f"trainable=True for {quoted}",
        entry="frozen_batch_norm",
    )


def thawed(paths: list[str]) -> Candidate:
    """Return the candidate that these batch normalisations stay as they are in torch alone."""
    quoted = ", ".join(map(repr, paths))
    return Candidate(
        changes=tuple(SetStatistics(path=path, how="thawed") for path in paths),
        what=f"the running statistics of {quoted} stay as they are in torch, and normalise in training too; in Keras "
        "they do not",
        torch_fix=f"no eval() for {quoted} in training",
        keras_fix=f"trainable=False for {quoted}, or training=False in its call",
        entry="frozen_batch_norm",
    )
