"""What a user reads of values that a pydantic model refuses: where, what was expected, what was found."""

from typing import Annotated

import pytest
from pydantic import BaseModel, Field, ValidationError, model_validator

from twotrack.shared.errors import UserError, as_user_error, first_error


class Inner(BaseModel):
    count: Annotated[int, Field(gt=0)]


class Outer(BaseModel):
    name: str
    parts: list[Inner] = []

    @model_validator(mode="after")
    def _named(self) -> "Outer":
        if not self.name:
            raise ValueError("expected a Name of its own")
        return self


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({}, "'name': field required"),
        ({"name": 3}, "'name': input should be a valid string, found '3'"),
        ({"name": "", "parts": []}, "expected a Name of its own"),
        (
            {"name": "a", "parts": [{"count": 1}, {"count": -2}]},
            "'parts.1.count': input should be greater than 0, found '-2'",
        ),
        ({"name": "a", "parts": "x" * 100}, f"'parts': input should be a valid list, found '{'x' * 60}'"),
        ("text", "input should be a valid dictionary or instance of Outer, found 'text'"),
    ],
)
def test_the_first_problem_is_told_with_its_place_and_a_short_value(value: object, message: str):
    with pytest.raises(ValidationError) as caught:
        Outer.model_validate(value)

    assert str(first_error(caught.value)) == message


class WithoutAMessageError(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no message")


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (SystemExit("bye\nbye"), "SystemExit: bye"),
        (WithoutAMessageError(), "WithoutAMessageError: a message that cannot be read"),
        (ValueError("x" * 10**6), f"ValueError: {'x' * 2000}"),
        (ValueError(), "ValueError: no message"),
    ],
    ids=["the end of the process", "no message", "endless", "empty"],
)
def test_whatever_a_users_code_raises_is_one_line(error: BaseException, said: str):
    with pytest.raises(UserError) as caught, as_user_error("what was done"):
        raise error

    assert str(caught.value) == f"what was done: {said}"
