"""Worker tasks: training steps in float64 in a form of the track; fused updates of what lies otherwise in memory."""

from contextlib import nullcontext
from dataclasses import dataclass
from itertools import islice

from twotrack.shared import chapters
from twotrack.shared.chapters.pairs import whole_pair
from twotrack.shared.datasets.batches import TrainingBatches
from twotrack.shared.runs.fitting import load_start
from twotrack.shared.spec.tuning import Tuning
from twotrack.shared.workers.door import open_track
from twotrack.shared.workers.task import Report, task

STEPS = 20
"""More than one dispatch has."""
SMALL = {
    "mnist_cnn": {"filters": "2", "hidden_size": "4", "dropout": "0"},
    "churn_mlp": {"dropout": "0"},
}


@dataclass(frozen=True)
class Asked:
    track: str
    chapter: str
    optimizer: str
    tuning: Tuning | None
    """None for what a run takes by itself."""


@dataclass(frozen=True)
class Trajectory:
    losses: list[float]
    weights: dict[str, list[float]]
    is_tuned: bool
    """The framework was told to."""


@task
def trajectory(asked: Asked, report: Report) -> Trajectory:
    """Do a few steps of a small chapter's model, a warm-up that is undone before them."""
    variant = chapters.get(asked.chapter).variant("classic", SMALL[asked.chapter] | {"optimizer": asked.optimizer})
    data, track = variant.data(), open_track(asked.track, "cpu")
    with track.tuned(asked.tuning) if asked.tuning else nullcontext():
        model = track.build(whole_pair(variant), 0, "float64")
    load_start(model, variant, 0)
    model.compile(variant.recipe.optimizer, [3e-3] * STEPS)
    batches = list(islice(TrainingBatches(data, data.train, 8, 0, variant.chapter.loss).epoch(0), STEPS))
    model.warm_up(batches[0].inputs, batches[0].targets)
    losses = list(model.train_steps(batches))
    weights = {name: array.ravel().tolist() for name, array in model.weights().items()}
    return Trajectory(losses, weights, _is_tuned(model))


def _is_tuned(model: object) -> bool:
    if hasattr(model, "module"):
        return bool(model.module.conv2.weight.stride(1) == 1)  # channels lie beside each other
    if model.several:  # type: ignore[attr-defined]
        return True
    return bool(model.tuning.unfilled or (model.xla and model.model.jit_compile))  # type: ignore[attr-defined]


@task
def mixed_layouts(request: None, report: Report) -> list[float]:
    """Let AdamW update a kernel whose gradients and state lie otherwise in memory, as usual and fused; both, flat."""
    import torch

    from twotrack.torch_track.fused import fused

    ends: list[float] = []
    for tune in (lambda optimizer: optimizer, fused):
        random = torch.Generator().manual_seed(0)
        kernel = torch.randn(4, 3, 2, 2, dtype=torch.float64, generator=random)
        weight = torch.nn.Parameter(kernel.contiguous(memory_format=torch.channels_last))
        optimizer = tune(torch.optim.AdamW([weight], lr=1e-2))
        for _ in range(3):
            weight.grad = torch.randn(4, 3, 2, 2, dtype=torch.float64, generator=random)
            optimizer.step()
            for name in ("exp_avg", "exp_avg_sq"):  # as a state that was loaded
                optimizer.state[weight][name] = optimizer.state[weight][name].contiguous()
        ends += weight.flatten().tolist()
    return ends
