"""A task: a function that a worker process does, with a typed request and a typed answer."""

import importlib
import inspect
from collections.abc import Callable, Mapping
from functools import cached_property, update_wrapper
from typing import Any, Generic, Protocol, TypeVar, get_type_hints, overload

from twotrack.shared.workers.codec import Codec

Request = TypeVar("Request")
Answer = TypeVar("Answer")


class Report(Protocol):
    """Tells the parent how far a task is."""

    def __call__(self, phase: str, figures: Mapping[str, Any] = ..., /) -> None:
        """Send a phase and its figures, which JSON must be able to hold."""


class Task(Generic[Request, Answer]):
    """A function of a request, and of a `report` if it takes one, that a worker imports by its module and name.

    Its annotations say what request and answer are: whatever pydantic reads and writes as JSON.
    """

    def __init__(self, function: Callable[..., Answer]):
        if "<locals>" in function.__qualname__ or function.__module__ == "__main__":
            raise TypeError(f"{function.__qualname__}: a task is a function of a module that a worker can import.")
        self._function = function
        self._parameters = list(inspect.signature(function).parameters)
        self.module, self.name = function.__module__, function.__qualname__
        update_wrapper(self, function)

    def __repr__(self) -> str:
        return f"<task {self.module}.{self.name}>"

    def __call__(self, request: Request, report: Report) -> Answer:
        """Do it in this process."""
        return self._function(request, report) if len(self._parameters) > 1 else self._function(request)

    @cached_property
    def request(self) -> Codec[Request]:
        """What reads and writes its requests."""
        return Codec(self._hints[self._parameters[0]])

    @cached_property
    def answer(self) -> Codec[Answer]:
        """What reads and writes its answers."""
        return Codec(self._hints["return"])

    @cached_property
    def _hints(self) -> dict[str, Any]:
        return get_type_hints(self._function, include_extras=True)


@overload
def task(function: Callable[[Request], Answer]) -> Task[Request, Answer]: ...


@overload
def task(function: Callable[[Request, Report], Answer]) -> Task[Request, Answer]: ...


def task(function: Callable[..., Any]) -> Task[Any, Any]:
    """Make a function of a module a task; TypeError for one that a worker cannot import."""
    return Task(function)


def find(module: str, name: str) -> Task[Any, Any]:
    """Import a task; TypeError if that is anything else."""
    attribute = getattr(importlib.import_module(module), name, None)
    if not isinstance(attribute, Task):
        raise TypeError(f"{module}.{name}: expected a task, found {type(attribute).__name__}; decorate it with @task.")
    return attribute
