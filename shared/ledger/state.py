"""The ledger's entries on what optimizers remember, and what of it files hold."""

from twotrack.shared.ledger.forms import in_no_chapter
from twotrack.shared.ledger.spec import Area, Difference

_entry = in_no_chapter(Area.STATE)
_CARRIED = "twotrack run --from and convert --with-optimizer carry it in canonical form (shared/spec/state.py)"

ENTRIES: tuple[Difference, ...] = (
    _entry(
        "state_begins",
        "when an optimizer's state is made",
        "arrays before the first step",
        torch=("at a parameter's first update", 0),
        keras=("when it is built", 2),
        fix="none: zeros that are not there yet are zeros",
        aligned="a state has every slot of every weight, on every track",
    ),
    _entry(
        "update_count",
        "what an optimizer counts",
        "count of a weight without a gradient in step 1 of 2",
        torch=("updates of each parameter that has a gradient", 1),
        keras=("updates, once for all", 2),
        fix="give every parameter a gradient in every step; bias corrections part otherwise",
        aligned="the count of updates is one number, of all weights",
    ),
    _entry(
        "velocity_form",
        "SGD's momentum, as it is remembered",
        "after a gradient of 1 at a rate of 0.1",
        torch=("sum of gradients: momentum_buffer", 1.0),
        keras=("a step: learning rate and sign are in it", -0.1),
        fix="multiply torch's by minus the learning rate of the step to come",
        aligned=_CARRIED,
    ),
    _entry(
        "rmsprop_step_form",
        "RMSprop's momentum, as it is remembered",
        "remembered at a rate of 0.1, over 0.2",
        torch=("sum of scaled gradients", 1.0),
        keras=("a step: the learning rate is in it", 0.5),
        fix="multiply torch's by the learning rate of the step to come",
        aligned=_CARRIED,
    ),
    _entry(
        "schedule_place",
        "where the place in a schedule is kept",
        "optimizer's own state tells the rate to come",
        torch=("scheduler.state_dict()", False),
        keras=("the optimizer's count", True),
        fix="save the scheduler's state_dict() beside the optimizer's",
        aligned="the batches seen are a number of the state; they are the place in the table of rates",
    ),
    _entry(
        "optimizer_class_in_files",
        "whether a file says whose state it holds",
        ("names the class", "names the weights"),
        torch=("no: state_dict() has numbers alone", False, False),
        keras=("a .keras file does, a .weights.h5 does not", True, False),
        fix="optimizers of model.named_parameters() name the weights in torch; keep the class beside the file",
        aligned="state.json names the optimizer, and every slot the weight that it is of",
    ),
    _entry(
        "wrong_state_loaded",
        "loading another optimizer's state",
        "of Adam into SGD is refused",
        torch=("load_state_dict takes it", False),
        keras=("load_weights passes over it with a warning", False),
        fix="compare the keys of optimizer.state_dict()['state'][0] with those of the optimizer",
        aligned="a state of another optimizer is refused in one sentence",
    ),
)
