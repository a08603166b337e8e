"""What a fault in the training of a small pair is, and what pairs are made of."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.conformance.planted import modules, sequential
from twotrack import Pair


@dataclass(frozen=True)
class Fault:
    """A pair with one fault, and what its cause must say."""

    pair: Pair
    rung: str
    words: tuple[str, ...]
    kinds: frozenset[str]
    """Of the changes that prove it."""
    count: int = 1
    """Of causes that are proved: a frozen normalisation neither averages nor trains."""


def fault(pair: Pair, rung: str, kind: str, *words: str) -> Fault:
    return Fault(pair, rung, words, frozenset({kind}))


def plain(outputs: int = 3, keras: Any = None, torch: Any = None, **rest: Any) -> Pair:
    """Two dense layers with tanh between; `keras` are settings of the first dense layer."""
    own = dict(keras or {})
    return Pair(
        keras=sequential(
            lambda k: k.Input((5,)),
            lambda k: k.Dense(4, activation="tanh", name="first", **{n: make() for n, make in own.items()}),
            lambda k: k.Dense(outputs, name="last"),
        ),
        torch=torch
        or modules(first=lambda nn: nn.Linear(5, 4), tanh=lambda nn: nn.Tanh(), last=lambda nn: nn.Linear(4, outputs)),
        input_shape=(5,),
        **rest,
    )


PLAIN = plain()


def penalty(kind: str, size: float) -> Callable[[], Any]:
    def build() -> Any:
        import keras

        return getattr(keras.regularizers, kind)(size)

    return build


def frozen(name: str, build: Callable[[], Any]) -> Callable[[], Any]:
    """Return a build function of Keras whose layer of that name is not trained."""

    def made() -> Any:
        model = build()
        model.get_layer(name).trainable = False
        return model

    return made
