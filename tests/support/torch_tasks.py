"""Worker tasks that run PyTorch itself, for tests to compare with."""

from dataclasses import dataclass

from twotrack.shared.workers.task import task


@dataclass(frozen=True)
class OneCycle:
    peak: float
    steps: int
    warmup_share: float
    start_divisor: float
    end_divisor: float


@dataclass(frozen=True)
class Quadratic:
    """sum(curvature * w^2) / 2, and how Adam minimises it."""

    start: list[float]
    curvature: list[float]
    learning_rates: list[float]
    beta_1: float
    beta_2: float
    epsilon: float


@dataclass(frozen=True)
class Linear:
    steps: int
    warm_up_steps: int


@task
def one_cycle(asked: OneCycle) -> list[float]:
    """Return the learning rates of torch.optim.lr_scheduler.OneCycleLR, step by step."""
    import torch

    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer,
        max_lr=asked.peak,
        total_steps=asked.steps,
        pct_start=asked.warmup_share,
        anneal_strategy="cos",
        cycle_momentum=False,
        div_factor=asked.start_divisor,
        final_div_factor=asked.end_divisor,
    )
    rates = []
    for _ in range(asked.steps):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        if len(rates) < asked.steps:
            schedule.step()
    return rates


@task
def adam_on_quadratic(asked: Quadratic) -> list[list[float]]:
    """Minimise sum(curvature * w^2) / 2 in float64 with torch_track's Adam; return w after every step."""
    import torch

    from twotrack.shared.spec.optimizers import Adam
    from twotrack.torch_track import optimizers

    weight = torch.nn.Parameter(torch.tensor(asked.start, dtype=torch.float64))
    curvature = torch.tensor(asked.curvature, dtype=torch.float64)
    rates = asked.learning_rates
    spec = Adam(max(rates), asked.beta_1, asked.beta_2, asked.epsilon)
    optimizer = optimizers.build(spec, rates, [weight])
    path = []
    for _ in rates:
        optimizer.zero_grad()
        (curvature * weight**2).sum().div(2).backward()
        optimizer.step()
        path.append(weight.tolist())
    return path


@task
def linear_with_warm_up(asked: Linear) -> list[float]:
    """Return the learning rates, relative to the peak, of transformers' own schedule for fine-tuning BERT."""
    import torch
    from transformers import get_linear_schedule_with_warmup

    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], 1.0)
    steps = asked.steps
    schedule = get_linear_schedule_with_warmup(optimizer, asked.warm_up_steps, steps)
    factors = []
    for _ in range(steps):
        factors.append(schedule.get_last_lr()[0])
        optimizer.step()
        schedule.step()
    return factors
