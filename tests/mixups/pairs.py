"""Every mix-up, and its pairs by name: tests.mixups.pairs:NUMBER_FORM."""

from tests.mixups.endings import ENDINGS
from tests.mixups.held import HELD
from tests.mixups.loop_optimizers import LOOP_OPTIMIZERS
from tests.mixups.loops import LOOPS
from tests.mixups.losses import LOSSES
from tests.mixups.mixup import FORMS, Form, Mixup
from tests.mixups.optimizers import OPTIMIZERS
from tests.mixups.options import OPTIONS
from tests.mixups.parts import PARTS
from tests.mixups.schedules import SCHEDULES
from twotrack import Pair

KINDS: dict[str, tuple[Mixup, ...]] = {
    "optimizers": OPTIMIZERS,
    "schedules": SCHEDULES,
    "losses": LOSSES,
    "options": OPTIONS,
    "held": HELD,
    "loops": LOOPS,
    "parts": PARTS,
    "endings": ENDINGS,
    "loop optimizers": LOOP_OPTIMIZERS,
}
MIXUPS: tuple[Mixup, ...] = tuple(one for mixups in KINDS.values() for one in mixups)


def reference(number: int, form: Form) -> str:
    """Return the name of a pair as `twotrack verify` takes it."""
    return f"{__name__}:M{number}_{form}"


def __getattr__(name: str) -> Pair:
    """Return a pair by M, the number of its mix-up, and the form."""
    number, _, form = name.removeprefix("M").partition("_")
    if form not in FORMS or not number.isdecimal():
        raise AttributeError(name)
    return MIXUPS[int(number)].pairs[form]  # type: ignore[index]
