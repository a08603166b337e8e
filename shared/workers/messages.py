"""What goes over a worker's pipes, a line of JSON each: calls one way; progress, then a result or an error, back."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from twotrack.shared.workers.codec import Codec


@dataclass(frozen=True)
class Call:
    """A task to do."""

    module: str
    name: str
    """Of the task in that module."""
    request: Any
    """As JSON has it."""


@dataclass(frozen=True)
class Progress:
    """How far a task is."""

    phase: str
    figures: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Result:
    """A task is done."""

    value: Any
    """As JSON has it."""


@dataclass(frozen=True)
class Failure:
    """A task has raised."""

    message: str
    of_user: bool
    """The user can put it right: it was a UserError."""


Answer = Progress | Result | Failure
_CALLS: Codec[Call] = Codec(Call)
_ANSWERS: Codec[Answer] = Codec(Answer)
_MESSAGES: Codec[Call | Answer] = Codec(Call | Answer)


def to_line(message: Call | Answer) -> str:
    """Return the line of ASCII that a message is on a pipe, whatever the locale."""
    return json.dumps(_MESSAGES.write(message)) + "\n"


def read_call(line: str) -> Call:
    """Read a line that the parent has sent."""
    return _CALLS.read(json.loads(line))


def read_answer(line: str) -> Answer:
    """Read a line that a worker has sent."""
    return _ANSWERS.read(json.loads(line))
