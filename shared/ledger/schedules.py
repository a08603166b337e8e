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
        fix="patience one less in torch, threshold_mode='abs'",
        aligned="no chapter uses it",
        touches=never_used,
    ),
)
