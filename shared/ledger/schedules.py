"""The ledger's entries on learning-rate schedules."""

from twotrack.shared.ledger import reasons
from twotrack.shared.ledger.forms import in_no_chapter
from twotrack.shared.ledger.spec import Area, Behaviour, Difference, Effect

_entry = in_no_chapter(Area.SCHEDULE)

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
    _entry(
        "plateau",
        "ReduceLROnPlateau",
        ("bad epochs, patience 2", "1000 to 999.95 is better"),
        torch=("relative improvement; falls beyond the patience", 3, False),
        keras=("absolute improvement; falls at the patience", 2, True),
        fix="patience and cooldown one less in torch, threshold_mode='abs'",
        aligned="Plateau is fed the validation loss behind every epoch (shared/spec/schedules.py)",
    ),
    _entry(
        "plateau_cooldown",
        "ReduceLROnPlateau's cooldown",
        "epochs between falls, cooldown 3",
        torch=("all its epochs do not count", 4),
        keras=("the last one counts", 3),
        fix="cooldown one less in torch",
        aligned="Plateau counts as Keras does (shared/spec/schedules.py)",
    ),
    _entry(
        "piecewise_boundary",
        "boundaries of piecewise rates",
        "falls at step, told 3",
        torch=("MultiStepLR falls at its milestone", 3),
        keras=("PiecewiseConstantDecay falls behind its boundary", 4),
        fix="boundaries one less in Keras, or twotrack.Piecewise in the pair",
        aligned="every step's rate is in one table for both (shared/spec/schedules.py)",
        effect=Effect(name="largest difference of six rates"),
    ),
    _entry(
        "warm_up_start",
        "where a warm-up begins",
        "first rate of 5 up to 1",
        torch=("LinearLR: a third", 0.3333333333333333),
        keras=("CosineDecay: what it is told", 0.0),
        fix="LinearLR(start_factor=...), which cannot be 0, or twotrack.Warm in the pair",
        aligned="every step's rate is in one table for both (shared/spec/schedules.py)",
        effect=Effect(name="largest difference of five rates"),
    ),
    _entry(
        "exponential_steps",
        "how often an exponential rate falls",
        "rate after 2 steps of 0.5",
        torch=("ExponentialLR: at every call", 0.25),
        keras=("ExponentialDecay: over decay_steps, smoothly", 0.7071067811865476),
        fix="gamma=rate ** (1 / decay_steps), or twotrack.Exponential in the pair",
        aligned="every step's rate is in one table for both (shared/spec/schedules.py)",
        effect=Effect(name="largest difference of four rates"),
    ),
)
