"""Records what a model computes into a folder that `twotrack verify` compares with another one.

This one file is the whole recorder. It needs NumPy and the framework that the model is of, and runs where twotrack
cannot be installed: Python 3.7 or newer, PyTorch 1 or newer, Keras 2 (tf.keras, tf-keras) and Keras 3. Copy it beside
the script (`twotrack record --standalone FILE` writes it), and call

    record(model, inputs, "folder")                             # weights, inputs, every layer's values, outputs
    record(model, inputs, "folder", targets=y, loss=loss)       # the loss and the gradients too

or, in a training loop of one's own,

    with Recorder("folder", every=100, model=model) as recorder:
        for x, y in batches:
            ...  # forward, backward, optimizer.step()
            recorder.step(model, inputs=x, targets=y, outputs=outputs, loss=loss, optimizer=optimizer)

A recording is a folder with `recording.json` and files of tensors in the format safetensors; nothing in it is pickled.
It gets its name when it is whole: an exception, or a process that is killed, leaves nothing that looks like one.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import shutil
import struct
import sys
import tempfile
import time
from collections import OrderedDict
from contextlib import contextmanager
from typing import Any, Callable, Dict, Iterable, Iterator, Mapping, Optional, Sequence, Tuple

import numpy as np

try:
    from twotrack.shared.errors import UserError as _Error
except ImportError:  # where this file stands alone
    _Error = Exception  # type: ignore[assignment,misc]

FORMAT, VERSION = "twotrack recording", 1
MANIFEST = "recording.json"
SHARD_BYTES = 64 * 2**20
"""Tensors are written to the disk whenever so many bytes have come together: that is the most that memory holds."""
DTYPES = {
    "float64": "F64", "float32": "F32", "float16": "F16", "int64": "I64", "int32": "I32", "int16": "I16", "int8": "I8",
    "uint8": "U8", "bool": "BOOL",
}  # fmt: skip
"""NumPy's names of types to those of safetensors."""
SLOTS = {
    "SGD": {"momentum_buffer": "buffer", "momentums": "velocity", "momentum": "velocity"},
    "RMSprop": {
        "square_avg": "velocity", "grad_avg": "mean", "momentum_buffer": "buffer", "_velocities": "velocity",
        "_average_gradients": "mean", "_momentums": "step",
    },
    "Adam": {
        "exp_avg": "momentum", "exp_avg_sq": "velocity", "max_exp_avg_sq": "largest", "_momentums": "momentum",
        "_velocities": "velocity", "_velocity_hats": "largest",
    },
    "Adagrad": {"sum": "sum", "_accumulators": "sum"},
    "Adadelta": {
        "square_avg": "velocity", "acc_delta": "moved", "_accumulated_grads": "velocity",
        "_accumulated_delta_vars": "moved",
    },
    "Adamax": {"exp_avg": "momentum", "exp_inf": "norm", "_m": "momentum", "_u": "norm"},
    "NAdam": {"exp_avg": "momentum", "exp_avg_sq": "velocity"},
    "Nadam": {"_momentums": "momentum", "_velocities": "velocity"},
    "Lion": {"_momentums": "momentum", "exp_avg": "momentum"},
}  # fmt: skip
"""By the name of an optimizer's class, what frameworks call what it remembers, and one name for what is the same.

A velocity of Keras' SGD has the learning rates in it, a buffer of torch's has not.
"""
State = Tuple[Optional[int], Dict[str, Dict[str, np.ndarray]]]
"""Updates done, and by slot, by weight, what is remembered."""
PACKAGES = ("numpy", "torch", "tensorflow", "tf_keras", "keras", "jax", "transformers", "keras_hub")
_PARTIAL = ".partial"
Keep = Callable[[str, str, bool, "dict[str, Any]", Any, Any], None]
"""Takes a call's path, kind, whether it is a leaf, hyperparameters, inputs and outputs."""


class RecordingError(_Error):
    """What cannot be recorded: one sentence that says what was expected, what was found and what to do."""


# === The folder ===


class Writer:
    """Writes tensors, as they come, into files below a temporary folder; `finish` gives the folder its name."""

    def __init__(self, out: Any) -> None:
        self._out = os.path.abspath(str(out))
        if os.path.lexists(self._out):
            raise RecordingError(f"'{out}' is there already; name a folder that does not exist yet.")
        parent, name = os.path.split(self._out)
        try:
            self._folder = tempfile.mkdtemp(_PARTIAL, f".{name}.", parent)
        except OSError as error:
            raise RecordingError(f"cannot write '{out}': {error.strerror}.") from error
        self._waiting: dict[str, np.ndarray] = OrderedDict()
        self._known: dict[tuple, str] = {}
        self._bytes = 0
        self.files: dict[str, dict[str, Any]] = OrderedDict()
        """Size and SHA-256 of every file, by its name."""

    def add(self, array: np.ndarray) -> str:
        """Take an array in; return the key under which it is stored. Equal arrays are stored once."""
        array = _storable(array)
        content = hashlib.blake2b(array.tobytes(), digest_size=16).hexdigest()
        identity = (content, array.dtype.name, array.shape)
        if identity not in self._known:
            self._known[identity] = key = str(len(self._known))
            self._waiting[key] = array
            self._bytes += array.nbytes
            if self._bytes >= SHARD_BYTES:
                self._flush()
        return self._known[identity]

    def _flush(self) -> None:
        if self._waiting:
            name = f"tensors-{len(self.files):05d}.safetensors"
            self.files[name] = _write(os.path.join(self._folder, name), _safetensors(self._waiting))
        self._waiting, self._bytes = OrderedDict(), 0

    def finish(self, manifest: Mapping[str, Any]) -> None:
        """Write the rest, sync everything to the disk and give the folder its name."""
        try:
            self._flush()
            whole = dict(manifest, format=FORMAT, version=VERSION, files=self.files)
            text = json.dumps(_plain(whole), indent=1, allow_nan=False)
            _write(os.path.join(self._folder, MANIFEST), [text.encode("utf-8")])
            _sync(self._folder)
            os.rename(self._folder, self._out)
            _sync(os.path.dirname(self._out))
        except OSError as error:
            self.abandon()
            raise RecordingError(f"cannot write '{self._out}': {error.strerror or error}.") from error
        except BaseException:  # Ctrl-C too: nothing half-written stays
            self.abandon()
            raise

    def abandon(self) -> None:
        """Remove what was written."""
        shutil.rmtree(self._folder, ignore_errors=True)


def _storable(array: np.ndarray) -> np.ndarray:
    """Return a copy of an array, in C order and in a type that safetensors has."""
    array = np.asarray(array)
    if array.dtype.name in ("bfloat16", "uint16"):
        array = array.astype(np.float32 if array.dtype.name == "bfloat16" else np.int32)
    elif array.dtype.name in ("uint32", "uint64"):
        array = array.astype(np.int64)
    if array.dtype.name not in DTYPES:
        raise RecordingError(f"expected numbers or booleans, found an array of type {array.dtype}.")
    return np.array(array, dtype=array.dtype.newbyteorder("<"), order="C")


def _safetensors(arrays: Mapping[str, np.ndarray]) -> Iterator[bytes]:
    """Yield the parts of a file: the header's length, the header, and the bytes of every array."""
    header: dict[str, Any] = OrderedDict()
    offset = 0
    for key, array in arrays.items():
        span = [offset, offset + array.nbytes]
        header[key] = {"dtype": DTYPES[array.dtype.name], "shape": list(array.shape), "data_offsets": span}
        offset = span[1]
    text = json.dumps(header, separators=(",", ":")).encode("utf-8")
    text += b" " * (-len(text) % 8)
    yield struct.pack("<Q", len(text))
    yield text
    for array in arrays.values():
        yield array.tobytes()


def _write(path: str, parts: Iterable[bytes]) -> dict[str, Any]:
    """Write a file and sync it; return its size and SHA-256."""
    digest, size = hashlib.sha256(), 0
    with open(path, "wb") as file:
        for part in parts:
            file.write(part)
            digest.update(part)
            size += len(part)
        file.flush()
        os.fsync(file.fileno())
    return {"bytes": size, "sha256": digest.hexdigest()}


def _sync(folder: str) -> None:
    """Wait until the names in a folder are on the disk, where the system can."""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError:  # Windows opens no folders
        return
    try:
        os.fsync(descriptor)
    except OSError:
        pass
    finally:
        os.close(descriptor)


def _plain(value: Any) -> Any:
    """Return a value as JSON has it: what is not finite as text, what is no plain value as the name of its class."""
    if isinstance(value, dict):
        return OrderedDict((str(key), _plain(part)) for key, part in value.items())
    if isinstance(value, (list, tuple)):
        return [_plain(part) for part in value]
    if isinstance(value, (np.bool_, np.integer, np.floating)):
        value = value.item()
    if isinstance(value, float) and not np.isfinite(value):
        return str(value)
    return value if value is None or isinstance(value, (bool, int, float, str)) else type(value).__name__


def now() -> str:
    """Return the time, as a recording has it."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


def environment() -> dict[str, Any]:
    """Return versions and platform of this process."""
    loaded = [(name, sys.modules[name]) for name in PACKAGES if sys.modules.get(name) is not None]
    versions = {name: str(getattr(module, "__version__", "")) for name, module in loaded}
    return {"python": platform.python_version(), "platform": platform.platform(), "packages": versions}


# === Values ===


def is_tensor(value: Any) -> bool:
    """Return whether a value is an array or a tensor of a framework."""
    return hasattr(value, "shape") and hasattr(value, "dtype") and not isinstance(value, (np.generic, type))


def as_array(tensor: Any) -> np.ndarray:
    """Return a tensor as an array."""
    if hasattr(tensor, "detach"):
        tensor = tensor.detach().cpu()
        tensor = tensor.to_dense() if getattr(tensor, "is_sparse", False) else tensor
        return (tensor.float() if str(tensor.dtype) == "torch.bfloat16" else tensor).numpy()
    if hasattr(tensor, "value") and not hasattr(tensor, "numpy"):  # a variable of Keras
        return as_array(tensor.value() if callable(tensor.value) else tensor.value)
    if not hasattr(tensor, "numpy") and not hasattr(tensor, "__array__"):
        raise RecordingError(f"expected values, found a symbolic {type(tensor).__name__}; run eagerly.")
    array = np.asarray(tensor.numpy() if hasattr(tensor, "numpy") else tensor)
    return array.astype(np.float32) if array.dtype.name == "bfloat16" else array


def named_tensors(structure: Any, name: str = "") -> list[tuple[str, Any]]:
    """Return (name, tensor) for every tensor in nested sequences, mappings and dataclasses, in their order."""
    if is_tensor(structure):
        return [(name, structure)]
    if hasattr(structure, "items"):
        parts = list(structure.items())
    elif hasattr(structure, "__dataclass_fields__"):
        parts = [(field, getattr(structure, field)) for field in structure.__dataclass_fields__]
    elif isinstance(structure, (list, tuple)):
        many = len(structure) > 1 or name
        parts = [(str(number) if many else "", part) for number, part in enumerate(structure)]
    else:
        return []
    return [
        found
        for key, part in parts
        for found in named_tensors(part, f"{name}.{key}" if name and key else name or str(key))
    ]


def batch_digest(structure: Any, digest: Any) -> list[list[int]]:
    """Add the numbers of a batch to a hash, whole numbers as int64 and others as float64; return their shapes."""
    shapes = []
    for _, tensor in named_tensors(structure):
        array = as_array(tensor)
        kind = np.int64 if array.dtype.kind in "iub" else np.float64
        digest.update(repr(array.shape).encode("ascii"))
        digest.update(np.ascontiguousarray(array, dtype=kind).tobytes())
        shapes.append(list(array.shape))
    return shapes


def _number(value: Any) -> float | None:
    if value is None:
        return None
    return float(np.asarray(as_array(value) if is_tensor(value) else value).reshape(-1)[0])


def _settings(source: Mapping[str, Any], leave_out: Sequence[str] = ()) -> dict[str, Any]:
    """Return what is plain in a mapping."""
    return {
        key: value
        for key, value in source.items()
        if key not in leave_out
        and not str(key).startswith("_")
        and (
            isinstance(value, (bool, int, float, str))
            or (isinstance(value, (tuple, list)) and all(isinstance(part, (bool, int, float)) for part in value))
        )
    }


# === PyTorch ===


class TorchSide:
    """What there is to record of a module of PyTorch, under its own names and in its own order of axes."""

    framework, backend = "torch", ""

    def __init__(self, model: Any) -> None:
        self._model = model

    def computes_in(self, dtype: str) -> str:
        """Return the precision of what a model computes whose weights have a type."""
        return dtype

    def weights(self) -> Iterator[tuple[str, np.ndarray, bool]]:
        """Yield (name, array, trainable) of every parameter and persistent buffer, shared ones once."""
        seen = set()
        for name, tensor in self._model.state_dict(keep_vars=True).items():
            if id(tensor) not in seen and is_tensor(tensor) and not name.endswith("num_batches_tracked"):
                seen.add(id(tensor))
                yield name, as_array(tensor), bool(getattr(tensor, "requires_grad", False))

    def gradients(self, given: Any = None) -> dict[str, np.ndarray]:
        """Return the gradients that `backward` left, or those given by the names of parameters."""
        if given is not None:
            return {name: as_array(gradient) for name, gradient in given.items() if gradient is not None}
        own = self._model.named_parameters()
        return {name: as_array(parameter.grad) for name, parameter in own if parameter.grad is not None}

    @contextmanager
    def watched(self, keep: Keep) -> Iterator[None]:
        """Call keep(path, kind, leaf, hyperparameters, inputs, outputs) for every call of a layer, for a while."""
        handles = [self._hook(path, layer, keep) for path, layer in self._model.named_modules() if path]
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()

    def _hook(self, path: str, layer: Any, keep: Keep) -> Any:
        def hook(module: Any, args: Any, *rest: Any) -> None:
            given = (args, rest[0]) if len(rest) > 1 else args
            leaf = not any(True for _ in module.children())
            keep(path, type(module).__name__, leaf, _settings(vars(module), ("training",)), given, rest[-1])

        try:
            return layer.register_forward_hook(hook, with_kwargs=True)
        except TypeError:  # PyTorch 1 knows no keywords here
            return layer.register_forward_hook(hook)

    def run(self, inputs: Any, training: bool = False) -> Any:
        """Return the outputs in evaluation mode, or in training mode; the mode is put back."""
        import torch

        before = [(module, module.training) for module in self._model.modules()]
        self._model.train(training)
        try:
            with torch.no_grad():
                return self._call(inputs)
        finally:
            for module, mode in before:
                module.training = mode

    def _call(self, inputs: Any) -> Any:
        given = self._as_own(inputs)
        if hasattr(given, "items"):
            return self._model(**given)
        return self._model(*given) if isinstance(given, (list, tuple)) else self._model(given)

    def _as_own(self, structure: Any) -> Any:
        """Return arrays as tensors beside the model's own."""
        import torch

        if isinstance(structure, np.ndarray) or torch.is_tensor(structure):
            own = next(self._model.parameters(), torch.zeros(()))
            tensor = torch.as_tensor(structure).to(own.device)
            return tensor.to(own.dtype) if tensor.is_floating_point() else tensor
        if hasattr(structure, "items"):
            return OrderedDict((key, self._as_own(part)) for key, part in structure.items())
        if isinstance(structure, (list, tuple)):
            return [self._as_own(part) for part in structure]
        return structure

    def loss_and_gradients(
        self, inputs: Any, targets: Any, loss: Callable, training: bool = False
    ) -> tuple[float | None, dict[str, np.ndarray]]:
        """Return the loss of the outputs, loss(outputs, targets), and its gradients; the model stays as it is."""
        before = [(module, module.training) for module in self._model.modules()]
        kept = [(parameter, parameter.grad) for parameter in self._model.parameters()]
        buffers = {name: buffer.clone() for name, buffer in self._model.named_buffers()}
        self._model.train(training)
        try:
            for parameter, _ in kept:
                parameter.grad = None
            value = loss(self._call(inputs), self._as_own(targets))
            value.backward()
            return _number(value), self.gradients()
        finally:
            for parameter, gradient in kept:
                parameter.grad = gradient
            for name, buffer in self._model.named_buffers():
                buffer.data.copy_(buffers[name])
            for module, mode in before:
                module.training = mode

    def dropout(self) -> dict[str, float]:
        """Return, by path, the rates of layers that drop at random in training."""
        found = {}
        for path, layer in self._model.named_modules():
            rate = getattr(layer, "p", None) if "Dropout" in type(layer).__name__ else getattr(layer, "dropout", None)
            if isinstance(rate, float) and rate > 0:
                found[path] = rate
        return found

    def optimizer(self, optimizer: Any) -> dict[str, Any]:
        """Return the settings of an optimizer: those of its first group of parameters."""
        group = _settings(optimizer.param_groups[0], ("params",))
        return dict(group, kind=type(optimizer).__name__, groups=len(optimizer.param_groups))

    def state(self, optimizer: Any) -> State:
        """Return what an optimizer remembers of each parameter; what is no tensor of its shape is left out."""
        names = _slots(optimizer)
        own = {id(parameter): name for name, parameter in self._model.named_parameters()}
        found: dict[str, dict[str, np.ndarray]] = {}
        steps = set()
        for parameter, remembered in optimizer.state.items():
            for name, value in remembered.items():
                if name == "step":
                    steps.add(int(_number(value) or 0))
                elif is_tensor(value) and value.shape == parameter.shape and id(parameter) in own:
                    found.setdefault(names.get(name, name), {})[own[id(parameter)]] = as_array(value)
        return (steps.pop() if len(steps) == 1 else None), found

    def learning_rate(self, optimizer: Any) -> float | None:
        """Return the learning rate of the optimizer's first group."""
        return float(optimizer.param_groups[0]["lr"])

    def device(self) -> str:
        """Return where the weights are."""
        own = next(self._model.parameters(), None)
        return "cpu" if own is None else str(own.device)


# === Keras 2 and 3 ===


class KerasSide:
    """What there is to record of a model of Keras, by the paths of its layers."""

    def __init__(self, model: Any) -> None:
        self._model = model
        module = _keras_of(model)
        is_three = hasattr(module, "ops")
        self.framework = "keras" if is_three else "tf.keras"
        self.backend = module.backend.backend() if is_three else "tensorflow"

    def computes_in(self, dtype: str) -> str:
        """Return the precision of what a model computes whose weights have a type.

        Keras 3 takes numbers such as an epsilon, and on some backends whole layers, through float32 in any case.
        """
        return "float32" if self.framework == "keras" and dtype == "float64" else dtype

    def weights(self) -> Iterator[tuple[str, np.ndarray, bool]]:
        """Yield (name, array, trainable) of every weight, shared ones once."""
        for name, variable in self._variables():
            yield name, as_array(variable), bool(variable.trainable)

    def _variables(self) -> Iterator[tuple[str, Any]]:
        seen = set()
        for path, layer in self._walk(self._model, ""):
            inner = {id(variable) for _, part in _layers_inside(layer) for variable in part.weights}
            for variable in layer.weights:
                if id(variable) not in seen and id(variable) not in inner:
                    seen.add(id(variable))
                    short = variable.name.split("/")[-1].split(":")[0]
                    yield (path + "." if path else "") + short, variable

    def _walk(self, layer: Any, path: str) -> Iterator[tuple[str, Any]]:
        yield path, layer
        for name, part in _layers_inside(layer):
            yield from self._walk(part, f"{path}.{name}" if path and name else path or name)

    def gradients(self, given: Any = None) -> dict[str, np.ndarray]:
        """Return the gradients that were given: by name, or in the order of the model's trainable variables."""
        if given is None:
            return {}
        if hasattr(given, "items"):
            return {name: as_array(gradient) for name, gradient in given.items() if gradient is not None}
        names = {id(variable): name for name, variable in self._variables()}
        pairs = zip(self._model.trainable_variables, given)
        return {names[id(variable)]: _dense(gradient) for variable, gradient in pairs if gradient is not None}

    @contextmanager
    def watched(self, keep: Keep) -> Iterator[None]:
        """Call keep(path, kind, leaf, hyperparameters, inputs, outputs) for every call of a layer, for a while."""
        seen: set[Any] = {id(self._model)}
        changed = []
        for path, layer in self._walk(self._model, ""):
            if id(layer) not in seen and path not in seen and path:  # what only wraps has the path of what it wraps
                seen.update((id(layer), path))
                object.__setattr__(layer, "call", self._keeping(path, layer, keep))
                changed.append(layer)
        try:
            yield
        finally:
            for layer in changed:
                object.__delattr__(layer, "call")

    def _keeping(self, path: str, layer: Any, keep: Keep) -> Callable:
        original, leaf = type(layer).call.__get__(layer), not _layers_inside(layer)

        def call(*args: Any, **kwargs: Any) -> Any:
            with _before_activation(layer) as before:
                outputs = original(*args, **kwargs)
            keep(path, type(layer).__name__, leaf, _config(layer), (args, kwargs), (outputs, before))
            return outputs

        return call

    def run(self, inputs: Any, training: bool = False) -> Any:
        """Return the outputs, layer by layer."""
        return self._model(self._as_own(inputs), training=training)

    def _as_own(self, inputs: Any) -> Any:
        """Return inputs in the form that the model takes: a single one as it is."""
        if isinstance(inputs, (list, tuple)) and len(inputs) == 1:
            return inputs[0]
        return inputs

    def loss_and_gradients(
        self, inputs: Any, targets: Any, loss: Callable, training: bool = False
    ) -> tuple[float | None, dict[str, np.ndarray]]:
        """Return the loss of the outputs, loss(targets, outputs), and its gradients."""
        how = {"tensorflow": self._in_tensorflow, "torch": self._in_torch, "jax": self._in_jax}
        if self.backend not in how:
            raise RecordingError(f"gradients of Keras on {self.backend} cannot be recorded; leave out loss=.")
        kept = [(variable, np.array(as_array(variable))) for _, variable in self._variables()]
        value, gradients = how[self.backend](self._as_own(inputs), targets, loss, training)
        for variable, before in kept:  # running statistics moved
            variable.assign(before)
        return _number(value), self.gradients(gradients)

    def _in_tensorflow(self, inputs: Any, targets: Any, loss: Callable, training: bool) -> tuple[Any, Any]:
        import tensorflow

        with tensorflow.GradientTape() as tape:
            value = tensorflow.reduce_mean(loss(targets, self._model(inputs, training=training)))
        return value, tape.gradient(value, self._model.trainable_variables)

    def _in_torch(self, inputs: Any, targets: Any, loss: Callable, training: bool) -> tuple[Any, Any]:
        variables = self._model.trainable_variables
        for variable in variables:
            variable.value.grad = None
        value = loss(targets, self._model(inputs, training=training)).mean()
        value.backward()
        return value, [variable.value.grad for variable in variables]

    def _in_jax(self, inputs: Any, targets: Any, loss: Callable, training: bool) -> tuple[Any, Any]:
        import jax

        model = self._model
        fixed = [variable.value for variable in model.non_trainable_variables]

        def value(trained: Any) -> Any:
            outputs, _ = model.stateless_call(trained, fixed, inputs, training=training)
            return loss(targets, outputs).mean()

        return jax.value_and_grad(value)([variable.value for variable in model.trainable_variables])

    def dropout(self) -> dict[str, float]:
        """Return, by path, the rates of layers that drop at random in training."""
        found = {}
        for path, layer in self._walk(self._model, ""):
            is_dropout = "Dropout" in type(layer).__name__
            names = ("rate",) if is_dropout else ("dropout", "_dropout", "recurrent_dropout", "dropout_rate")
            rates = [vars(layer).get(name) for name in names]
            dropping = [rate for rate in rates if isinstance(rate, float) and rate > 0]
            if dropping:
                found[path] = dropping[0]
        return found

    def optimizer(self, optimizer: Any) -> dict[str, Any]:
        """Return the settings of an optimizer."""
        return dict(_settings(optimizer.get_config(), ("name",)), kind=type(optimizer).__name__)

    def state(self, optimizer: Any) -> State:
        """Return what an optimizer of Keras 3 remembers of each weight; of Keras 2 nothing."""
        own = {id(variable): name for name, variable in self._variables()}
        updated = getattr(optimizer, "_trainable_variables", None) or []
        found: dict[str, dict[str, np.ndarray]] = {}
        for name, slot in _slots(optimizer).items():
            for variable, kept in zip(updated, getattr(optimizer, name, None) or []):
                if kept is not None and id(variable) in own and tuple(kept.shape) == tuple(variable.shape):
                    found.setdefault(slot, {})[own[id(variable)]] = as_array(kept)
        count = getattr(optimizer, "iterations", None)
        return (None if count is None else int(_number(count) or 0)), found

    def learning_rate(self, optimizer: Any) -> float | None:
        """Return the learning rate of the step to come."""
        rate = getattr(optimizer, "learning_rate", None)
        return _number(rate) if is_tensor(rate) or isinstance(rate, (int, float)) else None

    def device(self) -> str:
        """Return where the weights are, as far as the backend says."""
        own = next((variable for _, variable in self._variables()), None)
        return str(getattr(getattr(own, "value", own), "device", "")) or "cpu"


def _slots(optimizer: Any) -> dict[str, str]:
    """Return what an optimizer's own names of slots are in one name for all; of a class of one's own none."""
    return next((SLOTS[base.__name__] for base in type(optimizer).__mro__ if base.__name__ in SLOTS), {})


@contextmanager
def _before_activation(layer: Any) -> Iterator[list[Any]]:
    """Let a layer with a fused activation put the values before it into a list, for a while."""
    found: list[Any] = []
    kinds = {base.__name__ for base in type(layer).__mro__}
    activation = getattr(layer, "activation", None)
    if not callable(activation) or kinds & {"RNN", "Activation"}:
        yield found
        return

    def noting(values: Any, *args: Any, **kwargs: Any) -> Any:
        found.append(values)
        return activation(values, *args, **kwargs)

    object.__setattr__(layer, "activation", noting)
    try:
        yield found
    finally:
        object.__setattr__(layer, "activation", activation)


def _dense(gradient: Any) -> np.ndarray:
    """Return a gradient as an array, that of a table's rows as one of the whole table."""
    if hasattr(gradient, "indices") and hasattr(gradient, "values") and hasattr(gradient, "dense_shape"):
        whole = np.zeros(tuple(int(size) for size in gradient.dense_shape), as_array(gradient.values).dtype)
        np.add.at(whole, as_array(gradient.indices), as_array(gradient.values))
        return whole
    return as_array(gradient)


def _keras_of(model: Any) -> Any:
    """Return the module of Keras that a model is of."""
    for base in type(model).__mro__:
        root = base.__module__.split(".")[0]
        if base.__name__ == "Model" and root in ("keras", "tf_keras"):
            return sys.modules[root]
    return None


def _layers_inside(layer: Any) -> list[tuple[str, Any]]:
    """Return the layers that a layer holds, each with its part of the path; what only wraps adds none."""
    kinds = [base.__name__ for base in type(layer).__mro__]
    if "Bidirectional" in kinds:
        return [("forward", layer.forward_layer), ("backward", layer.backward_layer)]
    if "RNN" in kinds:
        return [("", layer.cell)]
    if "StackedRNNCells" in kinds:
        many = len(layer.cells) > 1
        return [(f"l{number}" if many else "", cell) for number, cell in enumerate(layer.cells)]
    if "Wrapper" in kinds:
        return [("", layer.layer)]
    is_model = "Model" in kinds  # only a model lists its layers publicly
    inside = layer.layers if is_model else layer._flatten_layers(recursive=False, include_self=False)
    return [(part.name, part) for part in inside]


def _config(layer: Any) -> dict[str, Any]:
    """Return the plain settings of a layer."""
    try:
        config = layer.get_config()
    except Exception:  # a layer of one's own that has none
        return {}
    return _settings(config, ("name", "trainable", "dtype"))


def side_of(model: Any) -> TorchSide | KerasSide:
    """Return what records a model; RecordingError for what is neither of PyTorch nor of Keras."""
    if _keras_of(model) is not None:
        return KerasSide(model)
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(model, torch.nn.Module):
        return TorchSide(model)
    raise RecordingError(f"expected a torch.nn.Module or a keras.Model, found a {type(model).__name__}.")


# === Recording ===


def _head(side: TorchSide | KerasSide, name: str) -> dict[str, Any]:
    return {
        "created": now(), "name": name, "framework": side.framework, "backend": side.backend, "names": "own",
        "device": side.device(), "environment": environment(),
    }  # fmt: skip


def _add_all(writer: Writer, structure: Any) -> list[dict[str, str]]:
    return [{"name": name, "tensor": writer.add(as_array(part))} for name, part in named_tensors(structure)]


def _add_weights(writer: Writer, side: TorchSide | KerasSide) -> tuple[list[dict[str, Any]], str]:
    """Write the weights; return what the manifest says of them, and the type of their numbers."""
    found, precision = [], "float32"
    for name, array, trainable in side.weights():
        precision = array.dtype.name if array.dtype.kind == "f" else precision
        found.append({"name": name, "tensor": writer.add(array), "trainable": trainable})
    return found, side.computes_in(precision)


def _remembered(writer: Writer, side: TorchSide | KerasSide, optimizer: Any) -> dict[str, Any]:
    """Write what an optimizer remembers; return what the manifest says of it."""
    updates, state = side.state(optimizer)
    kept = {slot: {name: writer.add(array) for name, array in arrays.items()} for slot, arrays in state.items()}
    return {"updates": updates, "state": kept}


class _Calls:
    """Writes what layers compute, call by call."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer
        self._counts: dict[str, int] = {}
        self.kept: list[dict[str, Any]] = []

    def keep(
        self, path: str, kind: str, leaf: bool, hyperparameters: dict[str, Any], inputs: Any, outputs: Any
    ) -> None:
        number = self._counts[path] = self._counts.get(path, 0) + 1
        self.kept.append(
            {
                "path": path if number == 1 else f"{path}#{number}",
                "kind": kind,
                "leaf": leaf,
                "hyperparameters": hyperparameters,
                "inputs": [self._writer.add(as_array(tensor)) for _, tensor in named_tensors(inputs)],
                "outputs": [self._writer.add(as_array(tensor)) for _, tensor in named_tensors(outputs)],
            }
        )


def record(
    model: Any,
    inputs: Any,
    out: str | os.PathLike,
    targets: Any = None,
    loss: Callable | None = None,
    optimizer: Any = None,
    training: bool = False,
    name: str = "",
) -> str:
    """Record a model on a batch: weights, inputs, every layer's values, outputs in inference mode. Return the folder.

    `inputs` is what the model takes: an array or tensor, a list or tuple of positional ones, a mapping of ones by name.
    With `targets` and `loss`, its value on the batch and the gradients too: loss(outputs, targets) of PyTorch,
    loss(targets, outputs) of Keras, dropout off unless `training`. With `optimizer`, its settings and what it remembers
    of each weight. The model stays as it is. Raises RecordingError if the folder exists, or for what cannot be
    recorded.
    """
    side = side_of(model)
    writer = Writer(out)
    try:
        manifest = dict(_head(side, name or type(model).__name__))
        manifest["inputs"] = _add_all(writer, inputs)
        calls = _Calls(writer)
        with side.watched(calls.keep):
            manifest["outputs"] = _add_all(writer, side.run(inputs))
        manifest["calls"] = calls.kept
        manifest["weights"], manifest["precision"] = _add_weights(writer, side)
        if targets is not None:
            manifest["targets"] = _add_all(writer, targets)
        if loss is not None:
            value, gradients = side.loss_and_gradients(inputs, targets, loss, training)
            kept = {key: writer.add(array) for key, array in gradients.items()}
            manifest["dropout"] = side.dropout() if training else {}
            manifest["loss"] = {"kind": getattr(loss, "__name__", type(loss).__name__), "training": bool(training)}
            manifest["steps"] = [{"number": 1, "loss": value, "gradients": kept}]
        if optimizer is not None:
            manifest["optimizer"] = side.optimizer(optimizer)
            manifest.update(_remembered(writer, side, optimizer))
    except BaseException:  # as in Writer.finish
        writer.abandon()
        raise
    writer.finish(manifest)
    return str(out)


class Recorder:
    """Records steps of a training loop of one's own into a folder, which appears when the block ends well.

    Of every step the batch is hashed; of the first step, and of every `every`-th, loss, gradients, weights, learning
    rate and what the optimizer remembers are kept, and the outputs if they are given. With `model`, its weights before
    the first step are kept too: with these another recording's weights are found by their values, whatever their names.
    """

    def __init__(self, out: str | os.PathLike, every: int = 1, model: Any = None, name: str = "") -> None:
        if isinstance(every, bool) or not isinstance(every, int) or every < 1:
            raise RecordingError(f"every: expected a whole number of steps, 1 or more, found {every!r}.")
        self._out, self._every, self._name = out, every, name
        self._number, self._digest, self._writer = 0, hashlib.sha256(), Writer(out)
        self._steps: list[dict[str, Any]] = []
        self._manifest: dict[str, Any] = {}
        self._side: TorchSide | KerasSide | None = None
        if model is not None:
            with self._whole():
                self._begin(model, has_begun=False)

    @contextmanager
    def _whole(self) -> Iterator[None]:
        """Remove what was written if the block fails."""
        try:
            yield
        except BaseException:  # as in Writer.finish
            self._writer.abandon()
            raise

    def _begin(self, model: Any, has_begun: bool) -> TorchSide | KerasSide:
        self._side = side = side_of(model)
        self._manifest = dict(_head(side, self._name or type(model).__name__), every=self._every)
        self._manifest["dropout"] = side.dropout()
        weights, self._manifest["precision"] = ([], _precision(side)) if has_begun else _add_weights(self._writer, side)
        self._manifest["weights"] = weights
        return side

    def __enter__(self) -> Recorder:
        return self

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        if kind is not None:
            self._writer.abandon()
            return
        if self._side is None:
            self._writer.abandon()
            raise RecordingError(f"'{self._out}': no step was recorded; call step() in every training step.")
        self._manifest.update(steps=self._steps, batches="sha256:" + self._digest.hexdigest())
        self._writer.finish(self._manifest)

    def step(
        self,
        model: Any,
        inputs: Any = None,
        targets: Any = None,
        outputs: Any = None,
        loss: Any = None,
        optimizer: Any = None,
        gradients: Any = None,
    ) -> None:
        """Note a step: call it in each one, after the update and before gradients are set to zero.

        `gradients` are those of Keras' tape, in the order of the trainable variables; PyTorch's are in the parameters.
        """
        self._number += 1
        with self._whole():
            shapes = batch_digest((inputs, targets), self._digest)
            side = self._side or self._begin(model, has_begun=True)
            if self._number == 1 or self._number % self._every == 0:
                self._keep(side, shapes, outputs, loss, optimizer, gradients)

    def _keep(
        self, side: TorchSide | KerasSide, shapes: Any, outputs: Any, loss: Any, optimizer: Any, gradients: Any
    ) -> None:
        writer = self._writer
        if optimizer is not None and "optimizer" not in self._manifest:
            self._manifest["optimizer"] = side.optimizer(optimizer)
        found = side.gradients(gradients)
        remembered = {} if optimizer is None else _remembered(writer, side, optimizer)
        self._steps.append(
            {
                **remembered,
                "number": self._number,
                "batches": "sha256:" + self._digest.hexdigest(),
                "shapes": shapes,
                "loss": _number(loss),
                "learning_rate": None if optimizer is None else side.learning_rate(optimizer),
                "outputs": [] if outputs is None else _add_all(writer, outputs),
                "gradients": {name: writer.add(array) for name, array in found.items()},
                "weights": {name: writer.add(array) for name, array, _ in side.weights()},
            }
        )


def _precision(side: TorchSide | KerasSide) -> str:
    kinds = [array.dtype.name for _, array, _ in side.weights() if array.dtype.kind == "f"]
    return side.computes_in(kinds[-1]) if kinds else "float32"
