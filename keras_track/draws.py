"""What a keras.Model draws in training, and how the numbers are those of a source: one way on every backend."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import keras
import numpy as np
from keras.src import backend

from twotrack.keras_track.autodiff import without_gradients
from twotrack.keras_track.primitives import Numbers, Request, answered, replaced
from twotrack.keras_track.recording import LayerCalls, arrays, layers_recorded, replaced_calls
from twotrack.keras_track.state import state_kept
from twotrack.shared.axes.layout import ChannelLayout, canonical
from twotrack.shared.spec.draws import SHOWN_EXAMPLES, Draw, DrawnPass, DrawSource
from twotrack.shared.spec.probe import Visit

_KERAS_FUNCTIONS = ("dropout", "normal", "uniform", "randint", "truncated_normal", "shuffle", "categorical",
                    "gamma", "beta", "binomial")  # fmt: skip


@contextmanager
def drawn_from(model: keras.Model, source: DrawSource | None) -> Iterator[None]:
    """Let the model draw from a source; a function that is compiled meanwhile does so for good. None: its own draws."""
    if source is None:
        yield
        return

    def answer(request: Request) -> Numbers | None:
        number = source.count()
        return None if request.base is None else partial(_numbers, source, request, number)

    with answered(answer), replaced_calls([(model, _counted(model, source))]):
        yield


def _numbers(source: DrawSource, request: Request, number: int, shape: tuple[int, ...], state: bytes) -> np.ndarray:
    if request.base is None:
        raise ValueError(f"'{request.operation}' has no numbers to replace.")
    return source.numbers(request.base, shape, number, state)


def _counted(model: keras.Model, source: DrawSource) -> Callable:
    """Return the model's `call`, which counts draws from 0."""
    original = type(model).call.__get__(model)

    def call(*args: Any, **kwargs: Any) -> Any:
        source.begin_pass()
        return original(*args, **kwargs)

    return call


@dataclass
class _Call:
    """A function of keras.random that is at work."""

    function: str
    rate: float | None = None
    value: Any = None


@dataclass
class _Recorder:
    """Keeps what a pass draws, and where."""

    source: DrawSource | None
    layers: LayerCalls = field(default_factory=LayerCalls)
    calls: list[_Call] = field(default_factory=list)
    draws: list[Draw] = field(default_factory=list)
    values: list[np.ndarray | None] = field(default_factory=list)

    def answer(self, request: Request) -> Numbers | None:
        call = self.calls[-1] if self.calls else _Call(request.operation)
        number = self.source.count() if self.source else len(self.draws)
        function, rate, path, kind = call.function, call.rate, self.layers.path, self.layers.kind
        if kind == "AlphaDropout":  # Keras writes it with a uniform draw
            function, rate = "alpha_dropout", float(getattr(self.layers.layer, "rate", 0.0))
        self.draws.append(
            Draw(number, request.base, request.shape or (), function, rate, path, kind, self.layers.last_returned)
        )
        self.values.append(_first_examples(call.value))
        if self.source is None or request.base is None:
            return None
        return partial(_numbers, self.source, request, number)


def _first_examples(value: Any) -> np.ndarray | None:
    found = arrays(value)
    return found[0][:SHOWN_EXAMPLES] if found else None


def drawn_pass(
    model: keras.Model, inputs: Any, source: DrawSource | None, training: bool, layout: ChannelLayout, visit: Visit
) -> DrawnPass:
    """Run the model once, not compiled, on a source or on its own draws.

    Weights and running statistics stay as they are; seeds move on.
    """
    recorder = _Recorder(source)
    with ExitStack() as stack:
        stack.enter_context(state_kept(model))
        stack.enter_context(replaced_calls([(model, _counted(model, source))]) if source else nullcontext())
        stack.enter_context(answered(recorder.answer))
        for name in _KERAS_FUNCTIONS:
            replaced(stack, backend.random, name, _noted(name, getattr(backend.random, name), recorder.calls))
        stack.enter_context(layers_recorded(model, layout, visit, at_work=recorder.layers))
        stack.enter_context(without_gradients())
        outputs = model(inputs, training=training)
    return DrawnPass(recorder.draws, recorder.values, canonical(arrays(outputs), layout.outputs))


def _noted(name: str, original: Callable, calls: list[_Call]) -> Callable:
    """Return a function of keras.random that says while it is at work what is asked of it."""

    def noted(*args: Any, **kwargs: Any) -> Any:
        call = _Call(name)
        if name == "dropout":
            given = dict(zip(("inputs", "rate"), args, strict=False)) | kwargs
            call = _Call(name, float(given["rate"]), given["inputs"])
        calls.append(call)
        try:
            return original(*args, **kwargs)
        finally:
            calls.pop()

    return noted
