"""Whatever a user's pair is or does, one message says what was expected of it."""

from pathlib import Path
from typing import Any

import pytest

from tests.sides.hostile import verified, wrong
from tests.sides.hostile_pairs import HOSTILE
from tests.sides.odd_pairs import keras_build, torch_build
from tests.support.command_line import in_process
from twotrack import Pair
from twotrack.shared.errors import UserError
from twotrack.shared.workers.pool import WorkerPool

ROOT = Path(__file__).parents[2]
SIZES = "expected whole numbers above 0 without the batch axis"


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"input_shape": (-4,)}, SIZES),
        ({"input_shape": (0,)}, SIZES),
        ({"input_shape": ("4",)}, SIZES),
        ({"input_shape": "4"}, SIZES),
        ({"input_shape": (4.0,)}, SIZES),
        ({"input_shape": (True,)}, SIZES),
        ({"input_shape": ((4,),)}, SIZES),
        ({"input_shape": None}, SIZES),
        ({"input_shape": {"a": (4,), "b": (2**20, 2**20, 50)}}, "of at most 268,435,456 values together"),
        ({"batch_size": -1}, "batch_size= to be a whole number above 0, found -1"),
        ({"batch_size": "8"}, "batch_size= to be a whole number above 0, found '8'"),
        ({"rename": ["a"]}, "rename= to be a mapping, found list"),
        ({"loss": ["mean_squared_error"]}, "found a list"),
    ],
    ids=str,
)
def test_fields_that_no_pair_can_have_are_refused_where_they_are_written(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        Pair(**({"keras": keras_build, "torch": torch_build, "input_shape": (4,)} | fields))


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("odd_pairs:LISTS_NOTHING", "the side of torch cannot be looked at (weights): RuntimeError: there is no list"),
        (
            "odd_pairs:FROZEN",
            "the torch model trains nothing: expected a loss that depends on weights with requires_gr",
        ),
        ("hostile_pairs:torch_forward_is_odd", "the torch model gives no tensor: expected at least one output, found "),
        ("hostile_pairs:torch_builds_end", "the torch build function failed: SystemExit: enough"),
    ],
)
def test_a_model_that_cannot_be_looked_at_or_trained_is_named_in_one_line(
    workers: WorkerPool, name: str, message: str
) -> None:
    asked = ("verify", f"tests.sides.{name}", "--tracks", "keras:torch", "--until", "gradients")
    done = in_process(*asked, folder=ROOT, check=False, workers=workers)

    assert done.stderr == done.error_line + "\n"
    assert message in done.error_line


@pytest.mark.slow
@pytest.mark.parametrize("name", HOSTILE)
def test_whatever_a_model_does_it_is_judged_or_refused_in_one_line(workers: WorkerPool, name: str) -> None:
    assert wrong(verified(name, workers), name) == ""
