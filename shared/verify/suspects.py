"""From a rung's failure to what the ledger is asked: what both sides say of themselves where it showed."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from twotrack.shared.ledger.spec import Suspect
from twotrack.shared.spec.probe import LayerTrace
from twotrack.shared.verify.draws import SideDraws, said_at
from twotrack.shared.verify.result import FailurePlace, RungResult

STATISTICS = ("moving_mean", "moving_variance")


class Stating(Protocol):
    """A side that says something of itself: one that was observed, or a recording."""

    @property
    def loss(self) -> Mapping[str, Any]:
        """Hyperparameters of the loss."""

    @property
    def optimizer(self) -> Mapping[str, Any]:
        """Hyperparameters of the optimizer."""

    @property
    def draws(self) -> SideDraws:
        """What it draws in training."""

    @property
    def input_kinds(self) -> frozenset[str]:
        """Kinds of its inputs."""

    @property
    def layers(self) -> Sequence[LayerTrace]:
        """Calls of its layers, in order."""

    def layer(self, path: str) -> tuple[str, Mapping[str, Any]]:
        """Return class name and hyperparameters of a layer; empty ones if it has none at that path."""


def suspect(failure: RungResult, torch: Stating, keras: Stating) -> Suspect:
    """Return the suspect of a failure: a layer, the loss, a dropout or the optimizer."""
    if failure.place is FailurePlace.LOSS:
        return _of(failure, "loss", torch.loss, keras.loss, keras)
    if failure.place is FailurePlace.DROPOUT:
        torch_drop, keras_drop = said_at(failure.where, torch.draws, keras.draws)
        return _of(failure, failure.where, torch_drop, keras_drop, keras)
    if of_optimizer(failure):
        return _of(failure, failure.where, torch.optimizer, keras.optimizer, keras)
    path = failure.where.partition("#")[0] if failure.place is FailurePlace.LAYER else failure.where.rpartition(".")[0]
    (torch_kind, torch_layer), (keras_kind, keras_layer) = torch.layer(path), keras.layer(path)
    return Suspect(
        rung=failure.rung,
        where=failure.where,
        inputs=keras.input_kinds,
        torch_kind=torch_kind,
        torch=torch_layer,
        keras_kind=keras_kind,
        keras=keras_layer,
    )


def of_optimizer(failure: RungResult) -> bool:
    """Tell whether a failure is about what the optimizer does, and not about statistics that a layer keeps."""
    return failure.rung == "optimizer" or (failure.rung == "training" and not failure.where.endswith(STATISTICS))


def _of(failure: RungResult, where: str, torch: Mapping[str, Any], keras: Mapping[str, Any], side: Stating) -> Suspect:
    """Return a suspect that is no layer."""
    return Suspect(
        rung=failure.rung,
        where=where,
        inputs=side.input_kinds,
        torch_kind=torch.get("kind", ""),
        torch=torch,
        keras_kind=keras.get("kind", ""),
        keras=keras,
    )
