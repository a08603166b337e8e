"""What Keras does by default, switched on again one difference at a time.

Functions are called as the ledger's entries. Each changes what it is given, to the default of the installed Keras,
and tells whether there was anything to change. Where the aligned value is Keras' own, there is no function.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType

import keras
from keras import layers


def batch_norm_epsilon(model: keras.Model) -> bool:
    """Normalise batches with Keras' epsilon."""
    return _set_default(model, layers.BatchNormalization, "epsilon")


def batch_norm_momentum(model: keras.Model) -> bool:
    """Move running statistics at Keras' rate."""
    return _set_default(model, layers.BatchNormalization, "momentum")


def layer_norm_epsilon(model: keras.Model) -> bool:
    """Normalise layers with Keras' epsilon."""
    return _set_default(model, layers.LayerNormalization, "epsilon")


def leaky_relu_slope(model: keras.Model) -> bool:
    """Leak as much as Keras does."""
    return _set_default(model, layers.LeakyReLU, "negative_slope")


def _set_default(model: keras.Model, kind: type[layers.Layer], name: str) -> bool:
    default = getattr(kind(), name)
    others = [one for one in _layers(model, kind) if getattr(one, name) != default]
    for layer in others:
        setattr(layer, name, default)
    return bool(others)


def _layers(model: keras.Model, kind: type[layers.Layer]) -> list[layers.Layer]:
    return [layer for layer in model._flatten_layers() if isinstance(layer, kind)]


def sparse_embedding_gradients(optimizer: keras.optimizers.Optimizer, model: keras.Model) -> bool:
    """Let the optimizer see an embedding's gradients as TensorFlow lists them, and not made dense."""
    if not _layers(model, layers.Embedding) or "apply" not in vars(optimizer):
        return False
    del optimizer.apply  # that of keras_track/optimizers.py; the class has Keras' own
    return True


LAYERS: Mapping[str, Callable[[keras.Model], bool]] = MappingProxyType(
    {
        switch.__name__: switch
        for switch in (batch_norm_epsilon, batch_norm_momentum, layer_norm_epsilon, leaky_relu_slope)
    }
)
"""Before training, of a model."""
OPTIMIZERS: Mapping[str, Callable[[keras.optimizers.Optimizer, keras.Model], bool]] = MappingProxyType(
    {sparse_embedding_gradients.__name__: sparse_embedding_gradients}
)
"""Of an aligned optimizer and the model that it trains."""
