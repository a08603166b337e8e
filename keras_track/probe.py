"""The Probe contract on Keras: it looks at a KerasModel and trains nothing of its own."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import keras
import numpy as np

from twotrack.keras_track import (
    arithmetic,
    hyperparameters,
    loss_alone,
    optimizer_alone,
    terms,
    updates,
    weights,
    widening,
)
from twotrack.keras_track.autodiff import value_and_gradients, without_gradients
from twotrack.keras_track.draws import drawn_from, drawn_pass
from twotrack.keras_track.gradients import InputShift, recorder
from twotrack.keras_track.inputs import cast, stated_rows
from twotrack.keras_track.loops import stepwise
from twotrack.keras_track.operations import finished, operations_recorded
from twotrack.keras_track.own_steps import own_methods
from twotrack.keras_track.pieces import PieceCounter
from twotrack.keras_track.recording import (
    arrays,
    as_array,
    attention_recorded,
    layer_calls_kept,
    layer_recorded,
    layers_recorded,
    tensors_in,
    values,
)
from twotrack.keras_track.state import state_kept
from twotrack.shared.axes.layout import canonical, own_order
from twotrack.shared.errors import UserError
from twotrack.shared.pieces.recorder import Piece, PieceRun
from twotrack.shared.precision.computing import Computing
from twotrack.shared.precision.rounding import Rounding
from twotrack.shared.spec.draws import DrawnPass
from twotrack.shared.spec.inputs import example
from twotrack.shared.spec.loss_specs import FLOOR, Loss
from twotrack.shared.spec.objective import CustomLoss
from twotrack.shared.spec.operations import OperationsTrace
from twotrack.shared.spec.optimizers import Optimizer
from twotrack.shared.spec.pair import CustomOptimizer
from twotrack.shared.spec.probe import (
    Hyperparameters,
    LossBatch,
    LossFacts,
    LossRun,
    OptimizerRun,
    OptimizerStart,
    Penalty,
    Probe,
    Replace,
    Replay,
    Visit,
    as_rows,
    keep,
    settings_of,
    swaps,
    unseen,
)
from twotrack.shared.spec.widening import NarrowRequest
from twotrack.shared.weights.made import MadeWeights

if TYPE_CHECKING:
    from twotrack.keras_track.track_model import KerasModel


class KerasProbe(Probe):
    """Opens up one KerasModel."""

    def __init__(self, model: "KerasModel"):
        self._model = model

    def without_counterpart(self) -> list[str]:
        """Keras layers have no weights that torch cannot have."""
        return []

    def layers(self) -> list[tuple[tuple[str, ...], Hyperparameters]]:
        """Return every layer's class names and hyperparameters, inner layers too."""
        inside = self._model.model._flatten_layers(include_self=False)
        return [
            (tuple(base.__name__ for base in type(layer).__mro__), hyperparameters.of_layer(layer)) for layer in inside
        ]

    @property
    def own_methods(self) -> list[str]:
        """Return those of a class that derives from keras.Model."""
        return own_methods(self._model.model)

    def asked_for_float32(self) -> list[str]:
        """In float64 they compute in float64 all the same, so that what is compared is mathematics."""
        asked = widening.asked_by_policy(dict(weights.layer_paths(self._model.model)))
        return [path for path, policy in asked.items() if policy == "float32"]

    def narrow_requests(self) -> list[NarrowRequest]:
        """Return what layers were built for, where that is less than float32, and what Keras was asked for."""
        layers = dict(weights.layer_paths(self._model.model))
        built = [
            NarrowRequest(precision=policy, place="the layer's dtype", layers=(path,))
            for path, policy in widening.asked_by_policy(layers).items()
            if policy != "float32"
        ]
        return built + widening.asked(layers)

    def loss(self) -> Hyperparameters:
        """Return the loss's hyperparameters."""
        return hyperparameters.of_loss(self._model.loss, self._model.loss_object)

    def optimizer(self) -> Hyperparameters:
        """Return the optimizer's hyperparameters."""
        optimizer = self._model.model.optimizer
        found = hyperparameters.of_optimizer(optimizer, self._model.has_custom_optimizer)
        inner = getattr(optimizer, "inner_optimizer", optimizer)  # of one that scales the loss
        return {**found, "settings": updates.settings(inner, weights.name_table(self._model.model))}

    def remove_dropout(self) -> dict[str, float]:
        """Set every dropout rate to zero; return, by canonical path, the rates that dropped something.

        Recurrent cells and attention keep rates of their own besides their layers'.
        """
        layers = dict(weights.layer_paths(self._model.model))
        inner = {id(getattr(layer, "_dropout_layer", None)) for layer in layers.values()}  # attention's, as its own
        rates = {path: _dropout_rate(layer) for path, layer in layers.items() if id(layer) not in inner}
        for layer in self._model.model._flatten_layers():
            for name in ("rate", "dropout", "recurrent_dropout", "_dropout"):
                if isinstance(vars(layer).get(name), float):
                    setattr(layer, name, 0.0)
        return {path: rate for path, rate in rates.items() if rate}

    def drawn_pass(self, inputs: Mapping[str, np.ndarray], training: bool = True, visit: Visit = unseen) -> DrawnPass:
        """Run once, in training or in inference mode; return what was drawn."""
        model = self._model
        return drawn_pass(model.model, model.arranged(inputs), model.draws, training, model.layout, visit)

    def visit(
        self, inputs: Mapping[str, np.ndarray], visit: Visit, training: bool = False, replace: Replace = keep
    ) -> list[np.ndarray]:
        """Run layer by layer; return the outputs."""
        model = self._model
        loops = nullcontext() if training else stepwise()  # in training a loop draws as it does where it is compiled
        recorded = layers_recorded(model.model, model.layout, visit, replace)
        with loops, drawn_from(model.model, model.draws), recorded:
            outputs = self._call(inputs, training)
        return canonical(arrays(outputs), model.layout.outputs)

    def settings(self) -> Callable[[], list[str]]:
        """Keep what layers say of themselves."""
        return settings_of(dict(weights.layer_paths(self._model.model)))

    def allows(self, inputs: Mapping[str, np.ndarray]) -> bool:
        """Compare with the model's Input layers, which may leave axes open; a subclassed model has none."""
        stated = getattr(self._model.model, "inputs", None) or []
        given = self._model.arranged(inputs)
        arrays = [given[tensor.name] for tensor in stated] if isinstance(given, dict) else keras.tree.flatten(given)
        return all(
            own in (None, extent)
            for tensor, array in zip(stated, arrays, strict=False)
            for own, extent in zip(tensor.shape, array.shape, strict=False)
        )

    def pieces(
        self, inputs: Mapping[str, np.ndarray], replace: Replace = keep, watched: Piece | None = None
    ) -> PieceRun:
        """Run in inference mode, and count what each piecewise operation is given."""
        return self._pieces.count(self._model.arranged(inputs), replace, watched)

    @cached_property
    def _pieces(self) -> PieceCounter:
        return PieceCounter(self._model.model)

    def run_layer(self, path: str, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Run one layer alone in inference mode, on inputs in canonical order."""
        layer, layout = dict(weights.layer_paths(self._model.model))[path], self._model.layout
        given = own_order(inputs, layout.layer(path, 0).inputs)
        with layer_recorded(path, layer, layout) as traces:
            layer(*[keras.ops.convert_to_tensor(array) for array in given])
        return traces[-1].outputs

    def replay_layer(self, path: str, given: Mapping[str, np.ndarray], inputs: Sequence[np.ndarray]) -> Replay:
        """Keep the arguments that the layer's `call` gets."""
        layer, layout = dict(weights.layer_paths(self._model.model))[path], self._model.layout
        with layer_calls_kept(layer) as calls:
            self._call(given)
        tensors = tensors_in(calls[0])
        own = layout.layer(path, 0).inputs or (None,) * len(tensors)
        swapped = swaps(canonical(arrays(tensors), own), inputs)
        table = {
            id(tensors[n]): keras.ops.convert_to_tensor(own_order([array], own[n : n + 1])[0], dtype=tensors[n].dtype)
            for n, array in swapped.items()
        }
        args, kwargs = keras.tree.map_structure(lambda leaf: table.get(id(leaf), leaf), calls[0])
        with layer_recorded(path, layer, layout) as traces:
            layer(*args, **kwargs)
        return Replay(traces[-1].outputs, len(tensors) - len(swapped))

    def operations(self, inputs: Mapping[str, np.ndarray]) -> OperationsTrace:
        """Record calls of the backend's functions."""
        model = self._model
        given = keras.tree.map_structure(keras.ops.convert_to_tensor, model.arranged(inputs))
        with stepwise(), drawn_from(model.model, model.draws), operations_recorded(model.model) as recorder:
            outputs = model.model(given, training=False)
        return finished(recorder, outputs)

    def row_gradients(self, name: str, numbers: np.ndarray) -> np.ndarray:
        """Call the layer with another tensor in the weight's place."""
        layer = dict(weights.layer_paths(self._model.model))[name.rpartition(".")[0]]
        table = weights.name_table(self._model.model, self._model.layout.weights)[name].variable
        ids, by = (keras.ops.convert_to_tensor(array) for array in (np.arange(len(numbers))[None], numbers))

        def total(tensors: Sequence[Any]) -> Any:
            with keras.StatelessScope(state_mapping=[(table, tensors[0])]):
                return keras.ops.sum(as_rows(layer(ids), numbers) * by)

        _, (gradient,) = value_and_gradients(total, [keras.ops.convert_to_tensor(as_array(table))])
        return as_array(keras.ops.convert_to_tensor(gradient))

    def loss_and_gradients(
        self, inputs: Mapping[str, np.ndarray], targets: Sequence[np.ndarray]
    ) -> tuple[float, Mapping[str, np.ndarray]]:
        """Return the loss, and its gradient for every trainable weight, as a training step has them."""
        kept = recorder()
        self._model.attach(kept)
        with state_kept(self._model.model):  # running statistics move; constraints may move weights
            loss = self._model.train_step(inputs, targets)
        table = weights.name_table(self._model.model, self._model.layout.weights)
        trained = self._model.trainable_names()

        def read(name: str, _: tuple[int, ...]) -> np.ndarray:
            gradient = values(kept.gradient(table[name].variable))
            canonical: np.ndarray = table[name].layout.to_canonical(gradient)
            return canonical

        return loss, MadeWeights({name: entry.shape for name, entry in table.items() if name in trained}, read)

    def rounded(self, rounding: Rounding) -> AbstractContextManager[None]:
        """Round what the backend's own operations give."""
        return arithmetic.rounded(rounding)

    def poor_sums(self, precision: str) -> frozenset[str]:
        """Try the framework's own."""
        return arithmetic.poor_sums(precision)

    def noted(self, computing: Computing) -> AbstractContextManager[None]:
        """Note what the backend's own operations compute in."""
        return arithmetic.noted(self._model.model, computing)

    def input_gradients(self, inputs: Mapping[str, np.ndarray], targets: Sequence[np.ndarray]) -> dict[str, np.ndarray]:
        """Return the gradient of the loss for every input of numbers."""
        model, kept = self._model, recorder()
        given = cast(inputs, model.inputs)
        shapes = {name: given[name].shape for name, spec in model.inputs.items() if spec.kind == "real"}
        shifted = InputShift(model.model, shapes)
        shifted.compile(optimizer=kept, loss=model.own_losses(), loss_weights=model.loss_weights())
        with state_kept(model.model):
            shifted.train_on_batch(given, **model.fed(inputs, targets))
        return {name: as_array(kept.gradient(shift)) for name, shift in shifted.shifts.items()}

    def attention(self, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Return what every attention layer weighs with."""
        with attention_recorded(self._model.model) as kept:
            self._call(inputs)
        return kept

    def penalty(self) -> Penalty | None:
        """Return what regularizers of weights add."""
        table = weights.name_table(self._model.model)
        trained = {name: entry for name, entry in table.items() if entry.trainable and entry.variable.regularizer}
        if not trained:
            return None
        variables = [entry.variable for entry in trained.values()]
        value, gradients = terms.penalty(variables, [keras.ops.convert_to_tensor(as_array(one)) for one in variables])
        named = zip(trained.items(), gradients, strict=True)
        canonical = {
            name: np.array(entry.layout.to_canonical(as_array(one)), order="C") for (name, entry), one in named
        }
        return Penalty(float(as_array(value)), canonical)

    def added_losses(self, inputs: Mapping[str, np.ndarray]) -> dict[str, float]:
        """Let every layer compute, and see which have losses of their own, beside penalties of their weights."""
        model = self._model
        with state_kept(model.model), drawn_from(model.model, model.draws):
            self._call(inputs, training=True)
        added = {path: layer._get_own_losses() for path, layer in weights.layer_paths(model.model)}
        return {path: sum(float(as_array(one)) for one in losses) for path, losses in added.items() if losses}

    def relaxations(self) -> list[str]:
        """Return the ways for a model with constraints."""
        constrained = any(variable.constraint for variable in self._model.model.trainable_variables)
        return list(terms.RELAXED) if constrained else []

    def relaxed(self, kind: str) -> AbstractContextManager[None]:
        """Change the constraints on all weights that are trained."""
        return terms.relaxed(self._model.model.trainable_variables, kind)

    def loss_facts(self) -> LossFacts:
        """Return the class that the loss leaves out, and what the model sends along with its outputs."""
        return self._loss_alone().facts

    def run_loss(self, batches: Sequence[LossBatch]) -> list[LossRun]:
        """Call the loss as a training step does."""
        return loss_alone.run(self._loss_alone(), [self._with_weights(one) for one in batches])

    def _with_weights(self, batch: LossBatch) -> LossBatch:
        model = self._model
        targets, weights = model.weighed_targets(batch.targets, batch.masks)
        if isinstance(model.loss, CustomLoss) and model.loss.class_weight:
            weights = [_weights_of_classes(one, model.loss.class_weight) for one in targets]
        return replace(batch, targets=targets, weights=[one for one in weights if one is not None])

    def _loss_alone(self) -> loss_alone.LossAlone:
        outputs = self._call(example(self._model.inputs, stated_rows(self._model.model) or 2))
        losses = keras.tree.flatten(self._model.loss_object())
        ignored = (getattr(one, "ignore_class", getattr(getattr(one, "spec", None), "ignored", None)) for one in losses)
        named = next((one for one in ignored if one is not None), None)
        epsilon = FLOOR if isinstance(self._model.loss, Loss) else keras.config.epsilon()
        return loss_alone.LossAlone(self._model.model._compile_loss, outputs, named, epsilon, losses)

    def run_optimizer(
        self,
        optimizer: Optimizer | CustomOptimizer,
        learning_rates: Sequence[float],
        starts: Sequence[OptimizerStart],
        gradients: Mapping[str, np.ndarray],
    ) -> OptimizerRun:
        """Run the model's kind of optimizer on variables that bear the weights' names; again with other constraints."""
        stand_ins = optimizer_alone.StandIns(weights.name_table(self._model.model), starts[0].parameters)

        def run() -> optimizer_alone.Run:
            made = (self._model.new_optimizer(optimizer, learning_rates, stand_ins.names) for _ in starts)
            pairs = zip(made, starts, strict=True)
            runs = [optimizer_alone.run(one, start, stand_ins, start.scaled(gradients)) for one, start in pairs]
            return [values for kept, _ in runs for values in kept], runs[0][1]

        found = OptimizerRun(*run())
        if any(variable.constraint for variable in stand_ins.variables):
            for kind in terms.RELAXED:
                with terms.relaxed(stand_ins.variables, kind):
                    found.relaxed[kind], _ = run()
        made = self._model.new_optimizer(optimizer, learning_rates)
        made = getattr(made, "inner_optimizer", made)  # of one that scales the loss
        found.averages_at_the_end = bool(made.use_ema and not made.ema_overwrite_frequency)
        return found

    def learning_rates(self, optimizer: Optimizer, learning_rates: Sequence[float]) -> list[float]:
        """Ask the optimizer's schedule for all steps at once."""
        schedule = self._model.new_optimizer(optimizer, learning_rates)._learning_rate
        return as_array(schedule(np.arange(len(learning_rates)) // optimizer.accumulate)).tolist()

    def _call(self, inputs: Mapping[str, np.ndarray], training: bool = False) -> Any:
        with without_gradients():
            return self._model.model(self._model.arranged(inputs), training=training)


def _weights_of_classes(labels: np.ndarray, class_weight: Mapping[int, float]) -> np.ndarray:
    """Return the sample weights that fit makes of class_weight; UserError for targets that it takes for one-hot."""
    if labels.ndim > 1:
        raise UserError("class_weight: expected one class for each example, as Keras takes it, found several.")
    return np.array([class_weight.get(int(label), 1.0) for label in labels], dtype=keras.config.floatx())


def _dropout_rate(layer: keras.layers.Layer) -> float:
    """Return what share of its values the layer drops in training."""
    if isinstance(layer, keras.layers.Dropout):
        return float(layer.rate)
    if isinstance(layer, keras.layers.LSTM | keras.layers.GRU | keras.layers.SimpleRNN):
        return float(layer.dropout)
    return float(layer._dropout) if isinstance(layer, keras.layers.MultiHeadAttention) else 0.0
