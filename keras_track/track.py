"""The Track contract on Keras 3; the backend is the one that KERAS_BACKEND named before the import."""

import importlib
from collections.abc import Callable, Collection, Mapping, Sequence, Set
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import keras
import numpy as np

from twotrack.keras_track import (
    backends,
    freezing,
    losses,
    native,
    operations,
    optimizer_state,
    optimizers,
    outputs,
    weights,
)
from twotrack.keras_track.axes import axis_layout
from twotrack.keras_track.curvature import Curvature
from twotrack.keras_track.draws import drawn_from
from twotrack.keras_track.inputs import arranged
from twotrack.keras_track.losses import ChannelsLast
from twotrack.keras_track.moved_gradients import GradientMover
from twotrack.keras_track.precision import set_precision
from twotrack.keras_track.probe import KerasProbe
from twotrack.keras_track.session import start_afresh
from twotrack.keras_track.update_options import ROWS, Names, averaged, named
from twotrack.shared.axes.layout import NO_LAYOUT, ChannelLayout, canonical
from twotrack.shared.base.sizes import in_little_room
from twotrack.shared.errors import UserError, as_user_error
from twotrack.shared.ledger.measured import Measured
from twotrack.shared.spec.draws import DrawSource
from twotrack.shared.spec.inputs import Input, describe, example
from twotrack.shared.spec.optimizers import Optimizer
from twotrack.shared.spec.outputs import Outputs
from twotrack.shared.spec.pair import ChapterBuild, CustomLoss, CustomOptimizer, LossSpec, Pair, target_kind
from twotrack.shared.spec.profiles import Switches
from twotrack.shared.spec.state import OptimizerState, shared
from twotrack.shared.spec.track import (
    Carrier,
    Checkpoints,
    OwnWeights,
    Precision,
    Track,
    TrackModel,
    TrackSpec,
    choose_device,
)
from twotrack.shared.spec.transfer import BASE, EVERYTHING, HEAD, chosen
from twotrack.shared.spec.units import Side
from twotrack.shared.weights.bridge import BridgeError
from twotrack.shared.weights.bridge.names import listed

if TYPE_CHECKING:
    from twotrack.keras_track.weights import Entry
    from twotrack.shared.export.runtimes import Predict
    from twotrack.shared.export.subject import ExportSubject


def open_track(spec: TrackSpec, device: str) -> "KerasTrack":
    """Make the backend deterministic, with full float32 products, on `device` (auto, cpu or cuda).

    Raises RuntimeError if Keras was imported with another backend than the track's.
    """
    imported = keras.backend.backend()
    if imported != spec.backend:
        raise RuntimeError(f"{spec.name} needs KERAS_BACKEND={spec.backend}, found {imported}")
    keras.config.set_image_data_format("channels_last")
    set_precision("float32")  # whatever the user's keras.json says
    backend = backends.BACKENDS[imported]()
    return KerasTrack(spec.name, choose_device(device, backend.has_gpu(), spec.name), backend)


class KerasTrack(Track):
    """Keras on one backend and device."""

    def __init__(self, name: str, device: str, backend: backends.Backend):
        self.name, self.device, self._backend = name, device, backend

    def build(
        self, pair: Pair, seed: int, precision: Precision = "float32", switched: Collection[str] = ()
    ) -> "KerasModel":
        """Build the pair's Keras side, forgetting the process's earlier models, then switch layers."""
        set_precision(precision)
        start_afresh(seed)
        network, has_base, given = _network(pair)
        weights.set_renames(network, {} if pair.torch else pair.rename)
        switches = Switches(switched)
        native.switch_layers(network.get_layer(HEAD) if has_base else network, switches)
        layout = axis_layout(network, pair.specs)
        model = KerasModel(network, pair.specs, pair.loss, self._backend, switches, layout)
        model.leave_out(pair.unused_keras)
        model.given = given
        if pair.trainable != EVERYTHING:
            model.freeze(chosen(model.shapes(), pair.trainable))
        return model

    def own_weights(self, pair: Pair) -> OwnWeights:
        """Return what the model calls its weights, but for those that the pair leaves out."""
        set_precision("float32")
        start_afresh(0)
        table = weights.name_table(_network(pair)[0])
        own = {name: entry for name, entry in table.items() if name not in pair.unused_keras}
        trained = frozenset(name for name, entry in own.items() if entry.trainable)
        return OwnWeights({name: entry.shape for name, entry in own.items()}, trained=trained)

    def checkpoints(self) -> Checkpoints:
        """Return what reads and writes Keras' own files."""
        from twotrack.keras_track import checkpoints

        return checkpoints

    def carrier(self) -> Carrier:
        """Return what carries weights from and to files of Keras."""
        from twotrack.keras_track import carrying

        return carrying

    def measurements(self) -> Mapping[str, Callable[[], Measured]]:
        """Return what measures Keras' defaults."""
        from twotrack.keras_track.defaults import DEFAULTS

        return DEFAULTS.measurements

    def exporters(self) -> "Mapping[str, Callable[[ExportSubject, Path], None]]":
        """Return what Keras writes; all of it but .keras on the TensorFlow backend only."""
        from twotrack.keras_track.export import EXPORTERS

        return EXPORTERS

    def openers(self) -> "Mapping[str, Callable[[Path], Predict]]":
        """Return what Keras loads."""
        from twotrack.keras_track.export import OPENERS

        return OPENERS

    def move_gradients(self, model: TrackModel, share: float, draw: int) -> None:
        """Move every gradient of a model's training steps, before the update, by `share` of its layer's largest."""
        own = as_keras(model)
        own.mover = GradientMover(own.model, share, draw)

    def units(self, model: TrackModel, inputs: Mapping[str, np.ndarray]) -> Side:
        """Return a model as a side of the search for which weight is which."""
        from twotrack.keras_track.matching import KerasSide

        return KerasSide(as_keras(model), inputs)

    def places_noted(self) -> AbstractContextManager[None]:
        """Note where the operations of a functional model are made."""
        return operations.places_noted()

    def synchronise(self) -> None:
        """Nothing to wait for: a training step returns its loss, and a prediction its outputs, to the host."""

    def peak_device_memory(self) -> int | None:
        """Return the most bytes held on the GPU; None on the CPU."""
        return self._backend.peak_gpu_memory() if self.device == "cuda" else None


def as_keras(model: TrackModel) -> "KerasModel":
    """Return a model that was built on a Keras track as what it is; TypeError for another track's."""
    if not isinstance(model, KerasModel):
        raise TypeError(f"expected a model of Keras, found {type(model).__name__}.")
    return model


def built(pair: Pair) -> keras.Model:
    """Build the pair's network alone."""
    return _network(pair)[0]


def _network(pair: Pair) -> tuple[keras.Model, bool, Outputs]:
    """Build the pair's network; tell whether it has a base, and how it gives its outputs."""
    build = pair.build("keras")
    if isinstance(build, ChapterBuild):
        return _chapter_network(build), build.has_base, KerasModel.given
    network, given = _users_network(build, pair)
    return network, False, given


def _chapter_network(build: ChapterBuild) -> keras.Model:
    return importlib.import_module(f"twotrack.keras_track.models.{build.slug}").build(build.config)


def _users_network(build: Callable[[], Any], pair: Pair) -> tuple[keras.Model, Outputs]:
    """Call the user's build function, and the model once: that builds a subclassed one, and shows a wrong shape.

    Return the model, and what it gives.
    """
    with as_user_error("the Keras build function failed"):
        network = build()
    if not isinstance(network, keras.Model):
        raise UserError(f"the Keras build function must return a keras.Model, found {type(network).__name__}.")
    with as_user_error(f"the Keras model does not take inputs of {pair.shapes}"):
        network = outputs.adapted(network, tuple(pair.outputs))
        given = network(arranged(network, pair.specs, example(pair.specs)), training=False)
    return network, outputs.outputs_of(given)


class KerasModel(TrackModel):
    """A keras.Model with loss and optimizer."""

    mover: GradientMover | None = None
    """What moves gradients before each update, from the next `compile` on; a verification puts it here."""

    def __init__(
        self,
        model: keras.Model,
        inputs: Mapping[str, Input],
        loss: LossSpec,
        backend: backends.Backend,
        switches: Switches,
        layout: ChannelLayout = NO_LAYOUT,
    ):
        self.model, self.inputs, self.loss, self._backend, self.switches = model, inputs, loss, backend, switches
        self.layout = layout
        self._unused: tuple[str, ...] = ()

    def leave_out(self, unused: Sequence[str]) -> None:
        """From here on let these weights be none of the model's; BridgeError if it has no such weight."""
        unknown = sorted(set(unused) - set(weights.name_table(self.model)))
        if unknown:
            raise BridgeError(f"the weight map calls {listed(unknown)} unused, which {weights.MODEL} does not have")
        self._unused = tuple(unused)

    def weights(self) -> dict[str, np.ndarray]:
        """Return copies of all weights, in canonical form."""
        return weights.weights(self.model, self.layout.weights, self._unused)

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Return the canonical shapes of all weights."""
        table = weights.name_table(self.model, self.layout.weights)
        return {name: entry.shape for name, entry in table.items() if name not in self._unused}

    def load_weights(self, canonical: Mapping[str, np.ndarray]) -> None:
        """Replace all weights."""
        weights.load_weights(self.model, canonical, self.layout.weights, self._unused)

    def unused(self) -> dict[str, np.ndarray]:
        """Return copies of the weights that are left out, in canonical form."""
        table = weights.name_table(self.model, self.layout.weights)
        return {name: table[name].value() for name in self._unused}

    def load_unused(self, values: Mapping[str, np.ndarray]) -> None:
        """Replace them."""
        table = weights.name_table(self.model, self.layout.weights)
        for name in self._unused:
            table[name].assign(values[name])

    def trainable_names(self) -> set[str]:
        """Return the names of the weights that have gradients."""
        return weights.trainable_names(self.model) - set(self._unused)

    def freeze(self, trainable: Set[str]) -> None:
        """Update the weights of these names only."""
        freezing.freeze(self.model, trainable)

    def features(self, inputs: Mapping[str, np.ndarray]) -> np.ndarray:
        """Return the outputs of the base in inference mode."""
        return np.asarray(self.model.get_layer(BASE).predict_on_batch(self.arranged(inputs)))

    def head(self) -> "KerasModel":
        """Return the head, which takes features (batch, features)."""
        head = KerasModel(self.model.get_layer(HEAD), describe((1,)), self.loss, self._backend, self.switches)
        head.draws = self.draws
        return head

    def compile(self, optimizer: Optimizer | CustomOptimizer, learning_rates: Sequence[float]) -> None:
        """Attach loss and optimizer."""
        self.has_custom_optimizer = isinstance(optimizer, CustomOptimizer)
        self._spec = optimizer
        made = self.new_optimizer(optimizer, learning_rates)
        if self.mover:
            self.mover.attach(made)
        self.attach(made)

    def new_optimizer(
        self, optimizer: Optimizer | CustomOptimizer, learning_rates: Sequence[float], names: Names | None = None
    ) -> keras.optimizers.Optimizer:
        """Return the optimizer of Keras that `compile` attaches.

        `names` finds the canonical names of what it updates; None for the model's own weights.
        """
        if isinstance(optimizer, CustomOptimizer):
            with as_user_error("the Keras optimizer function failed"):
                return optimizer.of("keras")()
        return native.optimizer(optimizer, learning_rates, self.model, self.switches, names or self._names)

    def _names(self, variables: Sequence[keras.Variable]) -> list[str]:
        table = weights.name_table(self.model, self.layout.weights)
        return named({id(entry.variable): name for name, entry in table.items()})(variables)

    def attach(self, optimizer: keras.optimizers.Optimizer) -> None:
        """Attach the loss and an optimizer of Keras."""
        self.model.compile(optimizer=optimizer, loss=self.own_losses())
        self.model.optimizer.build(self.model.trainable_variables)
        self._curvature = Curvature(self.model, self.loss)

    def loss_object(self) -> keras.losses.Loss:
        """Return the loss as an object of Keras."""
        if isinstance(self.loss, CustomLoss):
            with as_user_error("the Keras loss function failed"):
                return self.loss.of("keras")()
        return losses.build(self.loss)

    def own_losses(self) -> Any:
        """Return the loss for outputs as the model has them: one for all, or one for each if any has to be moved."""
        if not self.layout.outputs:
            return self.loss_object()
        found = [
            ChannelsLast(self.loss_object(), arrangement) if arrangement else self.loss_object()
            for arrangement in self.layout.outputs
        ]
        return found if len(found) > 1 else found[0]

    def train_step(self, inputs: Mapping[str, np.ndarray], targets: Sequence[np.ndarray]) -> float:
        """Train on one batch; the loss tracker is reset because it averages over calls."""
        x, y = self.arranged(inputs), self.cast_targets(targets)
        if hasattr(self.model.optimizer, ROWS):
            getattr(self.model.optimizer, ROWS).assign(len(targets[0]))
        with drawn_from(self.model, self.draws):
            self._curvature.update_if_due(x)
            self.model.reset_metrics()
            logs = self.model.train_on_batch(x, y if len(y) > 1 else y[0], return_dict=True)
            loss = float(logs["loss"])  # waits for the step, so that all of it draws before the source moves on
        if self.draws:
            self.draws.advance()
        return loss

    def set_learning_rates(self, learning_rates: Sequence[float]) -> None:
        """Give the optimizer another table; the next step is compiled anew."""
        optimizers.set_learning_rates(self.model.optimizer, learning_rates)
        self.model.train_function = None

    def optimizer_state(self) -> OptimizerState:
        """Return what the optimizer remembers."""
        return optimizer_state.read(self.model.optimizer, shared(self._spec), self._table())

    def load_optimizer_state(self, state: OptimizerState) -> None:
        """Let the optimizer go on from a state."""
        optimizer_state.write(self.model.optimizer, shared(self._spec), self._table(), state)

    def _table(self) -> "dict[str, Entry]":
        return weights.name_table(self.model, self.layout.weights)

    def averaged(self) -> AbstractContextManager[None]:
        """Let the optimizer's averages be the weights for a while."""
        return averaged(self.model.optimizer)

    def end_training(self) -> None:
        """Let go of the optimizer, and of the compiled step that holds it; the loss stays attached."""
        self.model.optimizer = self.model.train_function = None
        del self._curvature

    def outputs(self, inputs: Mapping[str, np.ndarray]) -> list[np.ndarray]:
        """Return the outputs in inference mode."""
        with drawn_from(self.model, self.draws):
            outputs = keras.tree.flatten(self.model.predict_on_batch(self.arranged(inputs)))
        return canonical([np.asarray(output) for output in outputs], self.layout.outputs)

    def draw_from(self, source: DrawSource) -> None:
        """Take random numbers from a source."""
        self.draws = source

    def snapshot(self) -> tuple[list[np.ndarray], object, object]:
        """Return the value of every variable, the backend's random state and the place of the source of draws."""
        values = [in_little_room(keras.ops.convert_to_numpy(variable)) for variable in self._variables()]
        return values, self._backend.random_state(), self.draws and self.draws.mark()

    def restore(self, state: tuple[list[np.ndarray], object, object]) -> None:
        """Give every variable its value back."""
        values, random_state, mark = state
        if self.draws:
            self.draws.go_back(mark)
        for variable, value in zip(self._variables(), values, strict=True):
            variable.assign(value)
        self._backend.set_random_state(random_state)

    def reseed(self, seed: int) -> None:
        """Set the state of every layer's random generator, and of the backend's."""
        self._backend.reseed(seed)
        for number, layer in enumerate(self.model._flatten_layers()):
            if generator := getattr(layer, "seed_generator", None):
                generator.state.assign(np.array([seed, number]))

    def probe(self) -> KerasProbe:
        """Return what looks at this model beyond its training."""
        return KerasProbe(self)

    def arranged(self, inputs: Mapping[str, np.ndarray]) -> Any:
        """Return inputs by name in the form and in the types that the model takes."""
        return arranged(self.model, self.inputs, inputs)

    def cast_targets(self, targets: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Return targets in the type that the loss takes."""
        kind = "int32" if target_kind(self.loss) == "classes" else keras.config.floatx()
        return [target.astype(kind, copy=False) for target in targets]

    def _variables(self) -> list[keras.Variable]:
        return [*self.model.variables, *self.model.optimizer.variables]
