"""What a Keras optimizer of a shared spec remembers, in canonical form and back; see twotrack.shared.spec.state."""

from collections.abc import Iterator, Mapping, Sequence

import keras
import numpy as np

from twotrack.keras_track.recording import as_array
from twotrack.keras_track.weights import Entry
from twotrack.shared.spec.optimizers import Nadam, Optimizer
from twotrack.shared.spec.state import ROWS_AND_COLUMNS, OptimizerState, Slot, is_remembered, key, slots_of
from twotrack.shared.weights.bridge import BridgeError
from twotrack.shared.weights.bridge.layouts import SAME, Layout
from twotrack.shared.weights.bridge.names import require_same

Held = tuple[str, keras.Variable, Layout]
"""Name of a weight's slot, the optimizer's variable, and the way to the canonical form."""


def read(optimizer: keras.optimizers.Optimizer, spec: Optimizer, table: Mapping[str, Entry]) -> OptimizerState:
    """Return copies of all that it remembers."""
    held = _held(optimizer, spec, _updated(optimizer, table))
    slots = {name: np.array(layout.to_canonical(as_array(one)), order="C") for name, one, layout in held}
    updates = int(as_array(optimizer._iterations))
    state = OptimizerState(slots, updates, updates)
    if spec.accumulate > 1:
        state.batches, state.rows = int(as_array(optimizer._batches)), float(as_array(optimizer._rows_gathered))
    if isinstance(spec, Nadam):
        state.product = float(as_array(optimizer._u_product))
    return state


def write(
    optimizer: keras.optimizers.Optimizer, spec: Optimizer, table: Mapping[str, Entry], state: OptimizerState
) -> None:
    """Replace all that it remembers; BridgeError for a state that is not of this optimizer and these weights."""
    held = {name: (one, layout) for name, one, layout in _held(optimizer, spec, _updated(optimizer, table))}
    expected = {name: layout.canonical_shape(tuple(one.shape)) for name, (one, layout) in held.items()}
    found = {name: array.shape for name, array in state.slots.items()}
    require_same(expected, found, "the Keras optimizer", "the state")
    for name, (one, layout) in held.items():
        one.assign(np.array(layout.from_canonical(state.slots[name]), order="C"))
    optimizer._iterations.assign(state.updates)
    if spec.accumulate > 1:
        optimizer._batches.assign(state.batches)
        optimizer._rows_gathered.assign(state.rows)
    if isinstance(spec, Nadam):
        optimizer._u_product.assign(state.product)


def _updated(optimizer: keras.optimizers.Optimizer, table: Mapping[str, Entry]) -> list[tuple[str, Entry]]:
    """Return the weights that it updates, in its own order."""
    named = {id(entry.variable): (name, entry) for name, entry in table.items()}
    return [named[id(one)] for one in optimizer._trainable_variables]


def _held(
    optimizer: keras.optimizers.Optimizer, spec: Optimizer, updated: Sequence[tuple[str, Entry]]
) -> Iterator[Held]:
    for slot in slots_of(spec):
        variables = getattr(optimizer, slot.keras, None) or []
        for (name, entry), variable in zip(updated, variables, strict=False):  # no variables: the numbers need none
            if variable is not None and is_remembered(spec, slot, name, len(entry.shape)):
                yield key(slot, name), variable, _layout(slot, name, entry)


def _layout(slot: Slot, name: str, entry: Entry) -> Layout:
    if slot.name not in ROWS_AND_COLUMNS:
        return entry.layout
    if entry.layout != SAME:
        raise BridgeError(f"rows and columns of '{name}' count in another order in Keras: its state cannot be carried")
    return SAME
