"""What a user reads of values that a pydantic model refuses: where, what was expected, what was found."""

from typing import Annotated

import pytest
from pydantic import BaseModel, Field, ValidationError, model_validator

from twotrack.shared.errors import first_error


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
