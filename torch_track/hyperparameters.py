"""Hyperparameters of torch layers under the names that both frameworks' layers are compared by."""

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from twotrack.shared.spec.objective import Objective, stated
from twotrack.torch_track.optimizers import DecoupledOptimizer

_SAME_NAMES = {
    "eps": "epsilon",
    "variance_epsilon": "epsilon",
    "negative_slope": "negative_slope",
    "approximate": "approximate",
    "groups": "groups",
    "num_heads": "num_heads",
    "count_include_pad": "count_include_pad",
    "ceil_mode": "ceil_mode",
    "bidirectional": "bidirectional",
}
_PER_AXIS = {"kernel_size": "kernel_size", "stride": "strides", "dilation": "dilation"}


def of_layer(layer: nn.Module) -> dict[str, Any]:
    """Return JSON-ready hyperparameters of a layer."""
    hyperparameters = {
        shared_name: getattr(layer, torch_name)
        for torch_name, shared_name in _SAME_NAMES.items()
        if hasattr(layer, torch_name)
    }
    for torch_name, shared_name in _PER_AXIS.items():
        if isinstance(getattr(layer, torch_name, None), int | tuple):
            hyperparameters[shared_name] = _per_axis(getattr(layer, torch_name))
    padding = getattr(layer, "padding", None)
    if isinstance(padding, int | tuple | str):
        hyperparameters["padding"] = padding if isinstance(padding, str) else _per_axis(padding)
    if isinstance(layer, nn.modules.batchnorm._BatchNorm) and layer.momentum is not None:
        hyperparameters["momentum"] = 1 - layer.momentum  # the share that the running statistics keep, as Keras counts
    if isinstance(layer, nn.modules.dropout._DropoutNd):
        hyperparameters["rate"] = layer.p
    if "approximate" in hyperparameters:
        hyperparameters["approximate"] = hyperparameters["approximate"] == "tanh"
    if hasattr(layer, "bias") and isinstance(layer, nn.Linear | nn.modules.conv._ConvNd):
        hyperparameters["use_bias"] = layer.bias is not None
    return {
        name: value for name, value in hyperparameters.items() if isinstance(value, bool | int | float | str | list)
    }


def _per_axis(value: int | tuple[int, ...]) -> list[int]:
    return [value, value] if isinstance(value, int) else list(value)


def of_loss(loss: Objective, loss_function: Callable) -> dict[str, Any]:
    """Return what the loss expects and does; `loss_function` is the loss as a callable."""
    if told := stated(loss, is_torch=True):
        return told
    return {
        "kind": type(loss_function).__name__,
        "from_logits": isinstance(loss_function, nn.CrossEntropyLoss | nn.BCEWithLogitsLoss),
        "label_smoothing": float(getattr(loss_function, "label_smoothing", 0.0)),
    }


def of_optimizer(optimizer: torch.optim.Optimizer) -> dict[str, Any]:
    """Return the optimizer's hyperparameters under Keras' names."""
    group = optimizer.param_groups[0]
    values = {"kind": type(optimizer).__name__, "learning_rate": float(group["lr"])}
    stated = {name: group.get(own) for own, name in _OPTIMIZER_NAMES.items()}
    values |= {name: float(value) for name, value in stated.items() if isinstance(value, int | float)}
    if "betas" in group:
        values |= {"beta_1": float(group["betas"][0]), "beta_2": float(group["betas"][1])}
    values["decoupled_weight_decay"] = isinstance(optimizer, torch.optim.AdamW | DecoupledOptimizer)
    return values


_OPTIMIZER_NAMES = {
    "eps": "epsilon",
    "momentum": "momentum",
    "alpha": "rho",
    "weight_decay": "weight_decay",
    "gamma": "gamma",
    "interval": "interval",
}
