"""Every fault planted in the code that trains, in one track, fails an exact rung, which names it.

The faults are planted where runs and comparisons train; that the ladder sees them shows that it climbs on that code.
"""

from collections.abc import Callable
from functools import cache

import pytest

from tests.bert import folders
from tests.mutation import tasks
from tests.mutation.faults import FAULTS, KERAS, TORCH, Fault
from tests.mutation.subjects import SUBJECTS
from tests.support import staged
from twotrack.shared.verify.ladder import SideResults, climbed
from twotrack.shared.verify.observation import Observation
from twotrack.shared.verify.request import SideRequest
from twotrack.shared.verify.rungs import RungResult
from twotrack.shared.workers.pool import WorkerPool

Observe = Callable[[str, str, str], Observation]


@pytest.fixture(scope="module")
def observe(workers: WorkerPool, tmp_path_factory: pytest.TempPathFactory) -> Observe:
    """Observations by subject, track and fault, in float64; without a fault each is made once."""
    small_bert = str(folders.write(tmp_path_factory.mktemp("bert") / "small"))

    def made(subject: str, track: str, fault: str) -> Observation:
        folder = tmp_path_factory.mktemp("side")
        verify = SUBJECTS[subject].located()
        if subject == "STAGES":
            verify = verify.model_copy(update={"settings": staged.settings(small_bert)})
        request = SideRequest(verify=verify, track=track, folder=folder, precisions=("float64",))
        return workers.call(track, tasks.observe, tasks.Planted(request, fault))

    healthy = cache(lambda subject, track: made(subject, track, ""))
    return lambda subject, track, fault="": made(subject, track, fault) if fault else healthy(subject, track)


def results(observe: Observe, subject: str, torch_fault: str = "", keras_fault: str = "") -> list[RungResult]:
    sides = (observe(subject, TORCH, torch_fault), observe(subject, KERAS, keras_fault))
    request = SUBJECTS[subject].model_copy(update={"until": "training"})
    return climbed(request, *(SideResults(side, None) for side in sides))


@pytest.mark.parametrize("subject", SUBJECTS)
def test_without_a_fault_every_exact_rung_passes(observe: Observe, subject: str) -> None:
    found = results(observe, subject)

    assert [result.rung for result in found] == ["data", "parameters", "forward", "gradients", "training"]
    assert found[-1].passed, found[-1].detail


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_in_the_code_that_trains_fails_a_rung_that_names_it(observe: Observe, name: str) -> None:
    fault = FAULTS[name]
    planted = {"torch_fault": name} if fault.track == TORCH else {"keras_fault": name}

    failure = results(observe, fault.subject, **planted)[-1]

    assert not failure.passed, failure
    assert (failure.rung, fault.told in failure.detail) == (fault.rung, True), failure.detail


def test_the_table_has_faults_in_both_tracks() -> None:
    by_track: dict[str, list[Fault]] = {TORCH: [], KERAS: []}
    for fault in FAULTS.values():
        by_track[fault.track].append(fault)
    assert min(map(len, by_track.values())) >= 10
    assert len(FAULTS) >= 25
