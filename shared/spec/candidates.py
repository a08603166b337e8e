"""Changes that may remove a difference, with the words for them; and what is known where they are looked for."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from twotrack.shared.base.records import FrozenRecord
from twotrack.shared.spec.changes import ActivateRecurrence, Change, ResetInFront


class Candidate(FrozenRecord):
    """Changes that together may remove a difference, and what they would mean for the user."""

    changes: tuple[Change, ...]
    what: str
    """In what the sides differ, if this is the cause: "epsilon is 0.001 in Keras and 1e-05 in torch"."""
    torch_fix: str
    """The line that makes torch as Keras."""
    keras_fix: str
    """The line that makes Keras as torch."""
    entry: str = ""
    """Slug of the ledger's entry on this, if there is one."""
    where: str = ""
    """Canonical path of the layer to blame, where that is not the one that is changed first."""


@dataclass(frozen=True)
class Facing:
    """What is known of the Keras layer that a torch layer is to be as."""

    taken: tuple[int, ...]
    """Shape of the layer's first input, without the batch, in canonical order."""
    given: tuple[int, ...]
    """Shape of what torch's layer gives, likewise."""
    wanted: tuple[int, ...]
    """Shape of what Keras' layer gives, likewise; torch's own where Keras has no such layer."""
    hyperparameters: Mapping[str, Any] = field(default_factory=dict)
    """Of Keras' layer; empty where it has none."""


@dataclass(frozen=True)
class CallCandidate:
    """A candidate that changes a call in the user's own code."""

    candidate: Candidate
    behind: str
    """Canonical path of the layer of torch's own that returned last before; empty for none."""
    is_everywhere: bool = False
    """It changes all such calls of the model."""


def reset_in_front(paths: Sequence[str]) -> Candidate:
    """Return that Keras' GRUs at these paths reset their state in front of the product."""
    told = ", ".join(f"'{path}'" for path in paths)
    return Candidate(
        changes=tuple(ResetInFront(path=path) for path in paths),
        what=f"the reset gate of {told} acts on the state in front of its product in Keras, behind it in torch",
        torch_fix=f"a GRU of your own with n = tanh(W x + U (r * h) + b) for {told}: nn.GRU cannot do that",
        keras_fix=f"reset_after=True in {told}",
        entry="gru_reset",
    )


def activate_recurrence(path: str, activation: str, recurrent_activation: str, own: tuple[str, str]) -> Candidate:
    """Return that Keras' recurrent layer at a path has other activations than torch's `own`, of values and of gates."""
    keras, torch = (f"activation='{one}'" + (f" and recurrent_activation='{gate}'" if gate else "") for one, gate in (
        (activation, recurrent_activation if own[1] else ""), own))  # fmt: skip
    return Candidate(
        changes=(ActivateRecurrence(path=path, activation=activation, recurrent_activation=recurrent_activation),),
        what=f"'{path}' has {keras} in Keras; torch has {torch}, as Keras calls it",
        torch_fix=f"a loop over the steps with {keras}: nn.LSTM and nn.GRU have fixed ones",
        keras_fix=f"{torch} in '{path}'",
        entry="recurrent_activations",
    )
