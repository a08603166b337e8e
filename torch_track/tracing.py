"""What a torch module shows to the verification ladder: layers, gradients, training steps."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from twotrack.shared.errors import UserError, as_user_error
from twotrack.shared.transfer import EVERYTHING, chosen
from twotrack.shared.verify.pair import CustomLoss, CustomOptimizer, Pair
from twotrack.shared.verify.trace import LayerTrace
from twotrack.torch_track import optimizers, weights
from twotrack.torch_track.axes import AxisTracker, canonical, channels_last, dense_inputs
from twotrack.torch_track.curvature import Curvature
from twotrack.torch_track.facts import facts, loss_facts, optimizer_facts
from twotrack.torch_track.freezing import freeze, train_mode
from twotrack.torch_track.inputs import example, tensors
from twotrack.torch_track.losses import LOSSES

DTYPES = {"float32": torch.float32, "float64": torch.float64}


class TorchSubject:
    """One side of a pair in PyTorch, in one precision."""

    def __init__(self, pair: Pair, precision: str, device: str):
        self._pair, self._dtype, self._device = pair, DTYPES[precision], device
        torch.manual_seed(0)
        with as_user_error("the torch build function failed"):
            self.module = pair.torch()
        if not isinstance(self.module, nn.Module):
            raise UserError(f"the torch build function must return an nn.Module, found {type(self.module).__name__}.")
        self.module.to(device, self._dtype)
        self._renames = weights.renames(self.module, pair.rename)
        with as_user_error(f"the torch model does not take inputs of {pair.shapes}"):
            self._flattened = dense_inputs(self.module, *self._tensors(example(self._pair.inputs)))
        if pair.trained != EVERYTHING:
            table = weights.name_table(self.module, self._flattened, self._renames)
            freeze(self.module, table, chosen(table, pair.trained))

    def weights(self) -> dict[str, np.ndarray]:
        """Return copies of all weights, in canonical form."""
        return weights.weights(self.module, self._flattened, self._renames)

    def load_weights(self, canonical: Mapping[str, np.ndarray]) -> None:
        """Replace all weights."""
        weights.load_weights(self.module, self._flattened, canonical, self._renames)

    def without_counterpart(self) -> list[str]:
        """Return trainable tensors that Keras cannot have: live second biases of recurrent layers."""
        return weights.second_biases(self.module)

    def facts(self) -> dict[str, dict[str, Any]]:
        """Return the hyperparameters of loss and optimizer."""
        self.start_training(1)
        return {"loss": loss_facts(self._pair), "optimizer": optimizer_facts(self._optimizer, self._pair)}

    def remove_dropout(self) -> dict[str, float]:
        """Set every dropout rate to zero; return, by canonical path, the rates that dropped something."""
        rates = {self._canonical(path): rate for path, rate in _dropout_rates(self.module).items() if rate}
        for layer in self.module.modules():
            for name in ("p", "dropout"):
                if isinstance(getattr(layer, name, None), float):
                    setattr(layer, name, 0.0)
        return rates | self._functional_rates()

    def _functional_rates(self) -> dict[str, float]:
        """Return the rates of torch.nn.functional.dropout calls, which no module holds."""
        state = {name: tensor.clone() for name, tensor in self.module.state_dict().items()}
        train_mode(self.module)
        with torch.no_grad(), NoFunctionalDropout() as seen:
            self.module(*self._tensors(example(self._pair.inputs)))
        self.module.load_state_dict(state)
        return {f"functional dropout {number}": rate for number, rate in enumerate(seen.rates, start=1)}

    def trace_layers(self, inputs: Mapping[str, np.ndarray]) -> tuple[list[LayerTrace], list[np.ndarray]]:
        """Run in evaluation mode; return every layer's values in the order of calls, and the outputs."""
        layers: list[LayerTrace] = []
        self.module.eval()
        with torch.no_grad(), self._hooks(layers), AxisTracker(self.module):
            outputs = self.module(*self._tensors(inputs))
            return layers, [channels_last(one) for one in tensors_in(outputs)]

    @contextmanager
    def _hooks(self, layers: list[LayerTrace]) -> Iterator[None]:
        counts: dict[str, int] = {}

        def hook(path: str) -> Callable:
            def record(layer: nn.Module, args: tuple, output: Any) -> None:
                counts[path] = counts.get(path, 0) + 1
                name = path if counts[path] == 1 else f"{path}#{counts[path]}"
                layers.append(
                    LayerTrace(
                        path=name,
                        kind=type(layer).__name__,
                        leaf=not any(layer.children()),
                        facts=facts(layer),
                        inputs=[channels_last(one) for one in tensors_in(args)],
                        outputs=[channels_last(one) for one in tensors_in(output)],
                    )
                )

            return record

        handles = [
            layer.register_forward_hook(hook(self._canonical(path)))
            for path, layer in self.module.named_modules()
            if path
        ]
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()

    def gradients(self, inputs: Mapping[str, np.ndarray], targets: Sequence[np.ndarray]) -> dict[str, np.ndarray]:
        """Return the gradient of the loss for every trainable weight, in training mode."""
        train_mode(self.module)
        self.module.zero_grad(set_to_none=True)
        self._loss_value(self._tensors(inputs), targets).backward()
        return weights.gradients(self.module, self._flattened, self._renames)

    def input_gradients(self, inputs: Mapping[str, np.ndarray], targets: Sequence[np.ndarray]) -> dict[str, np.ndarray]:
        """Return the gradient of the loss for every input of numbers, in the input's shape and training mode."""
        train_mode(self.module)
        given = self._tensors(inputs)
        real = {
            name: tensor.requires_grad_()
            for name, tensor in zip(self._pair.inputs, given, strict=True)
            if self._pair.inputs[name].kind == "real"
        }
        found = torch.autograd.grad(self._loss_value(given, targets), list(real.values()))
        return {
            name: gradient.permute(tuple(np.argsort(self._pair.inputs[name].axes))).cpu().numpy()
            for name, gradient in zip(real, found, strict=True)
        }

    def attention(self, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Return what every attention layer weighs with, in evaluation mode: (batch, heads, queries, keys) by path."""
        found: dict[str, np.ndarray] = {}
        self.module.eval()
        with torch.no_grad(), _attention_recorded(self.module, found):
            self.module(*self._tensors(inputs))
        return {self._canonical(path): array for path, array in found.items()}

    def start_training(self, steps: int) -> None:
        """Attach the pair's optimizer, for `steps` steps."""
        self.module.zero_grad(set_to_none=True)
        spec = self._pair.optimizer
        if isinstance(spec, CustomOptimizer):
            with as_user_error("the torch optimizer function failed"):
                self._optimizer = spec.torch(self.module.parameters())
        else:
            rates = self._pair.learning_rates(steps)
            self._optimizer = optimizers.build(spec, rates, self.module.parameters())
        self._curvature = Curvature(self.module, self._optimizer, self._pair.loss)

    def train_step(self, inputs: Mapping[str, np.ndarray], targets: Sequence[np.ndarray]) -> float:
        """Update once; return the loss before the update."""
        train_mode(self.module)
        self._curvature.update_if_due(lambda: self._outputs(self._tensors(inputs)))
        self._optimizer.zero_grad()
        loss = self._loss_value(self._tensors(inputs), targets)
        loss.backward()
        self._optimizer.step()
        return loss.item()

    def _loss_value(self, inputs: Sequence[Tensor], targets: Sequence[np.ndarray]) -> Tensor:
        loss, pairs = self._loss(), zip(self._outputs(inputs), targets, strict=True)
        return sum(loss(output, self._target(target)) for output, target in pairs)

    def _outputs(self, inputs: Sequence[Tensor]) -> list[Tensor]:
        with NoFunctionalDropout(), AxisTracker(self.module):
            return [canonical(one) for one in tensors_in(self.module(*inputs))]

    def _loss(self) -> Callable[[Tensor, Tensor], Tensor]:
        if isinstance(self._pair.loss, CustomLoss):
            with as_user_error("the torch loss function failed"):
                return self._pair.loss.torch()
        return LOSSES[self._pair.loss]

    def _target(self, target: np.ndarray) -> Tensor:
        dtype = torch.int64 if self._pair.target == "classes" else self._dtype
        return torch.from_numpy(target).to(self._device, dtype)

    def _tensors(self, inputs: Mapping[str, np.ndarray]) -> list[Tensor]:
        return tensors(inputs, self._pair.inputs, self._device, self._dtype)

    def _canonical(self, path: str) -> str:
        return weights.canonical_path(path, self._renames)


class NoFunctionalDropout(TorchFunctionMode):
    """Turns torch.nn.functional.dropout, which no attribute controls, into the identity; keeps its rates."""

    def __init__(self):
        super().__init__()
        self.rates: list[float] = []

    def __torch_function__(self, function: Callable, types: Any, args: Sequence = (), kwargs: Any = None) -> Any:
        if getattr(function, "__name__", "") not in {"dropout", "alpha_dropout", "feature_alpha_dropout"}:
            return function(*args, **(kwargs or {}))
        given = dict(zip(("input", "p", "training"), args, strict=False)) | (kwargs or {})
        if given.get("training", True) and given.get("p", 0.5):
            self.rates.append(float(given.get("p", 0.5)))
        return given["input"]


@contextmanager
def _attention_recorded(module: nn.Module, found: dict[str, np.ndarray]) -> Iterator[None]:
    """Let every attention layer compute its weights, head by head, and put them under its path."""

    def ask(layer: nn.Module, args: tuple, kwargs: dict[str, Any]) -> tuple[tuple, dict[str, Any]]:
        return args, kwargs | {"need_weights": True, "average_attn_weights": False}

    def keep(path: str) -> Callable:
        return lambda layer, args, output: found.update({path: output[1].cpu().numpy()})

    layers = [(path, one) for path, one in module.named_modules() if isinstance(one, nn.MultiheadAttention)]
    handles = [one.register_forward_pre_hook(ask, with_kwargs=True) for _, one in layers]
    handles += [one.register_forward_hook(keep(path)) for path, one in layers]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def tensors_in(structure: Any) -> list[Tensor]:
    """Return the tensors of nested tuples, lists and dictionaries, in order."""
    if isinstance(structure, Tensor):
        return [structure]
    if isinstance(structure, Mapping):
        structure = list(structure.values())
    if isinstance(structure, list | tuple):
        return [tensor for one in structure for tensor in tensors_in(one)]
    return []


def _dropout_rates(module: nn.Module) -> dict[str, float]:
    rates = {}
    for path, layer in module.named_modules():
        rate = getattr(layer, "p", None) if isinstance(layer, nn.modules.dropout._DropoutNd) else None
        rate = layer.dropout if isinstance(layer, nn.RNNBase | nn.MultiheadAttention) else rate
        if rate is not None:
            rates[path] = float(rate)
    return rates
