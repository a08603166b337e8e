"""Modules and optimizers that are aligned but for what a run leaves to torch."""

from collections.abc import Iterable, Sequence

import torch
from torch import nn

from twotrack.shared.spec.optimizers import Optimizer
from twotrack.shared.spec.profiles import Switches
from twotrack.torch_track import optimizers
from twotrack.torch_track.defaults import HOOKS, LAYERS, OPTIMIZERS, SPECS
from twotrack.torch_track.placement import Placement


def switch_layers(module: nn.Module, switches: Switches) -> None:
    """Give the layers of an aligned module torch's defaults."""
    switches.apply(LAYERS, module)


def optimizer(
    spec: Optimizer,
    learning_rates: Sequence[float],
    parameters: Iterable[nn.Parameter],
    switches: Switches,
    placed: Placement | None = None,
) -> torch.optim.Optimizer:
    """Return the optimizer for `spec` on parameters that hold the placed weights, aligned but for the switches."""
    spec, given = switches.fold(SPECS, spec), list(parameters)
    torch_optimizer = switches.fold(OPTIMIZERS, optimizers.make(spec, given, placed))
    optimizers.follow(torch_optimizer, spec, learning_rates, given, placed)
    switches.apply(HOOKS, torch_optimizer, spec)
    return torch_optimizer
