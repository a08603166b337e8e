"""Shared optimizer specs as torch optimizers that compute what the Keras ones compute."""

from collections.abc import Iterable, Sequence
from math import sqrt

import torch
from torch import nn

from shared.training import Adam


def build(spec: Adam, learning_rates: Sequence[float], parameters: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
    """Return torch's Adam with a learning rate for every step and epsilon where Keras has it.

    Keras divides by sqrt(v) + epsilon, torch by sqrt(v / (1 - beta_2^t)) + eps. The two are the same
    number when eps = epsilon / sqrt(1 - beta_2^t), which is set before each step t = 1, 2, ...
    """
    optimizer = torch.optim.Adam(
        parameters, lr=spec.learning_rate, betas=(spec.beta_1, spec.beta_2), eps=spec.epsilon, weight_decay=0.0
    )
    for group in optimizer.param_groups:
        group["steps_done"] = 0

    def set_step(optimizer: torch.optim.Optimizer, *_: object) -> None:
        for group in optimizer.param_groups:
            group["lr"] = learning_rates[group["steps_done"]]
            group["steps_done"] += 1
            group["eps"] = spec.epsilon / sqrt(1 - spec.beta_2 ** group["steps_done"])

    optimizer.register_step_pre_hook(set_step)
    return optimizer
