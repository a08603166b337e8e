"""Trainings as a learner writes them from a chapter's description: nothing is aligned, shared or tuned.

They are what `twotrack benchmark` compares with. Models and loops are written out on purpose.
"""

import time
from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import DataLoader, TensorDataset

from twotrack.shared.spec.scripts import Script, ScriptEpoch


class SimpleCNN(nn.Module):
    """The chapter's network."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 32, 3, padding=1)
        self.conv2 = nn.Conv2d(32, 64, 3, padding=1)
        self.fc1 = nn.Linear(64 * 7 * 7, 128)
        self.dropout = nn.Dropout(0.25)
        self.fc2 = nn.Linear(128, 10)

    def forward(self, x: Tensor) -> Tensor:
        """Map images (batch, 1, 28, 28) to logits (batch, 10)."""
        x = functional.max_pool2d(functional.relu(self.conv1(x)), 2)
        x = functional.max_pool2d(functional.relu(self.conv2(x)), 2)
        x = torch.flatten(x, 1)
        return self.fc2(self.dropout(functional.relu(self.fc1(x))))


def mnist_cnn(
    images: np.ndarray, labels: np.ndarray, seed: int, most_steps: int | None = None
) -> Iterator[ScriptEpoch]:
    """Train on images (examples, 28, 28, 1) and labels, Adam of 1e-3, batches of 64; yield after each epoch.

    An epoch ends after `most_steps`, if that is given.
    """
    torch.manual_seed(seed)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    model = SimpleCNN().to(device)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    criterion = nn.CrossEntropyLoss()
    data = TensorDataset(torch.from_numpy(images).permute(0, 3, 1, 2), torch.from_numpy(labels).long())
    loader = DataLoader(data, batch_size=64, shuffle=True)
    while True:
        model.train()
        start, steps = time.perf_counter(), 0
        for x, y in loader:
            optimizer.zero_grad()
            loss = criterion(model(x.to(device)), y.to(device))
            loss.backward()
            optimizer.step()
            steps += 1
            if steps == most_steps:
                break
        loss.item()  # waits for a GPU
        yield ScriptEpoch(time.perf_counter() - start, steps, lambda given: _predict(model, device, given))


def _predict(model: nn.Module, device: str, images: np.ndarray) -> np.ndarray:
    model.eval()
    parts = torch.from_numpy(images).permute(0, 3, 1, 2).split(250)
    with torch.no_grad():
        return np.concatenate([model(part.to(device)).cpu().numpy() for part in parts])


SCRIPTS: dict[str, Script] = {"mnist_cnn": mnist_cnn}
"""By chapter."""
