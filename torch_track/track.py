"""The Track contract on PyTorch."""

import copy
import importlib
from collections.abc import Callable, Collection, Mapping, Sequence, Set
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from twotrack.shared.chapters.spec import Chapter
from twotrack.shared.datasets.batches import Batch
from twotrack.shared.differences.measured import Measured
from twotrack.shared.inputs import Input, Inputs, by_name, describe
from twotrack.shared.losses import TARGET_KINDS, LossName, as_targets
from twotrack.shared.profiles import Switches
from twotrack.shared.track import Checkpoints, Track, TrackModel, TrackSpec, choose_device
from twotrack.shared.training import Recipe
from twotrack.shared.transfer import BASE, HEAD
from twotrack.torch_track import freezing, native, weights
from twotrack.torch_track.axes import dense_inputs
from twotrack.torch_track.curvature import Curvature
from twotrack.torch_track.inputs import example, tensors
from twotrack.torch_track.losses import LOSSES

if TYPE_CHECKING:
    from twotrack.shared.export.runtimes import Predict
    from twotrack.shared.export.subject import Subject


def open_track(spec: TrackSpec, device: str) -> "TorchTrack":
    """Make PyTorch deterministic, with full float32 products, on `device` (auto, cpu or cuda)."""
    torch.use_deterministic_algorithms(True)
    torch.set_float32_matmul_precision("highest")
    torch.backends.cudnn.allow_tf32 = False
    return TorchTrack(spec.name, choose_device(device, torch.cuda.is_available(), spec.name))


class TorchTrack(Track):
    """PyTorch on one device."""

    def __init__(self, name: str, device: str):
        self.name, self.device = name, device

    def build(self, chapter: Chapter, config: Any, seed: int, switched: Collection[str] = ()) -> "TorchModel":
        """Build twotrack.torch_track.models.<slug> on the device, then switch layers."""
        torch.manual_seed(seed)
        module = importlib.import_module(f"twotrack.torch_track.models.{chapter.slug}").build(config).to(self.device)
        switches = Switches(switched)
        native.switch_layers(module.get_submodule(HEAD) if chapter.transfer else module, switches)
        inputs = describe(chapter.inputs(config))
        flattened = dense_inputs(module, *tensors(example(inputs), inputs, self.device, torch.float32))
        return TorchModel(module, flattened, inputs, chapter.loss, self.device, switches)

    def checkpoints(self) -> Checkpoints:
        """Return what reads and writes state_dicts."""
        from twotrack.torch_track import checkpoints

        return checkpoints

    def measurements(self) -> Mapping[str, Callable[[], Measured]]:
        """Return what measures torch's defaults."""
        from twotrack.torch_track.defaults import DEFAULTS

        return DEFAULTS.measurements

    def exporters(self) -> "Mapping[str, Callable[[Subject, Path], None]]":
        """Return what torch writes."""
        from twotrack.torch_track.export import EXPORTERS

        return EXPORTERS

    def openers(self) -> "Mapping[str, Callable[[Path], Predict]]":
        """Return what torch loads."""
        from twotrack.torch_track.export import OPENERS

        return OPENERS

    def to_safetensors(self, path: Path, out: Path) -> None:
        """Write a state_dict's tensors to a .safetensors file, float32, without counters of batches.

        Nothing is unpickled but tensors; UserError if the file holds anything else.
        """
        from twotrack.torch_track import checkpoints

        checkpoints.to_safetensors(path, out)

    def synchronise(self) -> None:
        """Wait for the GPU, if there is one."""
        if self.device == "cuda":
            torch.cuda.synchronize()

    def peak_device_memory(self) -> int | None:
        """Return the most bytes that tensors took on the GPU; None on the CPU."""
        return torch.cuda.max_memory_allocated() if self.device == "cuda" else None


class TorchModel(TrackModel):
    """An nn.Module with loss and optimizer."""

    def __init__(
        self,
        module: nn.Module,
        flattened: weights.Flattened,
        inputs: Mapping[str, Input],
        loss: LossName,
        device: str,
        switches: Switches,
    ):
        self.module, self._flattened, self._inputs, self._loss, self._device = module, flattened, inputs, loss, device
        self.switches = switches

    def weights(self) -> dict[str, np.ndarray]:
        """Return copies of all weights, in canonical form."""
        return weights.weights(self.module, self._flattened)

    def load_weights(self, canonical: Mapping[str, np.ndarray]) -> None:
        """Replace all weights."""
        weights.load_weights(self.module, self._flattened, canonical)

    def trainable_names(self) -> set[str]:
        """Return the names of the weights with gradients."""
        table = weights.name_table(self.module, self._flattened)
        return {name for name, entry in table.items() if entry.tensor.requires_grad}

    def freeze(self, trained: Set[str]) -> None:
        """Update the weights of these names only."""
        freezing.freeze(self.module, weights.name_table(self.module, self._flattened), trained)

    def features(self, inputs: Inputs) -> np.ndarray:
        """Return the outputs of the base in evaluation mode."""
        return self._evaluate(self.module.get_submodule(BASE), inputs)

    def head(self) -> "TorchModel":
        """Return the head, which takes features (batch, features)."""
        head = self.module.get_submodule(HEAD)
        return TorchModel(head, {}, describe((1,)), self._loss, self._device, self.switches)

    def compile(self, recipe: Recipe, learning_rates: Sequence[float]) -> None:
        """Attach the optimizer."""
        parameters = self.module.parameters()
        self._optimizer = native.optimizer(recipe.optimizer, learning_rates, parameters, self.switches)
        self._curvature = Curvature(self.module, self._optimizer, self._loss)

    def train_step(self, batch: Batch) -> float:
        """Forward, backward, update."""
        freezing.train_mode(self.module)
        inputs = self._tensors(batch.inputs)
        self._curvature.update_if_due(lambda: [self.module(*inputs)])
        self._optimizer.zero_grad()
        loss = LOSSES[self._loss](self.module(*inputs), self._targets(batch.labels))
        loss.backward()
        self._optimizer.step()
        return loss.item()

    def predict(self, inputs: Inputs) -> np.ndarray:
        """Return the outputs in evaluation mode."""
        return self._evaluate(self.module, inputs)

    def _evaluate(self, module: nn.Module, inputs: Inputs) -> np.ndarray:
        module.eval()
        with torch.inference_mode():
            return module(*self._tensors(inputs)).cpu().numpy()

    def snapshot(self) -> dict[str, Any]:
        """Return the states of module, optimizer and random generators."""
        return {
            "module": copy.deepcopy(self.module.state_dict()),
            "optimizer": copy.deepcopy(self._optimizer.state_dict()),
            "cpu": torch.get_rng_state(),
            "cuda": torch.cuda.get_rng_state_all(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Put the states back; the snapshot stays good for another time."""
        self.module.load_state_dict(state["module"])
        self._optimizer.load_state_dict(copy.deepcopy(state["optimizer"]))
        torch.set_rng_state(state["cpu"])
        torch.cuda.set_rng_state_all(state["cuda"])

    def reseed(self, seed: int) -> None:
        """Seed torch's generators, on every device."""
        torch.manual_seed(seed)

    def _tensors(self, inputs: Inputs) -> list[Tensor]:
        return tensors(by_name(inputs), self._inputs, self._device, torch.float32)

    def _targets(self, labels: np.ndarray) -> Tensor:
        targets = torch.from_numpy(as_targets(self._loss, labels)).to(self._device)
        return targets.to(torch.int64) if TARGET_KINDS[self._loss] == "classes" else targets
