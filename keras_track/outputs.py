"""What a keras.Model gives by name, in the plain form that the track works with.

A model that needs it gets a class of its own, derived from its class: all that looks at it sees tensors in a list.
"""

from collections.abc import Sequence
from typing import Any

import keras

from twotrack.shared.spec.outputs import Outputs, named, pick


def outputs_of(structure: Any) -> Outputs:
    """Return what a model gave, by name, mappings in the order of their keys, as Keras goes through them."""
    found = _leaves(structure)
    others = [f"{named(path)} ({type(leaf).__name__})" for path, leaf in found if not keras.ops.is_tensor(leaf)]
    is_flat = isinstance(structure, list | tuple) and not hasattr(structure, "_fields")
    is_plain = keras.ops.is_tensor(structure) or (is_flat and all(len(path) == 1 for path, _ in found))
    return Outputs(tuple(named(path) for path, leaf in found if keras.ops.is_tensor(leaf)), is_plain, tuple(others))


def adapted(model: keras.Model, wanted: Sequence[str]) -> keras.Model:
    """Return the model, giving the `wanted` outputs in their order; as it is for none."""
    own = type(model)
    if not wanted:
        return model

    def call(self: keras.Model, *args: Any, **kwargs: Any) -> Any:
        made = own.call(self, *args, **kwargs)
        picked = pick({named(path): leaf for path, leaf in _leaves(made)}, wanted, "Keras")
        return picked if len(picked) > 1 else picked[0]

    model.__class__ = type(own.__name__, (own,), {"call": call, "__module__": own.__module__})
    return model


def _leaves(structure: Any) -> list[tuple[tuple, Any]]:
    """Return what a nested structure holds, with the keys that lead there; no None."""
    return [(path, leaf) for path, leaf in keras.tree.flatten_with_path(structure) if leaf is not None]
