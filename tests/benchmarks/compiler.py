"""What PyTorch's compiler makes of a training step of mnist_cnn: why no run switches it on.

python -m tests.benchmarks.compiler

Seconds are those of one thread's CPU time, which other work on the machine changes least. It needs a C++ compiler.
"""

import time
from collections.abc import Callable

import torch
from rich.console import Console
from rich.table import Table
from torch import nn

from twotrack.shared.chapters.mnist_cnn import CHAPTER, Config
from twotrack.torch_track.models.mnist_cnn import build

ROUNDS, STEPS = 6, 4
MEMORY = {"as it is": torch.contiguous_format, "channels last": torch.channels_last}


def training_step(is_compiled: bool, memory_format: torch.memory_format) -> Callable[[], None]:
    """Return a step of the recipe `fast` on drawn pictures, fused as a run does it."""
    torch.manual_seed(0)
    recipe = CHAPTER.recipe("fast")
    module: nn.Module = build(Config()).to(memory_format=memory_format)
    optimizer = torch.optim.AdamW(module.parameters(), lr=recipe.optimizer.learning_rate, fused=True)
    forward = torch.compile(module) if is_compiled else module
    images, labels = torch.rand(recipe.batch_size, 1, 28, 28), torch.randint(10, (recipe.batch_size,))

    def step() -> None:
        optimizer.zero_grad()
        nn.functional.cross_entropy(forward(images), labels, label_smoothing=0.1).backward()
        optimizer.step()

    return step


def seconds(step: Callable[[], None], times: int) -> float:
    """Return the CPU time of so many steps."""
    start = time.process_time()
    for _ in range(times):
        step()
    return time.process_time() - start


def main() -> None:
    """Print what the first step takes, which compiles, and the least mean of a few later ones."""
    torch.set_num_threads(1)
    table = Table("compiled", "memory", "first step, s", "ms a step")
    for is_compiled in (False, True):
        for name, memory_format in MEMORY.items():
            step = training_step(is_compiled, memory_format)
            first = seconds(step, 1)
            least = min(seconds(step, STEPS) for _ in range(ROUNDS)) / STEPS
            table.add_row("yes" if is_compiled else "no", name, f"{first:.1f}", f"{1e3 * least:.1f}")
    Console().print(table)


if __name__ == "__main__":
    main()
