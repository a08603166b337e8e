"""A project's tests of its port: pytest runs this in a folder of its own, not where it lies."""

from collections.abc import Callable
from typing import Any

import models
import pytest


def build_torch() -> Any:
    """Return the model, as a function of a file of tests."""
    return models.build_torch()


def test_a_port_that_differs(same_model: Callable) -> None:
    # the call is the test's
    same_model(models.build_other, models.build_torch, (4,))


def test_a_port_that_is_named(same_model: Callable) -> None:
    same_model("models:PAIR")


@pytest.mark.parametrize("strict", [True, False])
def test_a_port_with_exceptions(same_model: Callable, strict: bool) -> None:
    same_model(
        models.build_probabilities,
        models.build_logits,
        (4,),
        loss=models.CROSS_ENTROPY,
        rename={"1": "hidden"},
        strict=strict,
    )


@pytest.mark.parametrize("name", ["../../escape"])
def test_two_comparisons(same_model: Callable, name: str) -> None:
    same_model(models.build_keras, build_torch, (4,))
    same_model(models.build_other, models.build_torch, (4,))
