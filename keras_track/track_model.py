"""The TrackModel contract on Keras 3: a model with loss and optimizer."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence, Set
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any

import keras
import numpy as np

from twotrack.keras_track import (
    backends,
    freezing,
    losses,
    native,
    optimizer_state,
    optimizers,
    weights,
)
from twotrack.keras_track.curvature import Curvature
from twotrack.keras_track.draws import drawn_from
from twotrack.keras_track.inputs import arranged
from twotrack.keras_track.losses import ChannelsLast
from twotrack.keras_track.moved_gradients import GradientMover
from twotrack.keras_track.own_loops import watched
from twotrack.keras_track.parts import in_parts
from twotrack.keras_track.probe import KerasProbe
from twotrack.keras_track.recording import as_array
from twotrack.keras_track.state import moving
from twotrack.keras_track.update_options import ROWS, Names, averaged, named
from twotrack.shared.axes.layout import NO_LAYOUT, ChannelLayout, canonical
from twotrack.shared.base.memory import give_back_free_memory
from twotrack.shared.base.sizes import TRAINED_ALONE, in_little_room
from twotrack.shared.datasets.batches import Batch
from twotrack.shared.errors import UserError, as_user_error
from twotrack.shared.spec.draws import DrawSource
from twotrack.shared.spec.inputs import Input, describe
from twotrack.shared.spec.loop import Feed, Hear, LoopBatch, LoopNotes, TrainingLoop
from twotrack.shared.spec.loss_specs import Loss
from twotrack.shared.spec.objective import (
    CustomLoss,
    Objective,
    kinds_of,
    losses_of,
    masks_of,
    real_steps,
    row_weights,
    split,
)
from twotrack.shared.spec.optimizers import Optimizer
from twotrack.shared.spec.pair import CustomOptimizer
from twotrack.shared.spec.profiles import Switches
from twotrack.shared.spec.state import OptimizerState, shared
from twotrack.shared.spec.track import (
    TrackModel,
)
from twotrack.shared.spec.transfer import BASE, HEAD
from twotrack.shared.spec.tuning import AS_IT_IS, Tuning
from twotrack.shared.weights.bridge import BridgeError
from twotrack.shared.weights.bridge.names import listed
from twotrack.shared.weights.made import MadeWeights

if TYPE_CHECKING:
    from twotrack.keras_track.replicas import Training
    from twotrack.keras_track.several_steps.groups import SeveralSteps
    from twotrack.keras_track.weights import Entry


INTEGERS = ("classes", "sequences")
"""Kinds of target."""


def as_keras(model: TrackModel) -> "KerasModel":
    """Return a model that was built on a Keras track as what it is; TypeError for another track's."""
    if not isinstance(model, KerasModel):
        raise TypeError(f"expected a model of Keras, found {type(model).__name__}.")
    return model


class KerasModel(TrackModel):
    """A keras.Model with loss and optimizer."""

    has_own_loop = False
    """The user's own code trains it, and has compiled it perhaps: it stays as it is."""
    tuning = AS_IT_IS
    xla = False
    """XLA compiles the training step, where TensorFlow's own graph would be run else."""
    several: "SeveralSteps | None" = None
    """What does several training steps in one dispatch."""
    single: keras.Model | None = None
    """The same model in float32, which predicts with the weights of this one, whose policy is mixed."""
    part = ""
    """Which of a pair's model it is, where it is not all of it."""
    replicas: "Training | None" = None
    """What does its training steps on several replicas, where there are several."""
    mover: GradientMover | None = None
    """What moves gradients before each update, from the next `compile` on; a verification puts it here."""

    def __init__(
        self,
        model: keras.Model,
        inputs: Mapping[str, Input],
        loss: Objective,
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

    def live_weights(self) -> MadeWeights:
        """Return all weights, in canonical form, each read when it is asked for."""
        table = weights.name_table(self.model, self.layout.weights)
        shapes = {name: entry.shape for name, entry in table.items() if name not in self._unused}
        return MadeWeights(shapes, lambda name, _: table[name].own())

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Return the canonical shapes of all weights."""
        table = weights.name_table(self.model, self.layout.weights)
        return {name: entry.shape for name, entry in table.items() if name not in self._unused}

    def load_weights(self, canonical: Mapping[str, np.ndarray], only: Collection[str] | None = None) -> None:
        """Replace all weights, or only some."""
        weights.load_weights(self.model, canonical, self.layout.weights, self._unused, only)

    def moving_names(self) -> set[str]:
        """Return those that are not trained, and those that constraints or layers normalise."""
        moved = {id(variable) for variable in moving(self.model)}
        return {name for name, entry in weights.name_table(self.model).items() if id(entry.variable) in moved}

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
        base = self._judged().get_layer(BASE)
        with self.replicas.judging(base) if self.replicas else nullcontext():
            return np.asarray(base.predict_on_batch(self.arranged(inputs)))

    def head(self) -> "KerasModel":
        """Return the head, which takes features (batch, features)."""
        head = KerasModel(self.model.get_layer(HEAD), describe((1,)), self.loss, self._backend, self.switches)
        head.single = self.single and self.single.get_layer(HEAD)
        head.tune(self.tuning)
        head.replicas, head.part = self.replicas, HEAD
        head.draws = self.draws
        return head

    def tune(self, tuning: Tuning) -> None:
        """From here on do training steps so; `compile` comes before the next one."""
        self.tuning, self.xla = tuning, tuning.xla
        self._backend.tune(tuning)
        if tuning.several_steps:
            self.several = self._backend.several_steps(self.model)

    def compile(self, optimizer: Optimizer | CustomOptimizer, learning_rates: Sequence[float]) -> None:
        """Attach loss and optimizer."""
        if self.has_own_loop:
            return
        self.has_custom_optimizer = isinstance(optimizer, CustomOptimizer)
        self._spec = optimizer
        if self.replicas and not isinstance(optimizer, CustomOptimizer):
            self.replicas.require(optimizer)
        with self.replicas.scope() if self.replicas else nullcontext():
            self._attach(optimizer, learning_rates)

    def _attach(self, optimizer: Optimizer | CustomOptimizer, learning_rates: Sequence[float]) -> None:
        made = self.new_optimizer(optimizer, learning_rates)
        if self.mover:
            self.mover.attach(made)
        if self.model.count_params() > TRAINED_ALONE:
            in_parts(made)
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
        _forget_gradients(self.model)
        self.model.compile(optimizer=optimizer, loss=self.own_losses(), loss_weights=self.loss_weights())
        if self.xla:
            self.model.jit_compile = True
        self.model.optimizer.build(self.model.trainable_variables)
        self._curvature = Curvature(self.model, self.loss)
        if self.several:
            self.several.forget()

    def loss_object(self) -> keras.losses.Loss:
        """Return the loss as an object of Keras, that of the first output where each has its own."""
        return losses.build(self.loss[0].loss if isinstance(self.loss, tuple) else self.loss)

    def own_losses(self) -> Any:
        """Return the loss for outputs as the model has them: one for all, or one for each if they are not alike."""
        arrangements = self.layout.outputs
        if not arrangements and not isinstance(self.loss, tuple):
            return self.loss_object()
        found = [
            ChannelsLast(loss, arrangement) if arrangement else loss
            for loss, arrangement in zip(self._made(), arrangements or [None] * self.count, strict=True)
        ]
        return found if len(found) > 1 else found[0]

    def _made(self) -> list[keras.losses.Loss]:
        if isinstance(self.loss, CustomLoss) and self.loss.is_whole:
            return list(keras.tree.flatten(self.loss_object()))
        parts = losses_of(self.loss, self.count)
        return [losses.build(part.loss) if isinstance(self.loss, tuple) else self.loss_object() for part in parts]

    @property
    def count(self) -> int:
        """How many outputs it gives; a chapter's model one."""
        return len(self.loss) if isinstance(self.loss, tuple) else len(self.given.names) or 1

    def loss_weights(self) -> list[float] | None:
        """Return what the losses of the outputs are multiplied by; None for nothing."""
        if isinstance(self.loss, CustomLoss):
            return list(self.loss.loss_weights) or None
        return [part.factor(is_torch=False) for part in self.loss] if isinstance(self.loss, tuple) else None

    def train_step(self, inputs: Mapping[str, np.ndarray], targets: Sequence[np.ndarray]) -> float:
        """Train on one batch."""
        x, fed = self.arranged(inputs), self.fed(inputs, targets)
        if hasattr(self.model.optimizer, ROWS):
            getattr(self.model.optimizer, ROWS).assign(len(targets[0]))
        draws = self.replicas.draws(self.draws, len(targets[0])) if self.replicas and self.draws else self.draws
        with drawn_from(self.model, draws):
            self._curvature.update_if_due(x)
            if self.replicas:
                loss = self.replicas.train_on_batch(self, x, fed, len(targets[0]))
            else:
                logs = self.model.train_on_batch(x, **fed, return_dict=True)
                loss = float(logs["loss"])  # waits for the step, so that all of it draws before the source moves on
        if self.draws:
            self.draws.advance()
        return loss

    def train_steps(self, batches: Iterable[LoopBatch]) -> Iterator[float]:
        """Train on each batch, on several in one dispatch where nothing has to be done between two steps."""
        has_work = self.draws or self.replicas or self.mover or self._curvature.is_used
        if not self.several or has_work or hasattr(self.model.optimizer, ROWS):
            return super().train_steps(batches)
        return self.several.train(self, batches)

    def warm_up(self, inputs: Mapping[str, np.ndarray], targets: Sequence[np.ndarray]) -> None:
        """Do a training step and undo it, in the program that trains."""
        state = self.snapshot()
        list(self.train_steps([Batch(inputs, targets)]))
        self.restore(state)

    def set_learning_rates(self, learning_rates: Sequence[float]) -> None:
        """Give the optimizer another table; the next step is compiled anew."""
        optimizers.set_learning_rates(self.model.optimizer, learning_rates)
        self.model.train_function = None
        if self.several:
            self.several.forget()

    def optimizer_state(self) -> OptimizerState:
        """Return what the optimizer remembers."""
        return optimizer_state.read(self.model.optimizer, shared(self._spec), self.table())

    def load_optimizer_state(self, state: OptimizerState) -> None:
        """Let the optimizer go on from a state."""
        optimizer_state.write(self.model.optimizer, shared(self._spec), self.table(), state)

    def table(self) -> "dict[str, Entry]":
        """Return the entry of every weight by canonical name."""
        return weights.name_table(self.model, self.layout.weights)

    def averaged(self) -> AbstractContextManager[None]:
        """Let the optimizer's averages be the weights for a while."""
        return averaged(self.model.optimizer)

    def fed(self, inputs: Mapping[str, np.ndarray], targets: Sequence[np.ndarray]) -> dict[str, Any]:
        """Return what train_on_batch takes beside the inputs: targets, and weights if there are any."""
        own, weights = self.with_weights(targets, inputs)
        fed: dict[str, Any] = {"y": own if len(own) > 1 else own[0]}
        if isinstance(self.loss, CustomLoss) and self.loss.class_weight:
            return fed | {"class_weight": dict(self.loss.class_weight)}
        if any(one is not None for one in weights):
            fed["sample_weight"] = weights if len(weights) > 1 else weights[0]
        return fed

    def with_weights(
        self, targets: Sequence[np.ndarray], inputs: Mapping[str, np.ndarray]
    ) -> tuple[list[np.ndarray], list[np.ndarray | None]]:
        """Return targets and weights of each output in the types that the losses take."""
        if isinstance(self.loss, str):
            return self.cast_targets(targets), [None] * len(targets)
        named = masks_of(self.loss, self.count)
        masks = [real_steps(name, inputs) if name else None for name in named]
        return self.weighed_targets(targets, masks)

    def weighed_targets(
        self, targets: Sequence[np.ndarray], masks: Sequence[np.ndarray | None]
    ) -> tuple[list[np.ndarray], list[np.ndarray | None]]:
        """Return the same where it is known which steps are real; a loss of the user's own sees Keras' masks."""
        own, weights = split(self.loss, targets, self.count)
        losses, dtype = [part.loss for part in losses_of(self.loss, self.count)], keras.config.floatx()
        found = [
            row_weights(weight, mask if isinstance(loss, Loss) and loss.mask else None)
            for loss, weight, mask in zip(losses, weights, masks, strict=True)
        ]
        if any(one is not None for one in found):  # Keras wants one for each output then
            found = [np.ones(len(own[0])) if one is None else one for one in found]
        return self.cast_targets(own), [None if one is None else one.astype(dtype) for one in found]

    def run_loop(self, loop: TrainingLoop, batches: Iterable[LoopBatch], hear: Hear) -> LoopNotes:
        """Let the user's own training function, or the model that is compiled already, train."""
        table = {id(entry.variable): (name, entry) for name, entry in weights.name_table(self.model).items()}

        def given() -> Iterator[tuple[Any, Any]]:
            for batch in batches:
                targets = self.cast_targets(batch.targets)
                watch.begin_batch()
                yield self.arranged(batch.inputs), targets if len(targets) > 1 else targets[0]

        def read(loss: Any, gradients: Any) -> tuple[float, Any]:
            value = float(keras.ops.convert_to_numpy(loss))
            if gradients is None:
                return value, None
            named = zip((table[id(one)] for one in self.model.trainable_variables), gradients, strict=True)
            return value, {name: np.array(entry.layout.to_canonical(as_array(one))) for (name, entry), one in named}

        def over(loss: float, gradients: Any) -> None:
            watch.end_batch()
            hear(loss, gradients)
            if self.draws:
                self.draws.advance()

        feed, function = Feed(given(), over, read), loop.of("keras") or _train_compiled
        own = self.model, self.draws
        with watched(self.model) as watch, as_user_error("the Keras training function failed"), drawn_from(*own):
            function(self.model, feed, feed.record)
        feed.require_record()
        return watch.notes

    def end_training(self) -> None:
        """Let go of the optimizer, and of the compiled step that holds it; the loss stays attached."""
        if self.has_own_loop:
            return
        self.model.optimizer = self.model.train_function = None
        vars(self.model).pop("_compile_config", None)  # which holds the optimizer for a file
        vars(self).pop("_curvature", None)
        _forget_gradients(self.model)
        if self.model.count_params() > TRAINED_ALONE:
            give_back_free_memory()  # an optimizer is a circle of references

    def outputs(self, inputs: Mapping[str, np.ndarray]) -> list[np.ndarray]:
        """Return the outputs in inference mode."""
        judging = self.replicas.judging(self.model) if self.replicas else nullcontext()
        with drawn_from(self.model, self.draws), judging:
            outputs = keras.tree.flatten(self._judged().predict_on_batch(self.arranged(inputs)))
        return canonical([np.asarray(output) for output in outputs], self.layout.outputs)

    def _judged(self) -> keras.Model:
        """Return what predicts: the model, or its twin in float32 with the weights of now."""
        if self.single is None:
            return self.model
        for variable, trained in zip(self.single.variables, self.model.variables, strict=True):
            variable.assign(np.array(keras.ops.convert_to_numpy(trained)))  # JAX's steps delete what they were given
        return self.single

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
        kinds = kinds_of(self.loss, len(targets))
        types = ["int32" if kind in INTEGERS else keras.config.floatx() for kind in kinds]
        return [target.astype(kind, copy=False) for target, kind in zip(targets, types, strict=True)]

    def _variables(self) -> list[keras.Variable]:
        return [*self.model.variables, *self.model.optimizer.variables]


def _train_compiled(model: keras.Model, batches: Iterable[tuple[Any, Any]], record: Callable[..., None]) -> None:
    """Train a model that its build function has compiled, step by step."""
    if not getattr(model, "compiled", False):
        raise UserError(
            "TrainingLoop: expected keras=train(model, batches, record), or a model that its build function has "
            "compiled, found neither."
        )
    for x, y in batches:
        model.reset_metrics()
        logs = model.train_on_batch(x, y, return_dict=True)
        if "loss" not in logs:
            raise UserError(f"train_step: expected it to return 'loss', found {', '.join(logs) or 'nothing'}.")
        record(logs["loss"])


def _forget_gradients(model: keras.Model) -> None:
    """Drop what PyTorch keeps beside the weights, of those too that Keras' own `zero_grad` does not find.

    That looks for weights by their paths, and finds one of two that share a path.
    """
    if keras.backend.backend() == "torch":
        for variable in model.variables:
            variable.value.grad = None
