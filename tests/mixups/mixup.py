"""A mix-up that people make: an honest pair, and the same with the mistake on either side."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from tests.conformance.planted import modules, sequential
from twotrack import CustomOptimizer, Pair

Form = Literal["honest", "keras", "torch"]
FORMS: tuple[Form, ...] = ("honest", "keras", "torch")


@dataclass(frozen=True)
class Mixup:
    """One mix-up of one spec."""

    spec: str
    """What of twotrack the mix-up is about."""
    what: str
    """What people mix up."""
    rung: str
    """That must fail."""
    pairs: Mapping[Form, Pair]
    """The honest pair, and those in which a side has the mistake; a mistake that only one side can make has two."""
    told: Mapping[Form, str]
    """What the proved cause must say, a regular expression."""

    @property
    def wrong(self) -> list[Form]:
        """The sides that have the mistake in turn."""
        return [form for form in FORMS if form != "honest" and form in self.pairs]


def mixup(
    spec: str,
    what: str,
    rung: str,
    honest: Pair,
    keras: tuple[Pair, str] | None = None,
    torch: tuple[Pair, str] | None = None,
) -> Mixup:
    """Return a mix-up of a pair and of those with the mistake, each with what the cause must say."""
    wrong = {form: one for form, one in (("keras", keras), ("torch", torch)) if one is not None}
    pairs: dict[Form, Pair] = {"honest": honest} | {form: pair for form, (pair, _) in wrong.items()}  # type: ignore[dict-item]
    return Mixup(spec, what, rung, pairs, {form: told for form, (_, told) in wrong.items()})  # type: ignore[misc]


def crossed(make: Callable[[Any, Any], Pair], spec: str, what: str, rung: str, keras: tuple, torch: tuple) -> Mixup:
    """Return a mix-up of the pairs that `make` makes of what Keras and what torch has.

    Of each side: the right one, the wrong one, and what the cause must say of that; the right one alone where a side
    cannot have the mistake.
    """
    in_keras = (make(keras[1], torch[0]), keras[2]) if len(keras) > 1 else None
    in_torch = (make(keras[0], torch[1]), torch[2]) if len(torch) > 1 else None
    return mixup(spec, what, rung, make(keras[0], torch[0]), in_keras, in_torch)


# === Small networks ===

keras_dense = sequential(
    lambda k: k.Input((5,)), lambda k: k.Dense(4, activation="tanh", name="first"), lambda k: k.Dense(3, name="last")
)
torch_dense = modules(first=lambda nn: nn.Linear(5, 4), tanh=lambda nn: nn.Tanh(), last=lambda nn: nn.Linear(4, 3))


def trained_by(keras: Callable[[], Any], torch: Callable[[Any], Any]) -> Pair:
    """Return the small pair with optimizers of the user's own."""
    return Pair(keras_dense, torch_dense, (5,), optimizer=CustomOptimizer(keras, torch))


# === Optimizers ===


def keras_optimizer(name: str, rate: Any = 0.01, **settings: Any) -> Callable[[], Any]:
    """Return what makes an optimizer of Keras; the rate may be a function of keras.optimizers.schedules."""

    def build() -> Any:
        import keras

        own = rate(keras.optimizers.schedules) if callable(rate) else rate
        return getattr(keras.optimizers, name)(learning_rate=own, **settings)

    return build


def torch_optimizer(name: str, rate: float = 0.01, *hooks: Callable[[Any, list], None], **settings: Any) -> Callable:
    """Return what makes an optimizer of torch; each hook gets it and its parameters."""

    def build(parameters: Any) -> Any:
        import torch

        held = list(parameters)
        optimizer = getattr(torch.optim, name)(held, lr=rate, **settings)
        for hook in hooks:
            hook(optimizer, held)
        return optimizer

    return build


STEPS = 2000


def of_spec(spec: Any) -> Callable[[Any], Any]:
    """Return what makes torch's form of an optimizer of twotrack."""

    def build(parameters: Any) -> Any:
        from twotrack.torch_track.optimizers import build as build_torch

        return build_torch(spec, [spec.learning_rate] * STEPS, parameters)

    return build


def before_step(change: Callable[[Any, list], None]) -> Callable[[Any, list], None]:
    """Return a hook: `change` gets optimizer and parameters in front of every step."""
    return lambda optimizer, held: optimizer.register_step_pre_hook(lambda *_: change(optimizer, held)) and None


def behind_step(change: Callable[[Any, list], None]) -> Callable[[Any, list], None]:
    """Return a hook: `change` gets optimizer and parameters behind every step."""
    return lambda optimizer, held: optimizer.register_step_post_hook(lambda *_: change(optimizer, held)) and None
