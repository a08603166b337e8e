"""The Probe contract on PyTorch: it looks at a TorchModel and trains nothing of its own."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch

from twotrack.shared.axes.layout import canonical, own_order
from twotrack.shared.spec.inputs import example
from twotrack.shared.spec.probe import Hyperparameters, LayerTrace, Probe
from twotrack.torch_track import hyperparameters, weights
from twotrack.torch_track.recording import (
    NoFunctionalDropout,
    arrays,
    attention_recorded,
    dropout_rates,
    layers_recorded,
)

if TYPE_CHECKING:
    from twotrack.torch_track.track import TorchModel


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
        state = {name: tensor.clone() for name, tensor in self._module.state_dict().items()}
        with torch.no_grad(), NoFunctionalDropout() as recorder:
            self._model.forward(self._model.tensors(example(self._model.inputs)))
        self._module.load_state_dict(state)
        return {f"functional dropout {number}": rate for number, rate in enumerate(recorder.rates, start=1)}

    def trace(self, inputs: Mapping[str, np.ndarray]) -> tuple[list[LayerTrace], list[np.ndarray]]:
        """Run in evaluation mode, layer by layer; return their values and the outputs."""
        self._module.eval()
        with torch.no_grad(), layers_recorded(self._module, self._canonical, self._model.layout) as traces:
            outputs = self._module(*self._model.tensors(inputs))
            return traces, canonical(arrays(outputs), self._model.layout.outputs)

    def run_layer(self, path: str, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Run one layer alone in evaluation mode, on inputs in canonical order."""
        own, layer = next(pair for pair in self._module.named_modules() if self._canonical(pair[0]) == path)
        self._module.eval()
        call = self._model.layout.layer(own, 0)
        tensors = [torch.from_numpy(array).to(self._model.device) for array in own_order(inputs, call.inputs)]
        with torch.no_grad():
            return canonical(arrays(layer(*tensors)), call.outputs)

    def gradients(self, inputs: Mapping[str, np.ndarray], targets: Sequence[np.ndarray]) -> dict[str, np.ndarray]:
        """Return the gradient of the loss for every trainable weight, as a training step has it."""
        before = self._model.weights()
        self._model.backward(self._model.tensors(inputs), targets)
        self._model.load_weights(before)  # running statistics moved
        return self._model.gradients()

    def input_gradients(self, inputs: Mapping[str, np.ndarray], targets: Sequence[np.ndarray]) -> dict[str, np.ndarray]:
        """Return the gradient of the loss for every input of numbers."""
        given, specs = self._model.tensors(inputs), self._model.inputs
        real = {
            name: tensor.requires_grad_()
            for (name, spec), tensor in zip(specs.items(), given, strict=True)
            if spec.kind == "real"
        }
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

    def _canonical(self, path: str) -> str:
        return weights.canonical_path(path, self._model.renames)
