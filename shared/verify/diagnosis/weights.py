"""Weights that stand in another order than the other side takes them in, where their shapes let that pass unseen."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations, permutations

import numpy as np

from twotrack.shared.spec.candidates import Candidate
from twotrack.shared.spec.changes import OrderWeight

GATES = {
    3: (("update", "reset", "new"), "gru_gates"),
    4: (("input", "forget", "cell", "output"), "lstm_gates"),
}
"""By number: the gates in canonical order, and the ledger's entry on them."""
RECURRENT = ("kernel", "recurrent_kernel", "bias")


def orders_of_weights(path: str, weights: Mapping[str, np.ndarray]) -> Iterator[Candidate]:
    """Yield other orders of the weights of the layer at a path, and of those inside it."""
    own = {name: array for name, array in weights.items() if name.startswith(f"{path}.")}
    for name, array in own.items():
        if name.endswith(".recurrent_kernel") and array.shape[1] // array.shape[0] in GATES:
            yield from _gates(name.rpartition(".")[0], own, *GATES[array.shape[1] // array.shape[0]])
    for name, array in own.items():
        yield from _exchanged(name, array)


def _gates(path: str, weights: Mapping[str, np.ndarray], gates: Sequence[str], entry: str) -> Iterator[Candidate]:
    names = [f"{path}.{kind}" for kind in RECURRENT if f"{path}.{kind}" in weights]
    for order in permutations(range(len(gates))):
        if order == tuple(range(len(gates))):
            continue
        told = ", ".join(gates[place] for place in order)
        yield Candidate(
            changes=tuple(OrderWeight(name=name, order=order) for name in names),
            what=f"torch takes the gates of '{path}' in the order {told}, Keras in the order {', '.join(gates)}",
            torch_fix=f"load the gates' blocks of '{path}' in the order {told}",
            keras_fix=f"load the gates' blocks of '{path}' in the order {', '.join(gates)}",
            entry=entry,
        )


def _exchanged(name: str, array: np.ndarray) -> Iterator[Candidate]:
    """Yield axes of one size that have changed places, and axes of a convolution's kernel that are reversed."""
    equal = [pair for pair in combinations(range(array.ndim), 2) if array.shape[pair[0]] == array.shape[pair[1]] > 1]
    for pair in equal:
        yield _turned(name, OrderWeight(name=name, exchanged=pair), f"with axes {pair[0]} and {pair[1]} exchanged")
    places = tuple(axis for axis in range(array.ndim - 2) if array.shape[axis] > 1)
    if name.endswith(".kernel") and places:
        yield _turned(name, OrderWeight(name=name, reversed=places), f"reversed along axes {places}")


def _turned(name: str, change: OrderWeight, how: str) -> Candidate:
    return Candidate(
        changes=(change,),
        what=f"one side takes '{name}' {how}",
        torch_fix=f"'{name}' {how} (in the canonical form)",
        keras_fix=f"'{name}' {how} (in the canonical form)",
        entry="kernel_layout",
    )
