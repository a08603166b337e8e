"""Settings tell what torch's optimizers do, and every change to a training ends with its block."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.diagnosis import change_tasks
from tests.diagnosis.change_tasks import Asked, Trained
from twotrack.shared.spec.changes import (
    AddWeight,
    Change,
    ChangeLoss,
    Function,
    MapGradient,
    RemoveWeight,
    SetTrained,
)
from twotrack.shared.workers.pool import WorkerPool

SHARES, SIZES = st.sampled_from([0.5, 0.9, 0.99]), st.sampled_from([0.0, 1e-8, 1e-3])
BETAS = {"betas": st.tuples(SHARES, SHARES), "eps": st.sampled_from([1e-8, 1e-3]), "weight_decay": SIZES}
OPTIMIZERS = {
    "SGD": {"momentum": SHARES, "dampening": SIZES, "weight_decay": SIZES},
    "Adam": {**BETAS, "amsgrad": st.booleans()},
    "AdamW": {**BETAS, "amsgrad": st.booleans()},
    "RMSprop": {"alpha": SHARES, "momentum": st.sampled_from([0, 0.9]), "weight_decay": SIZES},
    "Adagrad": {"lr_decay": SIZES, "initial_accumulator_value": SIZES, "weight_decay": SIZES},
    "Adadelta": {"rho": SHARES, "weight_decay": SIZES},
    "Adamax": BETAS,
    "NAdam": {**BETAS, "momentum_decay": SIZES},
}


@settings(max_examples=12)
@given(data=st.data())
def test_settings_tell_what_an_optimizer_does(workers: WorkerPool, data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(OPTIMIZERS)))
    own = {setting: data.draw(values, setting) for setting, values in OPTIMIZERS[name].items()}
    found = workers.call("torch", change_tasks.tell, Asked(name, {"lr": 0.05, **own}))
    assert found.told <= 1e-12
    assert found.undone == 0


CHANGES: dict[str, Change] = {
    "trained": SetTrained(names=("first.kernel",), trained=False),
    "removed": RemoveWeight(name="last.bias"),
    "loss": ChangeLoss(function=Function(name="scale", parameters={"factor": 2.0, "power": 1})),
    "other loss": ChangeLoss(function=Function(name="named", parameters={"name": "absolute error"})),
    "activity": ChangeLoss(function=Function(name="activity", parameters={"path": "first", "l2": 0.1, "l1": 0.0})),
    "gradient": MapGradient(names=("last.bias",), function=Function(name="scale", parameters={"factor": 0.0})),
    "clipping": MapGradient(names=(), function=Function(name="clip_global_norm", parameters={"limit": 1e-3})),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_acts_and_ends_with_its_block(workers: WorkerPool, name: str) -> None:
    is_same, is_undone = workers.call("torch", change_tasks.change_and_undo, Trained([CHANGES[name]]))
    assert not is_same
    assert is_undone


def test_a_weight_that_was_added_is_gone_behind_the_block(workers: WorkerPool) -> None:
    changes: list[Change] = [RemoveWeight(name="last.bias"), AddWeight(name="last.bias")]
    _, is_undone = workers.call("torch", change_tasks.change_and_undo, Trained(changes))
    assert is_undone
