"""Worker tasks that run PyTorch itself, for tests to compare with."""

from collections.abc import Mapping
from typing import Any


def one_cycle(arguments: Mapping[str, Any], report: object) -> list[float]:
    """Return the learning rates of torch.optim.lr_scheduler.OneCycleLR, step by step."""
    import torch

    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer,
        max_lr=arguments["peak"],
        total_steps=arguments["steps"],
        pct_start=arguments["warmup_share"],
        anneal_strategy="cos",
        cycle_momentum=False,
        div_factor=arguments["start_divisor"],
        final_div_factor=arguments["end_divisor"],
    )
    rates = []
    for _ in range(arguments["steps"]):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        if len(rates) < arguments["steps"]:
            schedule.step()
    return rates


def adam_on_quadratic(arguments: Mapping[str, Any], report: object) -> list[list[float]]:
    """Minimise sum(curvature * w^2) / 2 in float64 with torch_track's Adam; return w after every step."""
    import torch

    from twotrack.shared.training import Adam
    from twotrack.torch_track import optimizers

    weight = torch.nn.Parameter(torch.tensor(arguments["start"], dtype=torch.float64))
    curvature = torch.tensor(arguments["curvature"], dtype=torch.float64)
    rates = arguments["learning_rates"]
    spec = Adam(max(rates), arguments["beta_1"], arguments["beta_2"], arguments["epsilon"])
    optimizer = optimizers.build(spec, rates, [weight])
    path = []
    for _ in rates:
        optimizer.zero_grad()
        (curvature * weight**2).sum().div(2).backward()
        optimizer.step()
        path.append(weight.tolist())
    return path


def linear_with_warm_up(arguments: Mapping[str, Any], report: object) -> list[float]:
    """Return the learning rates, relative to the peak, of transformers' own schedule for fine-tuning BERT."""
    import torch
    from transformers import get_linear_schedule_with_warmup

    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], 1.0)
    steps = arguments["steps"]
    schedule = get_linear_schedule_with_warmup(optimizer, arguments["warm_up_steps"], steps)
    factors = []
    for _ in range(steps):
        factors.append(schedule.get_last_lr()[0])
        optimizer.step()
        schedule.step()
    return factors
