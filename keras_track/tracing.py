"""What a Keras model shows to the verification ladder: layers, gradients, training steps."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import keras
import numpy as np

from twotrack.keras_track import losses, optimizers, precision, weights
from twotrack.keras_track.curvature import Curvature
from twotrack.keras_track.facts import facts, loss_facts, optimizer_facts
from twotrack.keras_track.freezing import freeze
from twotrack.keras_track.probes import InputProbe, attention_recorded
from twotrack.keras_track.session import start_afresh
from twotrack.shared.errors import UserError, as_user_error
from twotrack.shared.training import SGD
from twotrack.shared.transfer import EVERYTHING, chosen
from twotrack.shared.verify.pair import CustomLoss, CustomOptimizer, Input, Pair
from twotrack.shared.verify.trace import LayerTrace

_GRADIENT_RATE = 2.0**40
"""One SGD step w - rate * g shows g on every backend; at this rate w's own digits do not cost g any."""


class KerasSubject:
    """One side of a pair in Keras, in one precision."""

    def __init__(self, pair: Pair, precision_name: str, device: str):
        precision.set_precision(precision_name)
        start_afresh(seed=0)
        self._pair, self._float = pair, precision_name
        with as_user_error("the Keras build function failed"):
            self.model = pair.keras()
        if not isinstance(self.model, keras.Model):
            raise UserError(f"the Keras build function must return a keras.Model, found {type(self.model).__name__}.")
        with as_user_error(f"the Keras model does not take inputs of {pair.shapes}"):
            self._call(self._zeros())  # builds subclassed models
        if pair.trained != EVERYTHING:
            freeze(self.model, chosen(self.weights(), pair.trained))

    def _zeros(self) -> dict[str, np.ndarray]:
        return {
            name: np.ones((2, *one.shape), bool) if one.kind == "mask" else np.zeros((2, *one.shape), self._type(one))
            for name, one in self._pair.inputs.items()
        }

    def weights(self) -> dict[str, np.ndarray]:
        """Return copies of all weights, in canonical form."""
        return weights.weights(self.model)

    def load_weights(self, canonical: Mapping[str, np.ndarray]) -> None:
        """Replace all weights."""
        weights.load_weights(self.model, canonical)

    def without_counterpart(self) -> list[str]:
        """Keras layers have no weights that torch cannot have."""
        return []

    def facts(self) -> dict[str, dict[str, Any]]:
        """Return the hyperparameters of loss and optimizer."""
        self.start_training(1)
        return {"loss": loss_facts(self._pair), "optimizer": optimizer_facts(self.model.optimizer, self._pair)}

    def remove_dropout(self) -> dict[str, float]:
        """Set every dropout rate to zero; return, by canonical path, the rates that dropped something.

        Recurrent cells and attention keep rates of their own besides their layers'.
        """
        layers = dict(weights.layer_paths(self.model))
        counted = {id(getattr(layer, "_dropout_layer", None)) for layer in layers.values()}  # attention's, as its own
        rates = {path: _dropout_rate(layer) for path, layer in layers.items() if id(layer) not in counted}
        for layer in self.model._flatten_layers():
            for name in ("rate", "dropout", "recurrent_dropout", "_dropout"):
                if isinstance(vars(layer).get(name), float):
                    setattr(layer, name, 0.0)
        return {path: rate for path, rate in rates.items() if rate}

    def trace_layers(self, inputs: Mapping[str, np.ndarray]) -> tuple[list[LayerTrace], list[np.ndarray]]:
        """Run in inference mode; return every layer's values in the order of calls, and the outputs."""
        layers: list[LayerTrace] = []
        with self._wrapped(layers):
            outputs = self._call(inputs)
        return layers, [_array(one) for one in keras.tree.flatten(outputs)]

    @contextmanager
    def _wrapped(self, layers: list[LayerTrace]) -> Iterator[None]:
        """Replace every layer's `call`, for a while, by one that records."""
        counts: dict[str, int] = {}
        wrapped = [(path, layer) for path, layer in weights.layer_paths(self.model) if path]
        for path, layer in wrapped:
            object.__setattr__(layer, "call", _recording(path, layer, layers, counts))
        try:
            yield
        finally:
            for _, layer in wrapped:
                object.__delattr__(layer, "call")

    def run_layer(self, path: str, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Run one layer alone in inference mode on given inputs."""
        layer = dict(weights.layer_paths(self.model))[path]
        records: list[LayerTrace] = []
        object.__setattr__(layer, "call", _recording(path, layer, records, {}))
        try:
            layer(*[keras.ops.convert_to_tensor(one) for one in inputs])
        finally:
            object.__delattr__(layer, "call")
        return records[-1].outputs

    def gradients(self, inputs: Mapping[str, np.ndarray], targets: Sequence[np.ndarray]) -> dict[str, np.ndarray]:
        """Return the gradient of the loss for every trainable weight, in training mode; weights stay as they are."""
        before = self.weights()
        self._compile(optimizers.build(SGD(_GRADIENT_RATE), [_GRADIENT_RATE]))
        self.train_step(inputs, targets)
        after = self.weights()
        self.load_weights(before)
        trainable = weights.trainable_names(self.model)
        return {name: (before[name] - after[name]) / _GRADIENT_RATE for name in before if name in trainable}

    def input_gradients(self, inputs: Mapping[str, np.ndarray], targets: Sequence[np.ndarray]) -> dict[str, np.ndarray]:
        """Return the gradient of the loss for every input of numbers, in the input's shape and training mode."""
        arrays, before = self._typed(inputs), self.weights()
        shapes = {name: arrays[name].shape for name, one in self._pair.inputs.items() if one.kind == "real"}
        probe = InputProbe(self.model, self._arranged, shapes)
        probe.compile(optimizer=optimizers.build(SGD(_GRADIENT_RATE), [_GRADIENT_RATE]), loss=self._loss())
        y = [self._target(one) for one in targets]
        probe.train_on_batch(arrays, y if len(y) > 1 else y[0])
        self.load_weights(before)
        return {name: -_array(shift) / _GRADIENT_RATE for name, shift in probe.shifts.items()}

    def attention(self, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Return what every attention layer weighs with, in inference mode: (batch, heads, queries, keys) by path."""
        found: dict[str, np.ndarray] = {}
        with attention_recorded(self.model, found):
            self._call(inputs)
        return found

    def start_training(self, steps: int) -> None:
        """Attach the pair's optimizer, for `steps` steps."""
        spec = self._pair.optimizer
        if isinstance(spec, CustomOptimizer):
            with as_user_error("the Keras optimizer function failed"):
                optimizer = spec.keras()
            self._compile(optimizer)
        else:
            self._compile(optimizers.build(spec, self._pair.learning_rates(steps)))

    def train_step(self, inputs: Mapping[str, np.ndarray], targets: Sequence[np.ndarray]) -> float:
        """Update once; return the loss before the update."""
        self.model.reset_metrics()
        x, y = self._inputs(inputs), [self._target(one) for one in targets]
        self._curvature.update_if_due(x)
        logs = self.model.train_on_batch(x, y if len(y) > 1 else y[0], return_dict=True)
        return float(logs["loss"])

    def _compile(self, optimizer: keras.optimizers.Optimizer) -> None:
        self.model.compile(optimizer=optimizer, loss=self._loss())
        self.model.optimizer.build(self.model.trainable_variables)
        self._curvature = Curvature(self.model, self._pair.loss)

    def _loss(self) -> keras.losses.Loss:
        if isinstance(self._pair.loss, CustomLoss):
            with as_user_error("the Keras loss function failed"):
                return self._pair.loss.keras()
        return losses.build(self._pair.loss)

    def _call(self, inputs: Mapping[str, np.ndarray]) -> Any:
        return self.model(self._inputs(inputs), training=False)

    def _inputs(self, inputs: Mapping[str, np.ndarray]) -> Any:
        return self._arranged(self._typed(inputs))

    def _typed(self, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        return {name: inputs[name].astype(self._type(one)) for name, one in self._pair.inputs.items()}

    def _arranged(self, inputs: Mapping[str, Any]) -> Any:
        """Give a single input as it is; several by name if the model names them so, else in the pair's order."""
        ordered = {name: inputs[name] for name in self._pair.inputs}
        if len(ordered) == 1:
            return next(iter(ordered.values()))
        names = {one.name for one in getattr(self.model, "inputs", None) or []}  # a subclassed model names none
        return ordered if names == set(ordered) else list(ordered.values())

    def _type(self, one: Input) -> str:
        return {"real": self._float, "tokens": "int32", "mask": "bool"}[one.kind]

    def _target(self, target: np.ndarray) -> np.ndarray:
        return target.astype("int32" if self._pair.target == "classes" else self._float)


def _dropout_rate(layer: keras.layers.Layer) -> float:
    """Return what share of its values the layer drops in training."""
    if isinstance(layer, keras.layers.Dropout):
        return float(layer.rate)
    if isinstance(layer, keras.layers.LSTM | keras.layers.GRU | keras.layers.SimpleRNN):
        return float(layer.dropout)
    return float(layer._dropout) if isinstance(layer, keras.layers.MultiHeadAttention) else 0.0


def _recording(path: str, layer: keras.layers.Layer, layers: list[LayerTrace], counts: dict[str, int]) -> Callable:
    """Return a `call` that records inputs, outputs and the value before a fused activation."""
    original = type(layer).call.__get__(layer)

    def call(*args: Any, **kwargs: Any) -> Any:
        before_activation: list[np.ndarray] = []
        with _activation_recorded(layer, before_activation):
            result = original(*args, **kwargs)
        counts[path] = counts.get(path, 0) + 1
        layers.append(
            LayerTrace(
                path=path if counts[path] == 1 else f"{path}#{counts[path]}",
                kind=type(layer).__name__,
                leaf=not layer._flatten_layers(include_self=False),
                facts=facts(layer),
                inputs=_arrays((args, kwargs)),
                outputs=_arrays(result) + before_activation,
            )
        )
        return result

    return call


@contextmanager
def _activation_recorded(layer: keras.layers.Layer, values: list[np.ndarray]) -> Iterator[None]:
    activation = getattr(layer, "activation", None)
    if not callable(activation) or isinstance(layer, keras.layers.Activation | keras.layers.RNN):
        yield
        return

    def record(x: Any, *args: Any, **kwargs: Any) -> Any:
        values.append(_array(x))
        return activation(x, *args, **kwargs)

    object.__setattr__(layer, "activation", record)
    try:
        yield
    finally:
        object.__setattr__(layer, "activation", activation)


def _arrays(structure: Any) -> list[np.ndarray]:
    return [_array(one) for one in keras.tree.flatten(structure) if keras.ops.is_tensor(one)]


def _array(tensor: Any) -> np.ndarray:
    return np.array(keras.ops.convert_to_numpy(tensor))
