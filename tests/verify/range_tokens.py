"""Pairs over tokens and masks that differ where few ids or masks lead."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from twotrack import Input, Pair


def one_token(percent: str) -> Pair:
    """A factor where all tokens of an example are one."""
    factor = 1 + float(percent) / 100

    def keras() -> Any:
        import keras
        from keras import layers

        given = keras.Input((5,), dtype="int32")
        x = layers.Embedding(5000, 4, name="embedding")(given)
        return keras.Model(given, layers.Dense(3, name="last")(layers.GlobalAveragePooling1D(name="mean")(x)))

    def torch() -> Any:
        from torch import nn

        class Network(nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.embedding, self.last = nn.Embedding(5000, 4), nn.Linear(4, 3)

            def forward(self, tokens: Any) -> Any:
                mean, is_one = self.embedding(tokens).mean(1), (tokens == tokens[:, :1]).all(1, keepdim=True)
                return self.last(mean.where(~is_one, factor * mean))

        return Network()

    return Pair(keras, torch, Input((5,), kind="tokens", size=5000))


def all_but_one(percent: str) -> Pair:
    """A mean over what a mask keeps, which is another where it keeps a single one of very many."""
    factor = 1 + float(percent) / 100

    def mean(values: Any, mask: Any) -> Any:
        of_all = _torch_mean(values, mask)
        return of_all.where(mask.sum(1, keepdim=True) > 1, factor * of_all)

    return _masked(mean)


def masked_by_length() -> Pair:
    """As many places from the front as the mask has, against the places that it marks."""
    return _masked(lambda values, mask: _torch_mean(values, mask.sort(1, descending=True).values))


def masked_all(value: str) -> Pair:
    """Something else than zeros where nothing is left."""

    def mean(values: Any, mask: Any) -> Any:
        return _torch_mean(values, mask) + float(value) * ~mask.any(1, keepdim=True)

    return _masked(mean)


def _masked(mean: Callable[[Any, Any], Any]) -> Pair:
    return Pair(_keras_masked_mean, partial(_torch_masked_mean, mean), _MASKED)


_MASKED: Mapping[str, Input] = {"values": Input((200, 3)), "mask": Input((200,), kind="mask")}


def _keras_masked_mean() -> Any:
    import keras
    from keras import layers, ops

    values, mask = keras.Input((200, 3), name="values"), keras.Input((200,), dtype="bool", name="mask")
    weight = ops.expand_dims(ops.cast(mask, values.dtype), -1)
    mean = ops.sum(values * weight, axis=1) / (ops.sum(weight, axis=1) + 1e-9)
    return keras.Model([values, mask], layers.Dense(2, name="last")(mean))


def _torch_mean(values: Any, mask: Any) -> Any:
    weight = mask[..., None].to(values.dtype)
    return (values * weight).sum(1) / (weight.sum(1) + 1e-9)


def _torch_masked_mean(mean: Callable[[Any, Any], Any]) -> Any:
    from torch import nn

    class Network(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.last = nn.Linear(3, 2)

        def forward(self, values: Any, mask: Any) -> Any:
            return self.last(mean(values, mask))

    return Network()


def masked_mean() -> Pair:
    return all_but_one("0")
