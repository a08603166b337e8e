"""Pairs of which one side does what no model should: a family, one for every way and framework.

Each is made from a model that is as good as the other side's, by one thing that raises, lies or is missing. A module
attribute for each, so that `tests.sides.hostile_pairs:NAME` names it.
"""

from collections import OrderedDict
from collections.abc import Callable
from functools import partial
from typing import Any

from twotrack import CustomLoss, Pair

SIDES = ("torch", "keras")
HOSTILE: dict[str, str] = {}
"""What is odd, by the name of the pair."""


class RefusedError(Exception):
    """Nothing of twotrack's, nor of a library."""


def no(*_: Any, **__: Any) -> Any:
    raise RefusedError("not this way")


def a_list(*_: Any, **__: Any) -> Any:
    return [[1, "two"], None]


class EndlessError(Exception):
    def __str__(self) -> str:
        raise RecursionError("no end")


def no_words(*_: Any, **__: Any) -> Any:
    raise EndlessError


METHODS = {
    "torch": (
        "named_parameters", "parameters", "named_buffers", "buffers", "modules", "named_modules", "children",
        "named_children", "state_dict", "load_state_dict", "train", "eval", "to", "double", "_apply", "zero_grad",
        "forward", "__call__", "__getattr__", "__dir__", "__len__", "__iter__", "__bool__", "__eq__", "__repr__",
        "__deepcopy__", "__getstate__", "register_forward_hook", "requires_grad_", "extra_repr",
    ),
    "keras": (
        "weights", "trainable_weights", "non_trainable_weights", "trainable_variables", "variables", "layers", "losses",
        "get_config", "count_params", "call", "__call__", "get_weights", "set_weights", "inputs", "outputs", "input",
        "output", "name", "path", "trainable", "built", "dtype_policy", "compute_dtype", "__dir__", "__len__",
        "__iter__", "__bool__", "__eq__", "__repr__", "get_layer", "stateless_call", "metrics", "compile",
    ),
}  # fmt: skip
"""Of a model's class, each of which is made to raise, and those that are attributes as properties."""
PROPERTIES = {
    "weights", "trainable_weights", "non_trainable_weights", "trainable_variables", "variables", "layers", "losses",
    "inputs", "outputs", "input", "output", "name", "path", "trainable", "built", "dtype_policy", "compute_dtype",
    "metrics",
}  # fmt: skip
RETURNED: dict[str, Callable[[Any], Any]] = {
    "none": lambda _: None,
    "a text": lambda _: "text",
    "a number": lambda _: 3.0,
    "an object": lambda _: object(),
    "nothing": lambda _: [],
    "nested lists": lambda given: [[given, [given]], None],
    "keys that are numbers": lambda given: {0: given, 1: given},
    "a generator": lambda given: (given for _ in range(2)),
    "one number for all": lambda given: given.sum(),
    "no rows": lambda given: given[:0],
    "whole numbers": lambda given: given.int() if hasattr(given, "int") else given,
}
"""What a model may give in the place of its output."""
BUILT: dict[str, Callable[[], Any]] = {
    "none": lambda: None,
    "text": lambda: "model",
    "class": lambda: Pair,
    "function": lambda: no,
    "pair": lambda: (None, None),
    "end": lambda: (_ for _ in ()).throw(SystemExit("enough")),
    "recursion": lambda: (_ for _ in ()).throw(RecursionError("too deep")),
    "memory": lambda: (_ for _ in ()).throw(MemoryError()),
    "refused": no,
    "no_words": no_words,
}
"""What a build function may do."""


def torch_build(change: Callable[[Any], Any] | None = None, methods: dict[str, Any] | None = None) -> Any:
    """Return the model, of a class with methods of its own, and changed."""
    from torch import nn

    kind = type("Odd", (nn.Sequential,), methods or {})
    model = kind(OrderedDict(a=nn.Linear(4, 5), b=nn.ReLU(), c=nn.Linear(5, 3)))
    return model if change is None else change(model) or model


def keras_build(change: Callable[[Any], Any] | None = None, methods: dict[str, Any] | None = None) -> Any:
    """Return the model, of a class with methods of its own, and changed."""
    import keras

    given = keras.Input((4,))
    hidden = keras.layers.ReLU(name="b")(keras.layers.Dense(5, name="a")(given))
    model = keras.Model(given, keras.layers.Dense(3, name="c")(hidden))
    if methods:
        model.__class__ = type("Odd", (type(model),), methods)
    return model if change is None else change(model) or model


BUILDS: dict[str, Callable[..., Any]] = {"torch": torch_build, "keras": keras_build}


def pair(name: str, what: str, side: str, build: Callable[[], Any], **fields: Any) -> None:
    """Add a pair of which one side is odd."""
    builds = {**BUILDS, side: build}

    def own() -> Any:
        return builds[side]()

    own.__name__ = own.__qualname__ = f"{name}_build"
    own.__module__ = __name__
    globals()[own.__name__] = own
    globals()[name] = Pair(**{**builds, side: own, "input_shape": (4,), **fields})
    HOSTILE[name] = what


def raising(side: str, method: str, what: Callable[..., Any]) -> dict[str, Any]:
    return {method: property(what) if side == "keras" and method in PROPERTIES else what}


def _freeze(side: str, part: str) -> Callable[[Any], None]:
    def torch(model: Any) -> None:
        for name, parameter in model.named_parameters():
            if part in name:
                parameter.requires_grad_(False)

    def keras(model: Any) -> None:
        for layer in model.layers:
            if part in layer.name or not part:
                layer.trainable = False

    return {"torch": torch, "keras": keras}[side]


def _torch_forward(answer: Callable[[Any], Any]) -> dict[str, Any]:
    def forward(self: Any, given: Any) -> Any:
        from torch import nn

        return answer(nn.Sequential.forward(self, given))

    return {"forward": forward}


def _keras_call(answer: Callable[[Any], Any]) -> Any:
    import keras

    class Odd(keras.Model):
        def __init__(self) -> None:
            super().__init__()
            self.inside = keras_build()

        def call(self, given: Any) -> Any:
            return answer(self.inside(given))

    return Odd()


def _add_all() -> None:
    for side in SIDES:
        build = BUILDS[side]
        for method in METHODS[side]:
            for how, what in (("raises", no), ("is_odd", a_list), ("says_nothing", no_words)):
                name = f"{side}_{method.strip('_')}_{how}"
                pair(name, f"{side}: {method} {how}", side, partial(build, methods=raising(side, method, what)))
        for what, made in BUILT.items():
            pair(f"{side}_builds_{what}", f"{side}: build gives {what}", side, made)
        for part in ("", "a", "c"):
            frozen = partial(build, _freeze(side, part))
            pair(f"{side}_frozen_{part}", f"{side}: frozen {part or 'as a whole'}", side, frozen)
    for what, answer in RETURNED.items():
        name = what.replace(" ", "_")
        pair(f"torch_gives_{name}", f"torch: gives {what}", "torch", partial(torch_build, None, _torch_forward(answer)))
        pair(f"keras_gives_{name}", f"keras: gives {what}", "keras", partial(_keras_call, answer))


_add_all()


def torch_loss(_: Any, __: Any) -> Any:
    return None


def keras_loss(_: Any, __: Any) -> Any:
    return "loss"


def raising_loss(_: Any, __: Any) -> Any:
    raise RefusedError("no loss")


NO_LOSS = Pair(
    keras=keras_build, torch=torch_build, input_shape=(4,), loss=CustomLoss(keras_loss, torch_loss, target="class")
)
HOSTILE["NO_LOSS"] = "losses that are none"
RAISING_LOSS = Pair(
    keras=keras_build, torch=torch_build, input_shape=(4,), loss=CustomLoss(raising_loss, raising_loss, target="class")
)
HOSTILE["RAISING_LOSS"] = "losses that raise"
