"""The ledger's entries on what optimizers remember, and what of it files hold."""

from twotrack.shared.ledger.spec import Area, Behaviour, Difference, never_used

_CARRIED = "twotrack run --from and convert --with-optimizer carry it in canonical form (shared/spec/state.py)"

ENTRIES: tuple[Difference, ...] = (
    Difference(
        slug="state_begins",
        area=Area.STATE,
        name="when an optimizer's state is made",
        torch=Behaviour(default="at a parameter's first update", values={"arrays before the first step": 0}),
        keras=Behaviour(default="when it is built", values={"arrays before the first step": 2}),
        fix="none: zeros that are not there yet are zeros",
        aligned="a state has every slot of every weight, on every track",
        touches=never_used,
    ),
    Difference(
        slug="update_count",
        area=Area.STATE,
        name="what an optimizer counts",
        torch=Behaviour(
            default="updates of each parameter that has a gradient",
            values={"count of a weight without a gradient in step 1 of 2": 1},
        ),
        keras=Behaviour(
            default="updates, once for all", values={"count of a weight without a gradient in step 1 of 2": 2}
        ),
        fix="give every parameter a gradient in every step; bias corrections part otherwise",
        aligned="the count of updates is one number, of all weights",
        touches=never_used,
    ),
    Difference(
        slug="velocity_form",
        area=Area.STATE,
        name="SGD's momentum, as it is remembered",
        torch=Behaviour(
            default="sum of gradients: momentum_buffer", values={"after a gradient of 1 at a rate of 0.1": 1.0}
        ),
        keras=Behaviour(
            default="a step: learning rate and sign are in it", values={"after a gradient of 1 at a rate of 0.1": -0.1}
        ),
        fix="multiply torch's by minus the learning rate of the step to come",
        aligned=_CARRIED,
        touches=never_used,
    ),
    Difference(
        slug="rmsprop_step_form",
        area=Area.STATE,
        name="RMSprop's momentum, as it is remembered",
        torch=Behaviour(default="sum of scaled gradients", values={"remembered at a rate of 0.1, over 0.2": 1.0}),
        keras=Behaviour(
            default="a step: the learning rate is in it", values={"remembered at a rate of 0.1, over 0.2": 0.5}
        ),
        fix="multiply torch's by the learning rate of the step to come",
        aligned=_CARRIED,
        touches=never_used,
    ),
    Difference(
        slug="schedule_place",
        area=Area.STATE,
        name="where the place in a schedule is kept",
        torch=Behaviour(
            default="scheduler.state_dict()", values={"optimizer's own state tells the rate to come": False}
        ),
        keras=Behaviour(default="the optimizer's count", values={"optimizer's own state tells the rate to come": True}),
        fix="save the scheduler's state_dict() beside the optimizer's",
        aligned="the batches seen are a number of the state; they are the place in the table of rates",
        touches=never_used,
    ),
    Difference(
        slug="optimizer_class_in_files",
        area=Area.STATE,
        name="whether a file says whose state it holds",
        torch=Behaviour(
            default="no: state_dict() has numbers alone", values={"names the class": False, "names the weights": False}
        ),
        keras=Behaviour(
            default="a .keras file does, a .weights.h5 does not",
            values={"names the class": True, "names the weights": False},
        ),
        fix="optimizers of model.named_parameters() name the weights in torch; keep the class beside the file",
        aligned="state.json names the optimizer, and every slot the weight that it is of",
        touches=never_used,
    ),
    Difference(
        slug="wrong_state_loaded",
        area=Area.STATE,
        name="loading another optimizer's state",
        torch=Behaviour(default="load_state_dict takes it", values={"of Adam into SGD is refused": False}),
        keras=Behaviour(
            default="load_weights passes over it with a warning", values={"of Adam into SGD is refused": False}
        ),
        fix="compare the keys of optimizer.state_dict()['state'][0] with those of the optimizer",
        aligned="a state of another optimizer is refused in one sentence",
        touches=never_used,
    ),
)
