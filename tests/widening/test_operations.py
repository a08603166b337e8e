"""A difference of the forward pass is placed at the operation that makes it, with file and line of both sides."""

from pathlib import Path

import numpy as np
import pytest

from tests.support.turns import in_turn
from tests.widening.operation_pairs import FUNCTIONS, line_of
from twotrack.shared.spec.operations import OperationRecorder, OperationsTrace
from twotrack.shared.spec.sides import mixed
from twotrack.shared.verify import evidence
from twotrack.shared.verify.diagnosis.operations import parting
from twotrack.shared.verify.observe import record_operations
from twotrack.shared.verify.request import SideRequest, VerifyRequest
from twotrack.shared.workers.pool import WorkerPool

PAIRS = [f"{host}_{name.upper()}" for host in ("INSIDE", "BETWEEN") for name in FUNCTIONS]


def recorded(workers: WorkerPool, pair: str, track: str, folder: Path) -> OperationsTrace:
    request = VerifyRequest(name=f"tests.widening.operation_pairs:{pair}").located()
    place = workers.call(
        track, record_operations, SideRequest(verify=request, side=mixed(track), folder=folder / track)
    )
    return evidence.load(OperationsTrace, place)


@pytest.mark.parametrize(("pair", "track"), [*in_turn(PAIRS), *in_turn(["MISNAMED"])])
def test_it_is_placed_at_the_line_of_both_sides(pair: str, track: str, workers: WorkerPool, tmp_path: Path) -> None:
    torch, keras = (recorded(workers, pair, side, tmp_path) for side in ("torch", track))

    found = parting(torch, keras)

    name = pair.rpartition("_")[2].lower()
    assert found is not None
    assert f"at {line_of(f'keras {name}')}" in found.keras, found.words
    assert f"at {line_of(f'torch {name}')}" in found.torch, found.words
    assert found.inputs is not None
    assert found.inputs < 1e-12
    assert ("(in block)" in found.keras) == pair.startswith("INSIDE")


# === Without a framework ===

X, Y = (np.random.default_rng(seed).normal(size=(4, 3)) for seed in (0, 1))


def trace(*steps: tuple[str, list[np.ndarray], np.ndarray]) -> OperationsTrace:
    """Return what is recorded of steps, of which the last gives the output."""
    recorder = OperationRecorder(np.array)
    for name, given, made in steps:
        recorder.add(name, f"{name}.py:1", "", given, [made])
    recorder.trace.outputs = [recorder.number(steps[-1][2])]
    return recorder.trace


def test_other_steps_to_the_same_value_are_no_difference() -> None:
    ours, theirs = X * 3, X + X
    torch = trace(("triple", [X], ours), ("less", [ours, X], ours - X), ("end", [Y], Y * 2))
    keras = trace(("double", [X], theirs), ("end", [Y], Y * 3))

    found = parting(torch, keras)

    assert found is not None
    assert (found.torch, found.keras) == ("end at end.py:1", "end at end.py:1")


def test_a_value_in_another_order_of_axes_is_the_same_value() -> None:
    doubled = X * 2
    moved = np.ascontiguousarray(doubled.T)
    torch = trace(("double", [X], doubled), ("turn", [doubled], moved), ("sine", [moved], np.sin(moved)))
    keras = trace(("double", [X.T.copy()], moved), ("cosine", [moved], np.cos(moved)))

    found = parting(torch, keras)

    assert found is not None
    assert (found.torch, found.keras) == ("sine at sine.py:1", "cosine at cosine.py:1")


def test_a_difference_of_one_element_parts_two_values() -> None:
    apart = X * 2
    apart[3, 1] *= 1 + 1e-10
    torch, keras = trace(("double", [X], X * 2)), trace(("double", [X], apart))
    found = parting(torch, keras)

    assert found is not None
    assert found.outputs is not None
    assert 1e-12 < found.outputs < 1e-9


def test_equal_passes_part_nowhere() -> None:
    steps = (("double", [X], X * 2), ("end", [Y], Y * 3))
    assert parting(trace(*steps), trace(*steps)) is None
