"""Worker tasks that switch differences and look at what has changed."""

import importlib
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import xxhash

from twotrack.shared import chapters
from twotrack.shared.chapters.pairs import whole_pair
from twotrack.shared.runs import prediction
from twotrack.shared.runs.prediction import SplitRequest
from twotrack.shared.runs.run_folder import read
from twotrack.shared.spec.optimizers import OPTIMIZERS
from twotrack.shared.spec.profiles import Switches
from twotrack.shared.workers.door import open_track
from twotrack.shared.workers.task import task


@dataclass(frozen=True)
class Model:
    track: str
    chapter: str
    settings: dict[str, str] = field(default_factory=dict)
    switched: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Optimizer:
    """One of twotrack's, and how to make torch's own."""

    name: str
    changes: dict[str, Any]
    torchs: tuple[str, dict[str, Any]]
    """Class and options."""
    scale: float
    """Of the gradients."""
    switched: list[str]


STEPS = 12
RATES = [1e-2 * (1 - step / STEPS) for step in range(STEPS)]


@task
def functions(track: str) -> list[str]:
    """Return the entries that a track switches by functions."""
    return importlib.import_module(f"twotrack.{track.partition(':')[0]}_track.defaults").DEFAULTS.switched


@task
def own_weights(asked: Model) -> dict[str, str]:
    """Return hashes of the weights with which the framework itself builds the model."""
    model = _build(asked)
    return {name: xxhash.xxh3_128_hexdigest(array) for name, array in model.weights().items()}


@task
def keras_layers(asked: Model) -> dict[str, list[dict[str, Any]]]:
    """Return the configs of the model's layers, aligned and switched, and of Keras' own batch normalisation."""
    import keras

    models = [_build(replace(asked, switched=names)).model for names in ([], asked.switched)]
    aligned, switched = ([layer.get_config() for layer in model.layers] for model in models)
    return {"aligned": aligned, "switched": switched, "default": [keras.layers.BatchNormalization().get_config()]}


@task
def torch_batch_norm(asked: Model) -> dict[str, list[float]]:
    """Return the running variances after one batch: of the switched model's first one, and of nn.BatchNorm2d."""
    import torch

    layer = _build(asked).module.bn1
    plain = torch.nn.BatchNorm2d(layer.num_features)
    batch = torch.from_numpy(np.random.default_rng(0).normal(size=(4, layer.num_features, 3, 3)).astype(np.float32))
    for module in (layer, plain):
        module.train()(batch)
    return {"switched": layer.running_var.tolist(), "torchs": plain.running_var.tolist()}


@task
def torch_second_bias(asked: Model) -> dict[str, Any]:
    """Return whether second biases are trained and drawn, and the largest difference of outputs from torch's LSTM."""
    import torch

    model = _build(asked)
    layer = model.module.lstm1
    plain = torch.nn.LSTM(layer.input_size, layer.hidden_size, batch_first=True)
    plain.load_state_dict(layer.state_dict())
    x = torch.from_numpy(np.random.default_rng(0).normal(size=(2, 5, layer.input_size)).astype(np.float32))
    trained = [name for name, _ in plain.named_parameters() if layer.get_parameter(name).requires_grad]
    return {
        "trained": trained,
        "largest": float(layer.bias_hh_l0.abs().max()),
        "limit": layer.hidden_size**-0.5,
        "apart": float((layer(x)[0] - plain(x)[0]).abs().max()),
    }


@task
def torch_optimizer(asked: Optimizer) -> dict[str, Any]:
    """Train a few weights by the track's optimizer with switches and by torch's own; return both, and what acted."""
    import torch

    from twotrack.torch_track import native

    spec = replace(OPTIMIZERS[asked.name], **asked.changes)
    switches = Switches(asked.switched)
    parameters = [torch.nn.Parameter(torch.tensor([1.0, -2.0, 0.5])) for _ in range(2)]
    optimizer = native.optimizer(spec, RATES, parameters[:1], switches)
    kind, options = asked.torchs
    plain = getattr(torch.optim, kind)(parameters[1:], lr=RATES[0], **options)
    for step, gradient in enumerate(np.random.default_rng(2).normal(scale=asked.scale, size=(STEPS, 3))):
        plain.param_groups[0]["lr"] = RATES[step]
        for parameter, updates in zip(parameters, (optimizer, plain), strict=True):
            parameter.grad = torch.tensor(gradient, dtype=torch.float32)
            updates.step()
    switched, torchs = (parameter.tolist() for parameter in parameters)
    return {"switched": switched, "torchs": torchs, "acted": sorted(switches.acted)}


@task
def predict(asked: SplitRequest) -> None:
    """Write what the run's model answers on a track for the test split of the data that the run saw."""
    run = read(asked.run)
    dataset = chapters.get(run.record.job.chapter).data(run.record.job.source)
    np.save(asked.out, prediction._logits(asked, lambda *_: None, run, dataset, dataset.test.inputs))


def _build(asked: Model) -> Any:
    chapter = chapters.get(asked.chapter)
    pair = whole_pair(chapter.variant(settings=asked.settings))
    return open_track(asked.track, "cpu").build(pair, 0, switched=asked.switched)
