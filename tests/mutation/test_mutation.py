"""Every fault planted in the code that trains, in one track, fails an exact rung, which names it.

The faults are planted where runs and comparisons train; that the ladder sees them shows that it climbs on that code.
"""

import pytest
from _pytest.mark import ParameterSet

from tests.mutation.faults import FAULTS, KERAS, TORCH, Fault
from tests.mutation.observing import Gate
from tests.mutation.subjects import SUBJECTS
from tests.support.turns import quickest_alone
from twotrack.shared.workers.pool import WorkerPool

LIKE_OTHERS = {
    "reversed schedule, torch": "schedule one step early",
    "reversed schedule, Keras": "last learning rate off",
    "epsilon": "no decay",
    "no Nesterov": "beta_2",
    "biases do not decay": "clipped gradients",
    "momentum forgotten at an epoch": "optimizer rebuilt at an epoch",
    "optimizer rebuilt at an epoch of a stage": "optimizer rebuilt at an epoch",
    "stale targets": "stale inputs",
    "a step twice": "stale inputs",
    "statistics move in inference, torch": "statistics move in inference, Keras",
}
"""Faults that change the same place of the code as another, which stays in the default tests; slow."""


def marked(name: str, subject: str) -> ParameterSet:
    """Return a parameter; tests/verify has the deep networks."""
    is_slow = subject.startswith("DEEP") or name in LIKE_OTHERS
    return pytest.param(name, marks=pytest.mark.slow if is_slow else ())


@pytest.fixture(scope="module", params=quickest_alone())
def gate(workers: WorkerPool, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Gate:
    return Gate(workers, tmp_path_factory.mktemp("sides"), request.param)


@pytest.mark.parametrize("subject", [marked(name, name) for name in SUBJECTS])
def test_without_a_fault_every_exact_rung_passes(gate: Gate, subject: str) -> None:
    results = gate.healthy(subject)

    assert [result.rung for result in results] == [
        "data",
        "parameters",
        "forward",
        "dropout",
        "range",
        "pieces",
        "loss",
        "gradients",
        "optimizer",
        "training",
    ]
    assert results[-1].passed, results[-1].detail


@pytest.mark.parametrize("name", [marked(name, fault.subject) for name, fault in FAULTS.items()])
def test_a_fault_in_the_code_that_trains_fails_a_rung_that_names_it(gate: Gate, name: str) -> None:
    failure = gate.planted(name)[-1]

    assert not failure.passed, failure
    assert failure.rung == FAULTS[name].rung, failure.detail
    assert FAULTS[name].told in failure.detail


def test_the_table_has_faults_in_both_tracks() -> None:
    by_track: dict[str, list[Fault]] = {TORCH: [], KERAS: []}
    for fault in FAULTS.values():
        by_track[fault.track].append(fault)
    assert min(map(len, by_track.values())) >= 10
    assert len(FAULTS) >= 25


def test_every_rung_that_a_fault_fails_is_failed_by_default() -> None:
    by_default = FAULTS.keys() - LIKE_OTHERS.keys()
    assert set(LIKE_OTHERS.values()) <= by_default
    assert {FAULTS[name].rung for name in by_default} == {fault.rung for fault in FAULTS.values()}
