"""The TrackModel contract on PyTorch: a module with loss and optimizer."""

import copy
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence, Set
from contextlib import AbstractContextManager, nullcontext
from functools import reduce
from operator import add
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from twotrack.shared.axes.layout import NO_LAYOUT, ChannelLayout
from twotrack.shared.base.memory import keep_free_memory
from twotrack.shared.errors import UserError, as_user_error
from twotrack.shared.spec.draws import DrawnPass, DrawSource
from twotrack.shared.spec.inputs import Input, describe, drawn, example
from twotrack.shared.spec.loop import Hear, LoopBatch, LoopNotes, TrainingLoop
from twotrack.shared.spec.objective import (
    CustomLoss,
    Objective,
    kinds_of,
    losses_of,
    masks_of,
    real_steps,
    split,
)
from twotrack.shared.spec.optimizers import Optimizer
from twotrack.shared.spec.pair import CustomOptimizer
from twotrack.shared.spec.probe import Visit
from twotrack.shared.spec.profiles import Switches
from twotrack.shared.spec.regularisation import Activity, Constraint, Penalty
from twotrack.shared.spec.state import OptimizerState, shared
from twotrack.shared.spec.track import (
    Precision,
    TrackModel,
)
from twotrack.shared.spec.transfer import BASE, HEAD
from twotrack.shared.spec.tuning import AS_IT_IS, Tuning
from twotrack.shared.weights.bridge.layouts import Chain, Layout
from twotrack.shared.weights.correspondence.paths import layer_paths
from twotrack.shared.weights.correspondence.weight_map import NO_MAP, WeightMap
from twotrack.shared.weights.made import MadeWeights
from twotrack.torch_track import compiled, freezing, native, optimizer_state, own_loops, weights
from twotrack.torch_track.axes import channels_last
from twotrack.torch_track.changes.links import linked
from twotrack.torch_track.curvature import Curvature
from twotrack.torch_track.draws import DrawAxes, draw_axes, drawn_from, drawn_pass
from twotrack.torch_track.fused import fused
from twotrack.torch_track.inputs import tensors
from twotrack.torch_track.losses import Loss, build, weighed
from twotrack.torch_track.placement import Placement, placement
from twotrack.torch_track.pool_first import pool_first
from twotrack.torch_track.probe import TorchProbe
from twotrack.torch_track.structure import tensors_in, values
from twotrack.torch_track.terms import Terms, activities, in_table
from twotrack.torch_track.update_options import ROWS, averaged, set_learning_rates

INTEGERS = ("classes", "sequences")
"""Kinds of target."""
PICTURE_AXES = 4
"""(batch, channels, height, width)."""
DTYPES: dict[Precision, torch.dtype] = {
    "float32": torch.float32,
    "float64": torch.float64,
    "bfloat16": torch.bfloat16,
    "float16": torch.float16,
    "mixed_bfloat16": torch.float32,
}
"""Of weights."""

if TYPE_CHECKING:
    from twotrack.torch_track.replicas import Leader


def as_torch(model: TrackModel) -> "TorchModel":
    """Return a model that was built on this track as what it is; TypeError for another track's."""
    if not isinstance(model, TorchModel):
        raise TypeError(f"expected a model of torch, found {type(model).__name__}.")
    return model


class TorchModel(TrackModel):
    """An nn.Module with loss and optimizer."""

    around: Callable[[], AbstractContextManager] = nullcontext
    """What a forward pass in training runs in; a probe turns functional dropout off here."""
    masks: Sequence[np.ndarray | None] = ()
    """Of the outputs' steps, True where one is real, for a change that leaves others out; torch's losses know none."""
    penalties: Sequence[Penalty] = ()
    """Of the pair."""
    constraints: Sequence[Constraint] = ()
    tuning = AS_IT_IS
    is_mixed = False
    """Training passes run under torch.autocast to bfloat16."""
    is_compiled = False
    """What it gives, and its training steps, are those of code that torch.compile has made."""
    leader: "Leader | None" = None
    """What shares its training steps out to replicas, where there are several."""
    called: nn.Module | None = None
    """What a forward pass in training calls in place of the module: what computes the same in another order.

    Inside a step of several replicas, what shares statistics and gradients.
    """
    before_update: Callable[[], None] = staticmethod(lambda: None)
    """Called when a training step's gradients are there; a verification moves them here."""

    def __init__(
        self,
        module: nn.Module,
        inputs: Mapping[str, Input],
        loss: Objective,
        device: str,
        dtype: torch.dtype,
        switches: Switches,
        layout: ChannelLayout = NO_LAYOUT,
        renames: Mapping[str, str] = weights.NOTHING,
    ):
        self.module, self.inputs, self.loss, self.switches = module, inputs, loss, switches
        self.device, self.dtype, self.layout, self.renames = device, dtype, layout, renames
        self._draw_axes: dict[bool, Sequence[DrawAxes]] = {}
        self._frozen: Set[str] = frozenset()
        self.weight_map, self.sources = NO_MAP, weights.sources(module, NO_MAP)
        self._layers: Mapping[str, str] = {}
        """Canonical paths that follow from the map."""
        self.links: Sequence[str] = ()
        """Functions behind the outputs that the loss does not see, where a change has put any there."""
        self.weight_orders: Mapping[str, Sequence[Layout]] = {}
        """From the canonical form to that of the other side, where a change has put a weight into another order."""

    def table(self) -> dict[str, weights.Weight]:
        """Return where every canonical weight lives in the module."""
        return weights.name_table(*self._place)

    @property
    def _place(self) -> tuple[nn.Module, weights.Rearranged, Mapping[str, str], WeightMap]:
        return self.module, self.layout.weights, self.renames, self.weight_map

    def use(self, weight_map: WeightMap) -> None:
        """From here on let weights be made by the rules of a map; BridgeError if it does not fit the module."""
        self.sources, self.weight_map = weights.sources(self.module, weight_map), weight_map
        self._layers = layer_paths(weight_map)

    def live_weights(self) -> MadeWeights:
        """Return all weights, in canonical form, each read when it is asked for."""
        table = self.table()
        return MadeWeights(self.shapes(), lambda name, _: self._in_order(name, table[name].own()))

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Return the canonical shapes of all weights."""
        return {name: entry.shape for name, entry in self.table().items()} | {
            name: self._order_of(name).canonical_shape(self.table()[name].shape) for name in self.weight_orders
        }

    def load_weights(self, canonical: Mapping[str, np.ndarray], only: Collection[str] | None = None) -> None:
        """Replace all weights, or only some."""
        if self.weight_orders:
            own = {name: self._order_of(name).from_canonical(canonical[name]) for name in self.weight_orders}
            canonical = dict(canonical) | own
        weights.load_weights(*self._place[:2], canonical, *self._place[2:], only)

    def _order_of(self, name: str) -> Layout:
        return Chain(tuple(self.weight_orders[name]))

    def gradients(self) -> MadeWeights:
        """Return what `backward` has left for every trainable weight, in canonical form, read when it is asked for."""
        own, shapes = weights.gradients(*self._place), self.shapes()
        return MadeWeights({name: shapes[name] for name in own}, lambda name, _: self._in_order(name, own[name]))

    def unused(self) -> dict[str, np.ndarray]:
        """Return copies of weights, and of rows of them, that the map leaves out."""
        return {name: tensor.detach().cpu().numpy().copy() for name, tensor in self.sources.unused()}

    def load_unused(self, values: Mapping[str, np.ndarray]) -> None:
        """Replace them."""
        with torch.no_grad():
            for name, tensor in self.sources.unused():
                tensor.copy_(torch.from_numpy(np.array(values[name], order="C")))

    def _in_order(self, name: str, array: np.ndarray) -> np.ndarray:
        return self._order_of(name).to_canonical(array) if name in self.weight_orders else array

    def trainable_names(self) -> set[str]:
        """Return the names of the weights with gradients."""
        return {name for name, entry in self.table().items() if entry.trainable}

    def moving_names(self) -> set[str]:
        """Return those that are not trained, but for what was frozen here."""
        return super().moving_names() - self._frozen

    def freeze(self, trainable: Set[str]) -> None:
        """Update the weights of these names only."""
        self._frozen = (self._frozen | self.trainable_names()) - trainable
        freezing.freeze(self.module, self.table(), trainable)

    def features(self, inputs: Mapping[str, np.ndarray]) -> np.ndarray:
        """Return the outputs of the base in evaluation mode."""
        (features,) = self._evaluate(self.module.get_submodule(BASE), inputs)
        return features.cpu().numpy()

    def head(self) -> "TorchModel":
        """Return the head, which takes features (batch, features)."""
        head = self.module.get_submodule(HEAD)
        shape = self.features(example(self.inputs)).shape[1:]
        model = TorchModel(head, describe(shape), self.loss, self.device, self.dtype, self.switches)
        model.is_mixed = self.is_mixed
        model.tune(self.tuning)
        if self.draws:
            model.draw_from(self.draws)
        if self.leader:
            model.leader = self.leader.of_part(model, HEAD)
        return model

    def compile(self, optimizer: Optimizer | CustomOptimizer, learning_rates: Sequence[float]) -> None:
        """Attach the optimizer."""
        if self.leader:
            self.leader.end()  # which weights are trained may have changed
        self.module.zero_grad(set_to_none=True)
        self.optimizer = self.new_optimizer(optimizer, learning_rates, self.module.parameters())
        self._curvature = Curvature(self.module, self.optimizer, self.loss)
        if self.constraints:
            self.terms().attach(self.optimizer)
        self._compiled = optimizer, learning_rates

    def warm_up(self, inputs: Mapping[str, np.ndarray], targets: Sequence[np.ndarray]) -> None:
        """Do a training step and undo it; a user's optimizer is made anew, as its hooks may count steps themselves."""
        super().warm_up(inputs, targets)
        if isinstance(self._compiled[0], CustomOptimizer):
            self.compile(*self._compiled)

    def new_optimizer(
        self,
        optimizer: Optimizer | CustomOptimizer,
        learning_rates: Sequence[float],
        parameters: Iterator[nn.Parameter],
        placed: Placement | None = None,
    ) -> torch.optim.Optimizer:
        """Return the optimizer of torch that `compile` attaches, for these parameters.

        `placed` says which canonical weights they hold; None for the module's own.
        """
        if isinstance(optimizer, CustomOptimizer):
            with as_user_error("the torch optimizer function failed"):
                return optimizer.of("torch")(parameters)
        placed = placed or placement(self.module, self.table())
        made = native.optimizer(optimizer, learning_rates, parameters, self.switches, placed)
        return fused(made) if self.tuning.fused else made

    def tune(self, tuning: Tuning) -> None:
        """From here on do training steps so; `compile` comes before the next one."""
        self.tuning = tuning
        memory: Any = torch.utils.deterministic  # a module that is not in torch's stubs
        memory.fill_uninitialized_memory = not tuning.unfilled
        if tuning.kept_memory:
            keep_free_memory()
        if tuning.channels_last:
            self.module.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # not in torch's stubs
        if tuning.pool_first and not any(isinstance(one, Activity) for one in self.penalties):
            self.called = pool_first(self.module)

    def train_step(self, inputs: Mapping[str, np.ndarray], targets: Sequence[np.ndarray]) -> float:
        """Forward, backward, update."""
        given = self.tensors(inputs)
        with self.drawing():
            self._curvature.update_if_due(lambda: self.forward(given))
        loss = self.leader.backward(inputs, targets) if self.leader else self.backward(given, targets)
        self.before_update()
        if hasattr(self.optimizer, ROWS):
            setattr(self.optimizer, ROWS, len(targets[0]))
        self.optimizer.step()
        if self.draws:
            self.draws.advance()
        return loss.item()

    def set_learning_rates(self, learning_rates: Sequence[float]) -> None:
        """Give the optimizer other rates."""
        set_learning_rates(self.optimizer, learning_rates)

    def optimizer_state(self) -> OptimizerState:
        """Return what the optimizer remembers."""
        return optimizer_state.read(self.optimizer, shared(self._compiled[0]), self.table())

    def load_optimizer_state(self, state: OptimizerState) -> None:
        """Let the optimizer go on from a state."""
        optimizer_state.write(self.optimizer, shared(self._compiled[0]), self.table(), state)

    def averaged(self) -> AbstractContextManager[None]:
        """Let the optimizer's averages be the weights for a while."""
        return averaged(self.optimizer)

    def run_loop(self, loop: TrainingLoop, batches: Iterable[LoopBatch], hear: Hear) -> LoopNotes:
        """Let the user's own training function train the module."""
        return own_loops.run(self, loop, batches, hear)

    def end_training(self) -> None:
        """Let go of gradients and optimizer."""
        self.module.zero_grad(set_to_none=True)
        for name in ("optimizer", "_curvature"):
            vars(self).pop(name, None)

    def drawing(self, training: bool = True) -> AbstractContextManager:
        """Return what a forward pass runs in, so that it draws from the source."""
        return drawn_from(self.draws, self._draw_axes[training], self._is_wide) if self.draws else nullcontext()

    def backward(self, inputs: Sequence[Tensor], targets: Sequence[np.ndarray]) -> Tensor:
        """Leave the gradients of the loss, in training mode, in the parameters; return the loss."""
        self.module.zero_grad(set_to_none=True)
        with self.drawing():  # the backward pass too: a checkpoint inside does parts of the forward pass again
            loss = self.loss_value(inputs, targets)
            if not loss.requires_grad:
                raise UserError(
                    "the torch model trains nothing: expected a loss that depends on weights with requires_grad, found "
                    "none; free some, or climb no farther than --until loss."
                )
            loss.backward()
        return loss

    def loss_value(self, inputs: Sequence[Tensor], targets: Sequence[np.ndarray]) -> Tensor:
        """Return the sum over the outputs of the loss, and all penalties, in training mode."""
        with activities(self.penalties, self.layer) as added:
            outputs = self.forward(inputs)
            terms = added()
        if any(one.on(is_torch=True) and not isinstance(one, Activity) for one in self.penalties):
            terms.append(self.terms().penalty())
        return reduce(add, terms, self._masked_loss(inputs, outputs, targets))

    def terms(self) -> Terms:
        """Return what the pair holds to the weights that training updates."""
        return Terms(self.penalties, self.constraints, *in_table(self.table()), self.module)

    def layer(self, path: str) -> nn.Module:
        """Return the layer at a canonical path; UserError if there is none."""
        for own, layer in self.module.named_modules():
            if self.canonical_path(own) == path:
                return layer
        raise UserError(f"Activity: the torch model has no layer '{path}'.")

    def _masked_loss(
        self, inputs: Sequence[Tensor], outputs: Sequence[Tensor], targets: Sequence[np.ndarray]
    ) -> Tensor:
        """Return the loss of outputs, whose steps inputs may mask."""
        named = masks_of(self.loss, len(outputs))
        if not any(named):
            return self.loss_of(outputs, targets)
        given = {name: one.cpu().numpy() for name, one in zip(self.inputs, inputs, strict=True)}
        self.masks = [real_steps(name, given) if name else None for name in named]
        try:
            return self.loss_of(outputs, targets)
        finally:
            self.masks = ()

    def loss_of(self, outputs: Sequence[Tensor | None], targets: Sequence[np.ndarray]) -> Tensor:
        """Return the sum of the loss of outputs (batch, ...), channels last; of those that are no None."""
        count = len(outputs)
        own, weights = split(self.loss, targets, count)
        given = self.target_tensors(own, count)
        if isinstance(self.loss, CustomLoss) and self.loss.is_whole:
            return self.loss_object()(list(outputs), given)  # type: ignore[arg-type]
        parts, masks = losses_of(self.loss, count), list(self.masks) or [None] * count
        made = (
            [self.loss_object()] * count if not isinstance(self.loss, tuple) else [build(part.loss) for part in parts]
        )
        named = masks_of(self.loss, count)
        terms = [
            part.factor(is_torch=True) * weighed(part.loss, one)(output, target, weight, mask if name else None)
            for part, one, output, target, weight, mask, name in zip(
                parts, made, outputs, given, weights, masks, named, strict=True
            )
            if output is not None
        ]
        return reduce(add, terms)

    def forward(self, inputs: Sequence[Tensor]) -> list[Tensor]:
        """Return the outputs, channels last, in training mode."""
        freezing.train_mode(self.module)
        if self.draws:
            self.draws.begin_pass()
        with self.around(), self._running(), self._autocast():
            outputs = channels_last(tensors_in((self.called or self.module)(*inputs)), self.layout.outputs)
        return [output.float() for output in outputs] if self.is_mixed else outputs

    def _autocast(self) -> AbstractContextManager:
        """Return what a pass in training runs in; the loss is computed outside, as Keras computes it, in float32."""
        return torch.autocast(self.device, torch.bfloat16) if self.is_mixed else nullcontext()

    def loss_object(self) -> Loss:
        """Return the loss as a callable, that of the first output where each has its own."""
        return build(self.loss[0].loss if isinstance(self.loss, tuple) else self.loss)

    def outputs(self, inputs: Mapping[str, np.ndarray]) -> list[np.ndarray]:
        """Return the outputs in evaluation mode."""
        return [values(output) for output in self.shown(self._evaluate(self.module, inputs))]

    def shown(self, outputs: Sequence[Tensor]) -> list[Tensor]:
        """Return what the module gave, channels last, with what is behind it."""
        return linked(channels_last(outputs, self.layout.outputs), self.links)

    def _evaluate(self, module: nn.Module, inputs: Mapping[str, np.ndarray]) -> list[Tensor]:
        module.eval()
        with torch.inference_mode(), self.drawing(training=False), self._running():
            return tensors_in(module(*self.tensors(inputs)))

    def _running(self) -> AbstractContextManager:
        """Return what a compiled model runs in; any other runs as it is written, and what it asks for is widened."""
        return compiled.running() if self.is_compiled else nullcontext()

    def compiles(self) -> bool:
        """Run once; tell whether anything was compiled. UserError if it cannot be."""
        if not compiled.is_at_work():
            return False
        self.is_compiled = True  # to run as a compiled model does
        self.outputs(example(self.inputs))
        return compiled.has_compiled()

    def draw_from(self, source: DrawSource) -> None:
        """Take random numbers from a source; the first time, a pass in each mode shows how they lie in torch."""
        self.draws = source
        if not self._draw_axes:
            self._draw_axes = {training: self._axes_of_draws(training) for training in (True, False)}

    def _axes_of_draws(self, training: bool) -> list[DrawAxes]:
        self._mode(training)
        return draw_axes(self.module, self.layout, self.inputs, self.tensors(drawn(self.inputs)))

    def _mode(self, training: bool) -> None:
        if training:
            freezing.train_mode(self.module)
        else:
            self.module.eval()

    def drawn_pass(self, inputs: Mapping[str, np.ndarray], training: bool, visit: Visit) -> DrawnPass:
        """Run the module once, in training or in evaluation mode, and record what it draws."""
        given = self.tensors(inputs)
        self._mode(training)

        def forward() -> list[Tensor]:
            with self.around():
                return self.shown(tensors_in(self.module(*given)))

        axes = self._draw_axes[training] if self._draw_axes else self._axes_of_draws(training)
        return drawn_pass(
            self.module, self.canonical_path, self.layout, forward, self.draws, axes, self._is_wide, visit
        )

    @property
    def _is_wide(self) -> bool:
        return self.dtype == torch.float64

    def canonical_path(self, path: str) -> str:
        """Return the canonical path of a layer at a path of torch's."""
        return self._layers.get(path) or weights.canonical_path(path, self.renames)

    def snapshot(self) -> dict[str, Any]:
        """Return the states of module, optimizer, random generators and the source of draws."""
        return {
            "draws": self.draws and self.draws.mark(),
            "module": copy.deepcopy(self.module.state_dict()),
            "optimizer": copy.deepcopy(self.optimizer.state_dict()),
            "cpu": torch.get_rng_state(),
            "cuda": torch.cuda.get_rng_state_all(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Put the states back; the snapshot stays good for another time."""
        self.module.load_state_dict(state["module"])
        self.optimizer.load_state_dict(copy.deepcopy(state["optimizer"]))
        if self.draws:
            self.draws.go_back(state["draws"])
        torch.set_rng_state(state["cpu"])
        torch.cuda.set_rng_state_all(state["cuda"])

    def reseed(self, seed: int) -> None:
        """Seed torch's generators, on every device."""
        torch.manual_seed(seed)

    def probe(self) -> TorchProbe:
        """Return what looks at this model beyond its training."""
        return TorchProbe(self)

    def tensors(self, inputs: Mapping[str, np.ndarray]) -> list[Tensor]:
        """Return inputs as tensors, in the order of the module's forward."""
        given = tensors(inputs, self.inputs, self.device, self.dtype)
        if not self.tuning.channels_last:
            return given
        return [one.contiguous(memory_format=torch.channels_last) if one.ndim == PICTURE_AXES else one for one in given]

    def target_tensors(self, targets: Sequence[np.ndarray], count: int) -> list[Tensor]:
        """Return the targets of `count` outputs as tensors, of the types that the loss takes."""
        types = [torch.int64 if kind in INTEGERS else self.dtype for kind in kinds_of(self.loss, count)]
        return [torch.from_numpy(one).to(self.device, dtype) for one, dtype in zip(targets, types, strict=True)]
