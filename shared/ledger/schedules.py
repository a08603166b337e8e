"""The ledger's entries on learning-rate schedules."""

from twotrack.shared.ledger import reasons
from twotrack.shared.ledger.spec import Area, Behaviour, Difference, Effect, never_used

ENTRIES: tuple[Difference, ...] = (
    Difference(
        slug="cosine_end",
        area=Area.SCHEDULE,
        name="cosine decay beyond its end",
        torch=Behaviour(default="rises again", values={"rate at step 15 of 10": 0.5}),
        keras=Behaviour(default="stays at 0", values={"rate at step 15 of 10": 0.0}),
        fix="stop at the end",
        aligned="every step's rate is in one table for both (shared/spec/schedules.py)",
        touches=lambda makeup: makeup.schedule,
        effect=Effect(name="difference of the learning rates"),
        kept=reasons.STATED,
    ),
    Difference(
        slug="schedule_steps",
        area=Area.SCHEDULE,
        name="who moves a schedule",
        torch=Behaviour(default="scheduler.step()", values={"moves with the optimizer": False}),
        keras=Behaviour(default="every step of the optimizer", values={"moves with the optimizer": True}),
        fix="call scheduler.step() after every optimizer.step()",
        aligned="every step's rate is in one table for both (shared/spec/schedules.py)",
        touches=lambda makeup: makeup.schedule,
        effect=Effect(name="largest difference of three rates"),
        kept=reasons.LOOP,
    ),
    Difference(
        slug="plateau",
        area=Area.SCHEDULE,
        name="ReduceLROnPlateau",
        torch=Behaviour(
            default="relative improvement; falls beyond the patience",
            values={"bad epochs, patience 2": 3, "1000 to 999.95 is better": False},
        ),
        keras=Behaviour(
            default="absolute improvement; falls at the patience",
            values={"bad epochs, patience 2": 2, "1000 to 999.95 is better": True},
        ),
        fix="patience and cooldown one less in torch, threshold_mode='abs'",
        aligned="Plateau is fed the validation loss behind every epoch (shared/spec/schedules.py)",
        touches=never_used,
    ),
    Difference(
        slug="plateau_cooldown",
        area=Area.SCHEDULE,
        name="ReduceLROnPlateau's cooldown",
        torch=Behaviour(default="all its epochs do not count", values={"epochs between falls, cooldown 3": 4}),
        keras=Behaviour(default="the last one counts", values={"epochs between falls, cooldown 3": 3}),
        fix="cooldown one less in torch",
        aligned="Plateau counts as Keras does (shared/spec/schedules.py)",
        touches=never_used,
    ),
    Difference(
        slug="piecewise_boundary",
        area=Area.SCHEDULE,
        name="boundaries of piecewise rates",
        torch=Behaviour(default="MultiStepLR falls at its milestone", values={"falls at step, told 3": 3}),
        keras=Behaviour(
            default="PiecewiseConstantDecay falls behind its boundary",
            values={"falls at step, told 3": 4},
        ),
        fix="boundaries one less in Keras, or twotrack.Piecewise in the pair",
        aligned="every step's rate is in one table for both (shared/spec/schedules.py)",
        touches=never_used,
        effect=Effect(name="largest difference of six rates"),
    ),
    Difference(
        slug="warm_up_start",
        area=Area.SCHEDULE,
        name="where a warm-up begins",
        torch=Behaviour(default="LinearLR: a third", values={"first rate of 5 up to 1": 1 / 3}),
        keras=Behaviour(default="CosineDecay: what it is told", values={"first rate of 5 up to 1": 0.0}),
        fix="LinearLR(start_factor=...), which cannot be 0, or twotrack.Warm in the pair",
        aligned="every step's rate is in one table for both (shared/spec/schedules.py)",
        touches=never_used,
        effect=Effect(name="largest difference of five rates"),
    ),
    Difference(
        slug="exponential_steps",
        area=Area.SCHEDULE,
        name="how often an exponential rate falls",
        torch=Behaviour(default="ExponentialLR: at every call", values={"rate after 2 steps of 0.5": 0.25}),
        keras=Behaviour(
            default="ExponentialDecay: over decay_steps, smoothly", values={"rate after 2 steps of 0.5": 0.5**0.5}
        ),
        fix="gamma=rate ** (1 / decay_steps), or twotrack.Exponential in the pair",
        aligned="every step's rate is in one table for both (shared/spec/schedules.py)",
        touches=never_used,
        effect=Effect(name="largest difference of four rates"),
    ),
)
