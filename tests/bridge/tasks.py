"""Worker tasks on both sides of the cases. Only the worker imports the frameworks, and the models with them."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from twotrack.shared.workers.task import task


@dataclass(frozen=True)
class Checkpoints:
    """A folder of files, and the extension of torch's."""

    folder: Path
    extension: str


@task
def keras_fact(name: str) -> Any:
    from tests.bridge import keras_facts

    return keras_facts.FACTS[name]()


@task
def torch_fact(name: str) -> Any:
    from tests.bridge import torch_facts

    return torch_facts.FACTS[name]()


@task
def checkpoint_keys(folder: Path) -> dict[str, Any]:
    from tests.bridge import torch_facts

    return torch_facts.checkpoint_keys(folder)


@task
def describe(_: None) -> dict[str, dict[str, tuple[int, ...]]]:
    from tests.bridge import torch_side

    return torch_side.describe()


@task
def run_torch(folder: Path) -> dict[str, list[str]]:
    from tests.bridge import torch_side

    return torch_side.run(folder)


@task
def run_keras(folder: Path) -> dict[str, list[str]]:
    from tests.bridge import keras_side

    return keras_side.run(folder)


@task
def write_checkpoints(files: Checkpoints) -> None:
    from tests.bridge import torch_side

    torch_side.write_checkpoints(files.folder, files.extension)


@task
def through_keras(files: Checkpoints) -> None:
    from tests.bridge import keras_side

    keras_side.through_files(files.folder)


@task
def read_checkpoints(files: Checkpoints) -> None:
    from tests.bridge import torch_side

    torch_side.read_checkpoints(files.folder, files.extension)


@dataclass(frozen=True)
class Networks:
    """Drawn networks to build on a track, and the folder for what they compute."""

    folder: Path
    track: str
    seeds: list[int]


@task
def run_networks(asked: Networks) -> Path:
    from tests.bridge import networks
    from twotrack.shared.spec.inputs import drawn
    from twotrack.shared.workers.door import open_track

    track, found = open_track(asked.track, "cpu"), {}
    for wrong, prefix in [(False, "")] if asked.track == "torch" else [(False, ""), (True, "wrong ")]:
        for seed in asked.seeds:
            pair = networks.pair(seed, wrong)
            model = track.build(pair, 0, "float64")
            shapes = {name: array.shape for name, array in model.weights().items()}
            model.load_weights(networks.weights_of(shapes))
            (found[f"{prefix}{seed}"],) = model.outputs(drawn(pair.specs))
    track.build(networks.pair(0), 0)  # back to float32
    path = asked.folder / f"{asked.track.replace(':', '-')}.npz"
    np.savez(path, **found)
    return path
