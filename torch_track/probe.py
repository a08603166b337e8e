"""The Probe contract on PyTorch: it looks at a TorchModel and trains nothing of its own."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from twotrack.shared.axes.layout import canonical, own_order
from twotrack.shared.base.arrays import copies
from twotrack.shared.pieces.recorder import Piece, PieceRun
from twotrack.shared.precision import aten
from twotrack.shared.precision.computing import Computing
from twotrack.shared.precision.rounding import Rounding
from twotrack.shared.spec import regularisation
from twotrack.shared.spec.draws import DrawnPass
from twotrack.shared.spec.inputs import example
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
from twotrack.torch_track import (
    arithmetic,
    compiled,
    freezing,
    hyperparameters,
    loss_alone,
    optimizer_alone,
    precision,
    weights,
)
from twotrack.torch_track.changes.links import unlinked
from twotrack.torch_track.large_scores import LargeScores
from twotrack.torch_track.operations import finished, operations_recorded
from twotrack.torch_track.pieces import pieces_counted
from twotrack.torch_track.recording import (
    NoFunctionalDropout,
    arrays,
    attention_recorded,
    dropout_rates,
    layers_recorded,
    named_layers,
    removed,
)
from twotrack.torch_track.state import state_kept
from twotrack.torch_track.structure import all_given, replaced, tensors_in
from twotrack.torch_track.terms import Terms, in_table

if TYPE_CHECKING:
    from twotrack.torch_track.track_model import TorchModel


class TorchProbe(Probe):
    """Opens up one TorchModel."""

    def __init__(self, model: "TorchModel"):
        self._model, self._module = model, model.module

    def without_counterpart(self) -> list[str]:
        """Return live second biases of recurrent layers."""
        return weights.second_biases(self._module)

    def layers(self) -> list[tuple[tuple[str, ...], Hyperparameters]]:
        """Return every layer's class names and hyperparameters, inner layers too."""
        inside = [layer for path, layer in self._module.named_modules() if path]
        return [
            (tuple(base.__name__ for base in type(layer).__mro__), hyperparameters.of_layer(layer)) for layer in inside
        ]

    def asked_for_float32(self) -> list[str]:
        """A module has the type of its weights."""
        return []

    def narrow_requests(self) -> list[NarrowRequest]:
        """Return what torch functions were asked for."""
        return precision.asked({id(layer): self._canonical(path) for path, layer in self._module.named_modules()})

    def loss(self) -> Hyperparameters:
        """Return the loss's hyperparameters."""
        return hyperparameters.of_loss(self._model.loss, self._model.loss_object())

    def optimizer(self) -> Hyperparameters:
        """Return the optimizer's hyperparameters."""
        return hyperparameters.of_optimizer(self._model.optimizer)

    def remove_dropout(self) -> dict[str, float]:
        """Set every dropout rate to zero; return, by canonical path, the rates that dropped something."""
        rates = {self._canonical(path): rate for path, rate in dropout_rates(self._module).items() if rate}
        for layer in self._module.modules():
            for name in ("p", "dropout"):
                if isinstance(getattr(layer, name, None), float):
                    setattr(layer, name, 0.0)
        functional = self._functional_rates()
        if functional:
            self._model.around = NoFunctionalDropout
        return rates | functional

    def _functional_rates(self) -> dict[str, float]:
        """Return the rates of torch.nn.functional.dropout calls, which no module holds."""
        with state_kept(self._module), torch.no_grad(), NoFunctionalDropout() as recorder:
            self._model.forward(self._model.tensors(example(self._model.inputs)))
        return {f"functional dropout {number}": rate for number, rate in enumerate(recorder.rates, start=1)}

    def drawn_pass(self, inputs: Mapping[str, np.ndarray], training: bool = True, visit: Visit = unseen) -> DrawnPass:
        """Run once, in training or in evaluation mode; return what was drawn."""
        return self._model.drawn_pass(inputs, training, visit)

    def visit(
        self, inputs: Mapping[str, np.ndarray], visit: Visit, training: bool = False, replace: Replace = keep
    ) -> list[np.ndarray]:
        """Run layer by layer; return the outputs."""
        scores = LargeScores(len(next(iter(inputs.values()))))
        recorded = layers_recorded(self._module, self._canonical, self._model.layout, visit, replace, scores)
        with torch.no_grad(), self._model.drawing(training), recorded, self._mode(training), scores:
            outputs = self._module(*self._model.tensors(inputs))
        if self.is_compiled and replace is keep:
            outputs = self._compiled_outputs(inputs, training)
        return arrays(self._model.shown(tensors_in(outputs)))

    def settings(self) -> Callable[[], list[str]]:
        """Keep what modules say of themselves."""
        return settings_of(dict(self._module.named_modules()))

    @property
    def is_compiled(self) -> bool:
        """By torch.compile."""
        return self._model.is_compiled

    def _compiled_outputs(self, inputs: Mapping[str, np.ndarray], training: bool) -> Any:
        drawing, mode = self._model.drawing(training), self._mode(training)
        with torch.no_grad(), drawing, mode, compiled.running():
            return self._module(*self._model.tensors(inputs))

    def pieces(
        self, inputs: Mapping[str, np.ndarray], replace: Replace = keep, watched: Piece | None = None
    ) -> PieceRun:
        """Run in evaluation mode, and count what each piecewise operation is given."""
        with pieces_counted(self._module, self._canonical, watched) as recorder:
            self.visit(inputs, unseen, replace=replace)
        return recorder.run

    def _mode(self, training: bool) -> AbstractContextManager:
        """Put the module into a mode; return what a pass in that mode runs in."""
        if training:
            freezing.train_mode(self._module)
            return self._model.around()
        self._module.eval()
        return nullcontext()

    def allows(self, inputs: Mapping[str, np.ndarray]) -> bool:
        """A module says nothing of its inputs."""
        return True

    def _layer(self, path: str) -> tuple[str, nn.Module]:
        """Return torch's path of a layer, and the layer."""
        layers = [*named_layers(self._module, self._canonical), (self._canonical(""), "", self._module)]
        return next((own, layer) for name, own, layer in layers if name == path)

    def run_layer(self, path: str, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Run one layer alone in evaluation mode, on inputs in canonical order."""
        own, layer = self._layer(path)
        self._module.eval()
        call = self._model.layout.layer(own, 0)
        tensors = [torch.from_numpy(array).to(self._model.device) for array in own_order(inputs, call.inputs)]
        with torch.no_grad():
            return canonical(arrays(layer(*tensors)), call.outputs)

    def replay_layer(self, path: str, given: Mapping[str, np.ndarray], inputs: Sequence[np.ndarray]) -> Replay:
        """Keep the call's arguments in a hook; those by name follow those by place."""
        own, layer = self._layer(path)
        calls: list[tuple[tuple, dict]] = []
        keep_call = layer.register_forward_pre_hook(lambda *call: calls.append(all_given(*call)), with_kwargs=True)
        with removed([keep_call]):
            self.trace(given)
        call = self._model.layout.layer(own, 0)
        kept = tensors_in(calls[0])
        arrangements = [*call.inputs, *[None] * (len(kept) - len(call.inputs))]
        swapped = swaps(canonical(arrays(kept), tuple(arrangements)), inputs)
        table = {
            id(kept[n]): torch.from_numpy(own_order([array], (arrangements[n],))[0]).to(kept[n])
            for n, array in swapped.items()
        }
        args, kwargs = replaced(calls[0], table)
        with torch.no_grad():
            return Replay(canonical(arrays(layer(*args, **kwargs)), call.outputs), len(kept) - len(swapped))

    def operations(self, inputs: Mapping[str, np.ndarray]) -> OperationsTrace:
        """Record calls of torch's functions."""
        self._module.eval()
        with torch.no_grad(), self._model.drawing(training=False):
            given = self._model.tensors(inputs)
            with operations_recorded(self._module, self._canonical) as recorder:
                outputs = self._module(*given)
        return finished(recorder, outputs)

    def row_gradients(self, name: str, numbers: np.ndarray) -> np.ndarray:
        """Call the layer, and go back to the weight alone."""
        path, entry = name.rpartition(".")[0], self._model.table()[name]
        (table,), layout = entry.tensors, entry.whole_layout
        if layout is None or table.shape[0] != len(numbers):
            raise ValueError(f"'{name}' is no table of its own in torch")
        _, layer = self._layer(path)
        self._module.eval()
        ids, by = (torch.from_numpy(array).to(self._model.device) for array in (np.arange(len(numbers))[None], numbers))
        (gradient,) = torch.autograd.grad((as_rows(layer(ids), numbers) * by).sum(), [table])
        own = (gradient.to_dense() if gradient.is_sparse else gradient).cpu().numpy()
        return np.array(layout.to_canonical(own), order="C")

    def loss_and_gradients(
        self, inputs: Mapping[str, np.ndarray], targets: Sequence[np.ndarray]
    ) -> tuple[float, Mapping[str, np.ndarray]]:
        """Return the loss, and its gradient for every trainable weight, as a training step has them."""
        with state_kept(self._module):  # running statistics move
            loss = self._model.backward(self._model.tensors(inputs), targets)
        return loss.item(), self._model.gradients()

    def rounded(self, rounding: Rounding) -> AbstractContextManager[None]:
        """Round what PyTorch's own operations give."""
        return aten.rounded(rounding)

    def poor_sums(self, precision: str) -> frozenset[str]:
        """Try the framework's own."""
        return aten.poor_sums(precision)

    def noted(self, computing: Computing) -> AbstractContextManager[None]:
        """Note what PyTorch's own operations compute in."""
        return arithmetic.noted(self._module, self._canonical, computing)

    def input_gradients(self, inputs: Mapping[str, np.ndarray], targets: Sequence[np.ndarray]) -> dict[str, np.ndarray]:
        """Return the gradient of the loss for every input of numbers."""
        given, specs = self._model.tensors(inputs), self._model.inputs
        real = {
            name: tensor.requires_grad_()
            for (name, spec), tensor in zip(specs.items(), given, strict=True)
            if spec.kind == "real"
        }
        with self._model.drawing():
            gradients = torch.autograd.grad(self._model.loss_value(given, targets), list(real.values()))
        return {
            name: gradient.permute(tuple(np.argsort(specs[name].axes))).cpu().numpy()
            for name, gradient in zip(real, gradients, strict=True)
        }

    def attention(self, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Return what every attention layer weighs with."""
        self._module.eval()
        with torch.no_grad(), attention_recorded(self._module, self._canonical) as kept:
            self._module(*self._model.tensors(inputs))
        return kept

    def penalty(self) -> Penalty | None:
        """Return what the pair's penalties add; where it has none, torch's optimizers may decay, no loss holds it."""
        terms = self._model.terms()
        if not terms.penalises:
            return None
        self._module.zero_grad(set_to_none=True)
        value = terms.penalty()
        value.backward()
        gradients = copies(self._model.gradients())
        self._module.zero_grad(set_to_none=True)
        return Penalty(value.item(), gradients)

    def added_losses(self, inputs: Mapping[str, np.ndarray]) -> dict[str, float]:
        """Return none: no layer of torch adds to a loss."""
        return {}

    def relaxations(self) -> list[str]:
        """Return none: nothing constrains torch's weights but the user's own code."""
        return []

    def relaxed(self, kind: str) -> AbstractContextManager[None]:
        """Change nothing."""
        return nullcontext()

    def loss_facts(self) -> LossFacts:
        """Return the class that the loss ignores; masks are none of torch's, and losses take outputs as they are."""
        count = len(self._model.outputs(example(self._model.inputs)))
        made = self._model.loss_object()
        ignored = getattr(made, "ignore_index", getattr(getattr(made, "spec", None), "ignored", None))
        return LossFacts(ignored, 0.0, (0,) * count, (False,) * count)

    def run_loss(self, batches: Sequence[LossBatch]) -> list[LossRun]:
        """Compute the loss as `backward` does."""
        return [self._run_loss(batch) for batch in batches]

    def _run_loss(self, batch: LossBatch) -> LossRun:
        model = self._model

        def loss(outputs: Sequence[Tensor], targets: Sequence[np.ndarray]) -> Tensor:
            return model.loss_of(unlinked(outputs, model.links), targets)

        model.masks = batch.masks
        found = loss_alone.run(loss, batch, model.device, model.dtype)
        model.masks = ()
        return found

    def run_optimizer(
        self,
        optimizer: Optimizer | CustomOptimizer,
        learning_rates: Sequence[float],
        starts: Sequence[OptimizerStart],
        gradients: Mapping[str, np.ndarray],
    ) -> OptimizerRun:
        """Run the model's kind of optimizer on parameters in the module's order."""
        shapes = {name: array.shape for name, array in starts[0].parameters.items()}
        stand_ins = optimizer_alone.StandIns(self._module, self._model.table(), shapes)
        trained, _ = in_table(self._model.table())

        def run(penalties: Sequence[regularisation.Penalty]) -> OptimizerRun:
            found = OptimizerRun([], [])
            terms = Terms(penalties, self._model.constraints, trained, stand_ins.spots, self._module, shapes)
            for start in starts:
                stand_ins.assign(start.parameters)
                given = iter(stand_ins.parameters)
                made = self._model.new_optimizer(optimizer, learning_rates, given, stand_ins.placed)
                terms.attach_penalty(made, stand_ins.parameters)
                terms.attach(made)
                kept, rates = optimizer_alone.run(made, stand_ins, start.scaled(gradients), start.checkpoints)
                found.parameters += kept
                found.learning_rates = found.learning_rates or rates
            return found

        found, shared = run(self._model.penalties), [one for one in self._model.penalties if one.on(is_torch=False)]
        if len(shared) < len(self._model.penalties):
            found.unpenalised = run(shared).parameters
        return found

    def learning_rates(self, optimizer: Optimizer, learning_rates: Sequence[float]) -> list[float]:
        """Let the optimizer step on the module's parameters without their gradients, so that it moves nothing."""
        without_gradients = (nn.Parameter(parameter.detach()) for parameter in self._module.parameters())
        torch_optimizer = self._model.new_optimizer(optimizer, learning_rates, without_gradients)
        return optimizer_alone.learning_rates(torch_optimizer, len(learning_rates))

    def _canonical(self, path: str) -> str:
        return self._model.canonical_path(path)
