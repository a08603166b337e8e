"""Pairs whose models do what no model should."""

from typing import Any

from twotrack import Pair


def keras_build() -> Any:
    import keras

    return keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, name="a")])


def torch_build() -> Any:
    from collections import OrderedDict

    from torch import nn

    return nn.Sequential(OrderedDict(a=nn.Linear(4, 3)))


def torch_that_lists_nothing() -> Any:
    from torch import nn

    class Odd(nn.Linear):
        def named_parameters(self, *_: Any, **__: Any) -> Any:
            raise RuntimeError("there is no list")

    return Odd(4, 3)


def torch_frozen() -> Any:
    module = torch_build()
    for parameter in module.parameters():
        parameter.requires_grad_(False)
    return module


LISTS_NOTHING = Pair(keras=keras_build, torch=torch_that_lists_nothing, input_shape=(4,))
FROZEN = Pair(keras=keras_build, torch=torch_frozen, input_shape=(4,))
