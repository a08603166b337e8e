"""Log files as the usual tools write them."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tests.logs import processes
from twotrack.shared.runs.event_files import EventFile


def write_csv(path: Path, columns: Mapping[str, Sequence[object]]) -> Path:
    """Write a table; None is an empty cell."""
    rows = zip(*columns.values(), strict=True)
    lines = [",".join(columns), *(",".join("" if cell is None else repr(cell) for cell in row) for row in rows)]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n")
    return path


def losses(seed: int, points: int = 200, shift: float = 0.0, start: int = 0, spread: float = 0.1) -> list[float]:
    """Return a falling loss with normal noise, moved by `shift` from a point on."""
    noise = np.random.default_rng(seed).normal(size=points)
    values = processes.curve(points) + spread * noise
    values[start:] += shift
    return values.tolist()


def loss_log(path: Path, values: Sequence[float], **columns: Sequence[object]) -> Path:
    """Write a table of steps and losses."""
    return write_csv(path, {"step": list(range(1, len(values) + 1)), "loss": list(values), **columns})


def write_scalars(folder: Path, scalars: Mapping[str, Sequence[float]], steps: Sequence[int] | None = None) -> Path:
    """Write an event file of simple values, as PyTorch's SummaryWriter does; return the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    with EventFile(folder) as file:
        for tag, values in scalars.items():
            for step, value in zip(steps or range(1, len(values) + 1), values, strict=True):
                file.write(step, {tag: value})
    return folder


def write_tensors(folder: Path, scalars: Mapping[str, Sequence[float]], settings: Mapping[str, Any] = {}) -> Path:
    """Write an event file of tensors, as TensorFlow 2 and Keras do, with hyperparameters; return the folder."""
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.compat.proto.summary_pb2 import Summary, SummaryMetadata
    from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData
    from tensorboard.summary.writer.record_writer import RecordWriter
    from tensorboard.util.tensor_util import make_tensor_proto

    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "events.out.tfevents.1.host.v2").open("wb") as file:
        writer = RecordWriter(file)

        def put(event: Event) -> None:
            writer.write(event.SerializeToString())

        put(Event(file_version="brain.Event:2"))
        data = HParamsPluginData()
        for name, value in settings.items():
            field = "string_value" if isinstance(value, str) else "number_value"
            setattr(data.session_start_info.hparams[name], field, value)
        if settings:
            plugin = SummaryMetadata.PluginData(plugin_name="hparams", content=data.SerializeToString())
            value = Summary.Value(tag="_hparams_/session_start_info", metadata=SummaryMetadata(plugin_data=plugin))
            put(Event(summary=Summary(value=[value])))
        for tag, values in scalars.items():
            plugin = SummaryMetadata.PluginData(plugin_name="scalars")
            for step, number in enumerate(values):
                # Only the first value of a tag names the plugin.
                metadata = SummaryMetadata(plugin_data=plugin) if step == 0 else None
                tensor = make_tensor_proto(np.float32(number))
                put(Event(step=step, summary=Summary(value=[Summary.Value(tag=tag, metadata=metadata, tensor=tensor)])))
        writer.flush()
    return folder


def write_trainer_state(folder: Path, values: Sequence[float], every: int = 10) -> Path:
    """Write trainer_state.json as Hugging Face's Trainer does: means of the losses since the last line."""
    means = np.asarray(values).reshape(-1, every).mean(axis=1)
    history: list[dict[str, float]] = []
    for number, mean in enumerate(means.tolist(), start=1):
        step = number * every
        history.append({"epoch": step / len(values), "learning_rate": 5e-05, "loss": round(mean, 4), "step": step})
    history.append({"epoch": 1.0, "eval_loss": 0.5, "eval_runtime": 1.0, "step": len(values)})
    history.append({"epoch": 1.0, "step": len(values), "train_loss": 0.7, "train_runtime": 12.5})
    folder.mkdir(parents=True, exist_ok=True)
    state = {"log_history": history, "train_batch_size": 8, "max_steps": len(values), "best_metric": None}
    (folder / "trainer_state.json").write_text(json.dumps(state))
    return folder
