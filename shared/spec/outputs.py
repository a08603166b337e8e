"""The outputs of a model that gives a mapping, a dataclass or anything nested: each tensor by the name of its place."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

from twotrack.shared.errors import UserError

ONLY = "output"
"""Name of an output that is alone."""

T = TypeVar("T")


class Outputs(NamedTuple):
    """What a model gives, by name: "logits", "hidden_states.0"; "0", "1" of a plain tuple."""

    names: tuple[str, ...]
    """Of the tensors, in the framework's order."""
    is_plain: bool = True
    """One tensor, or a tuple of tensors: their order says which is which."""
    others: tuple[str, ...] = ()
    """What is no tensor, with its kind; nothing compares it."""


def named(path: Sequence[Any]) -> str:
    """Return the name of a place; `path` has the keys that lead there."""
    return ".".join(map(str, path)) or ONLY


def pick(found: Mapping[str, T], wanted: Sequence[str], side: str) -> list[T]:
    """Return what has the wanted names, in that order; UserError if the model does not give one of them."""
    missing = [name for name in wanted if name not in found]
    if missing:
        raise UserError(
            f"outputs: the {side} model gives no '{missing[0]}'; it gives {', '.join(found)}. "
            "Write a pair's outputs as {name in Keras: name in torch}."
        )
    return [found[name] for name in wanted]
