"""Mix-ups that people make are found at their rung and proved, on whichever side they are; honest pairs pass.

By default a few of every kind, on the quickest backend; all of them, on every backend, if slow. `python -m
tests.mixups` prints them as a table.
"""

import pytest
from _pytest.mark import ParameterSet

from tests.mixups.climbing import climb
from tests.mixups.mixup import FORMS, Form
from tests.mixups.pairs import KINDS, MIXUPS
from tests.support.turns import BACKENDS, QUICKEST
from twotrack.shared.spec.loss_specs import LOSSES
from twotrack.shared.spec.optimizers import OPTIMIZERS
from twotrack.shared.spec.regularisation import KINDS as HELD
from twotrack.shared.spec.schedules import SCHEDULES
from twotrack.shared.verify.ladder import Ladder

BY_DEFAULT: set[tuple[str, Form]] = {
    ("Nadam", "torch"),
    ("Piecewise", "keras"),
    ("Focal", "torch"),
    ("accumulate", "torch"),
    ("ClipGlobalNorm", "keras"),
    ("Orthogonal", "torch"),
    ("MaxNorm", "keras"),
    ("loop: zero_grad", "torch"),
    ("accumulate: unequal rows", "torch"),
    ("loop: smoothing", "torch"),
    ("loop: decay", "torch"),
    ("loop: optimizer made anew in every epoch", "torch"),
    ("Sophia", "keras"),
    ("EarlyStopping: patience", "torch"),
}


def cases() -> list[ParameterSet]:
    """Return every form of every mix-up with every backend; most of them are slow."""
    return [
        pytest.param(
            number,
            form,
            track,
            marks=() if (one.spec, form) in BY_DEFAULT and track == QUICKEST else pytest.mark.slow,
            id=f"{one.spec}-{form}-{track}",
        )
        for number, one in enumerate(MIXUPS)
        for form in FORMS
        if form in one.pairs
        for track in BACKENDS
    ]


@pytest.mark.parametrize(("number", "form", "track"), cases())
def test_a_mixup_is_proved_and_the_honest_pair_passes(number: int, form: Form, track: str, ladder: Ladder) -> None:
    (outcome,) = climb(number, form, [track], ladder)
    assert not outcome.wrong


# === Without a framework ===


def test_every_spec_has_a_mixup() -> None:
    planted = {one.spec.partition(":")[0] for one in MIXUPS} | {"AdamW", "SGD"}
    specs = {type(one).__name__ for one in (*OPTIMIZERS.values(), *SCHEDULES.values())}
    specs |= {one.__name__ for one in (*LOSSES, *HELD)} | {"ClipValue", "ClipNorm", "ClipGlobalNorm", "EMA", "Group"}
    assert specs <= planted


def test_nearly_all_are_planted_on_either_side() -> None:
    assert sum(len(one.wrong) == 2 for one in MIXUPS) >= 0.9 * len(MIXUPS)
    assert all(KINDS.values())
