"""Averages of weights beside a checkpoint's model, as torch.optim.swa_utils.AveragedModel and others keep them."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from twotrack.shared.errors import UserError
from twotrack.shared.spec.optimizer_files import no_averages
from twotrack.shared.spec.update_options import EMA
from twotrack.shared.weights.bridge.names import require_same
from twotrack.torch_track.track_model import TorchModel

KEYS = ("ema_state_dict", "model_ema", "ema_model", "ema", "state_dict_ema", "averaged_model", "swa_state_dict")
"""Under which name a checkpoint keeps it, the first that there is."""
COUNT, PREFIX = "n_averaged", "module."


def read(path: Path, content: Any, model: TorchModel) -> dict[str, np.ndarray]:
    """Return the averages of trained weights in canonical form; UserError if there are none, BridgeError for others."""
    state = stored(path, content)
    own = {name: one for name, one in model.module.state_dict().items() if name in state or one.is_floating_point()}
    require_same(_shapes(own), _shapes(state), "the torch model", f"the averages in '{path}'")
    before = {name: one.clone() for name, one in own.items()}
    model.module.load_state_dict(state, strict=False)
    trained = model.trainable_names()
    averages = {name: array for name, array in model.weights().items() if name in trained}
    model.module.load_state_dict(before, strict=False)
    return averages


def _shapes(state: Mapping[str, Tensor]) -> dict[str, tuple[int, ...]]:
    return {name: tuple(one.shape) for name, one in state.items()}


def stored(path: Path, content: Any) -> dict[str, Tensor]:
    """Return the tensors of averages in a checkpoint by the model's own names."""
    parts = content if isinstance(content, Mapping) else {}
    found = next((parts[key] for key in KEYS if isinstance(parts.get(key), Mapping)), None)
    if found is None:
        raise UserError(no_averages(path, f"an AveragedModel's state_dict as '{KEYS[0]}'"))
    tensors = {name: one for name, one in found.items() if isinstance(one, Tensor) and name != COUNT}
    is_wrapped = all(name.startswith(PREFIX) for name in tensors)
    return {name.removeprefix(PREFIX) if is_wrapped else name: one for name, one in tensors.items()}


def state_dict(
    model: TorchModel, weights: Mapping[str, np.ndarray], averages: Mapping[str, np.ndarray], updates: int
) -> dict[str, Tensor]:
    """Return what an AveragedModel of the model would save; the model itself stays as it is."""
    model.load_weights({**weights, **averages})
    averaged = {f"{PREFIX}{name}": one.detach().clone() for name, one in model.module.state_dict().items()}
    model.load_weights(weights)
    return {COUNT: torch.tensor(updates)} | averaged


def follow(path: Path, content: Any, module: nn.Module, optimizer: torch.optim.Optimizer, average: EMA) -> None:
    """Let torch's own AveragedModel, which goes on from a checkpoint, average behind every step of the optimizer."""
    averaged = AveragedModel(module, multi_avg_fn=get_ema_multi_avg_fn(average.momentum))
    averaged.module.load_state_dict(stored(path, content), strict=False)
    averaged.n_averaged.fill_(1)  # 0 would begin anew
    places = {id(one): number for number, one in enumerate(module.parameters())}
    kept: Sequence[nn.Parameter] = list(averaged.module.parameters())

    def update(*_: object) -> None:
        averaged.update_parameters(module)

    optimizer.register_step_post_hook(update)
    for group in optimizer.param_groups:
        group["averages"] = [kept[places[id(one)]] for one in group["params"]]
