"""What differs between the backends of Keras: determinism, precision, devices. Each imports only its own."""

import os
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

import keras

from twotrack.shared.base.memory import keep_free_memory
from twotrack.shared.spec.replicas import LOGICAL_DEVICES
from twotrack.shared.spec.tuning import Tuning

if TYPE_CHECKING:
    from twotrack.keras_track.several_steps.groups import SeveralSteps


class Backend(ABC):
    """A Keras backend, made deterministic and precise when constructed."""

    @abstractmethod
    def has_gpu(self) -> bool:
        """Tell whether the backend sees a GPU."""

    @abstractmethod
    def gpu(self) -> tuple[str, tuple[int, int]]:
        """Return name and compute capability of the first GPU."""

    @abstractmethod
    def peak_gpu_memory(self) -> int:
        """Return the most bytes held on the first GPU."""

    def tune(self, tuning: Tuning) -> None:  # noqa: B027 - most have nothing to switch
        """Switch on in this process what a tuning asks of it."""

    def several_steps(self, model: keras.Model) -> "SeveralSteps | None":
        """Return what does several steps of a model in one dispatch; None where none does, or not faster."""
        return None

    @abstractmethod
    def devices(self) -> int:
        """Return how many devices there are for replicas: GPUs, where there are any."""

    def use_device(self, number: int) -> None:  # noqa: B027 - only PyTorch's replicas are processes
        """Compute on a GPU of this number, where there are GPUs."""

    def random_state(self) -> Any:
        """Return the state of random generators that Keras' own seed generators do not replace."""
        return None

    def set_random_state(self, state: Any) -> None:  # noqa: B027 - most backends have nothing to put back
        """Put back what `random_state` returned."""

    def reseed(self, seed: int) -> None:  # noqa: B027
        """Seed those generators."""


class TensorFlow(Backend):
    """Keras on TensorFlow."""

    def __init__(self) -> None:
        import tensorflow

        self._tensorflow = tensorflow
        self._split_processor(int(os.environ.get(LOGICAL_DEVICES, "1")))
        tensorflow.config.experimental.enable_op_determinism()
        tensorflow.config.experimental.enable_tensor_float_32_execution(False)
        # This pass of the graph optimizer (TensorFlow 2.21) drops the order between reading a weight in the
        # backward pass and updating it, if nothing in the gradient depends on the outputs, as under a loss
        # that is linear in them: a quarter of the models then got gradients through weights already updated.
        tensorflow.config.optimizer.set_experimental_options({"dependency_optimization": False})

    def _split_processor(self, count: int) -> None:
        """Let the processor be so many devices; this has to come before anything is computed."""
        if count > 1:
            settings = self._tensorflow.config
            logical = [settings.LogicalDeviceConfiguration()] * count
            settings.set_logical_device_configuration(settings.list_physical_devices("CPU")[0], logical)

    def devices(self) -> int:
        """Return TensorFlow's logical devices."""
        kind = "GPU" if self.has_gpu() else "CPU"
        return len(self._tensorflow.config.list_logical_devices(kind))

    def has_gpu(self) -> bool:
        """Tell whether TensorFlow sees a GPU."""
        return bool(self._tensorflow.config.list_physical_devices("GPU"))

    def tune(self, tuning: Tuning) -> None:
        """Give up TensorFlow's determinism for XLA, which has no gradient of pooling under it."""
        if tuning.xla:
            from tensorflow.python.framework import config

            config.disable_op_determinism()

    def several_steps(self, model: keras.Model) -> "SeveralSteps":
        """Return a loop in TensorFlow's graph."""
        from twotrack.keras_track.several_steps.on_tensorflow import StepsOnTensorFlow

        return StepsOnTensorFlow(model)

    def gpu(self) -> tuple[str, tuple[int, int]]:
        """Return what TensorFlow says of it."""
        first = self._tensorflow.config.list_physical_devices("GPU")[0]
        details = self._tensorflow.config.experimental.get_device_details(first)
        return details.get("device_name", first.name), tuple(details["compute_capability"])

    def peak_gpu_memory(self) -> int:
        """Return TensorFlow's own peak."""
        return self._tensorflow.config.experimental.get_memory_info("GPU:0")["peak"]


class Jax(Backend):
    """Keras on JAX. On a GPU, XLA's determinism is set by XLA_FLAGS before the import."""

    def __init__(self) -> None:
        import jax

        self._jax = jax
        jax.config.update("jax_default_matmul_precision", "highest")

    def several_steps(self, model: keras.Model) -> "SeveralSteps | None":
        """Return a loop of XLA, which does convolutions in a loop in many times as long."""
        from twotrack.keras_track.several_steps.on_jax import StepsOnJax

        return None if any(hasattr(layer, "kernel_size") for layer in model._flatten_layers()) else StepsOnJax(model)

    def devices(self) -> int:
        """Return JAX's devices."""
        return self._jax.local_device_count()

    def has_gpu(self) -> bool:
        """Tell whether JAX computes on a GPU."""
        return self._jax.default_backend() == "gpu"

    def gpu(self) -> tuple[str, tuple[int, int]]:
        """Return what XLA says of it."""
        first = self._jax.local_devices()[0]
        major, _, minor = str(first.compute_capability).partition(".")
        return first.device_kind, (int(major), int(minor or 0))

    def peak_gpu_memory(self) -> int:
        """Return XLA's own peak."""
        return self._jax.local_devices()[0].memory_stats()["peak_bytes_in_use"]


class Torch(Backend):
    """Keras on PyTorch, whose dropout draws from torch's global generator."""

    def __init__(self) -> None:
        import torch

        self._torch = torch
        # As use_deterministic_algorithms(True) without the compiler, to which worker_environment tells it.
        torch.set_deterministic_debug_mode("error")
        torch.set_float32_matmul_precision("highest")
        torch.backends.cudnn.allow_tf32 = False

    def tune(self, tuning: Tuning) -> None:
        """Say what PyTorch does with memory."""
        memory: Any = self._torch.utils.deterministic  # a module that is not in torch's stubs
        memory.fill_uninitialized_memory = not tuning.unfilled
        if tuning.kept_memory:
            keep_free_memory()

    def devices(self) -> int:
        """Return PyTorch's GPUs."""
        return self._torch.cuda.device_count()

    def use_device(self, number: int) -> None:
        """Compute on a GPU."""
        if self.has_gpu():
            self._torch.cuda.set_device(number)

    def has_gpu(self) -> bool:
        """Tell whether PyTorch sees a GPU."""
        return self._torch.cuda.is_available()

    def gpu(self) -> tuple[str, tuple[int, int]]:
        """Return what PyTorch says of it."""
        return self._torch.cuda.get_device_name(), self._torch.cuda.get_device_capability()

    def peak_gpu_memory(self) -> int:
        """Return PyTorch's own peak."""
        return self._torch.cuda.max_memory_allocated()

    def random_state(self) -> Any:
        """Return the state of torch's generators."""
        return self._torch.get_rng_state(), self._torch.cuda.get_rng_state_all()

    def set_random_state(self, state: Any) -> None:
        """Put torch's generators back."""
        cpu, cuda = state
        self._torch.set_rng_state(cpu)
        self._torch.cuda.set_rng_state_all(cuda)

    def reseed(self, seed: int) -> None:
        """Seed torch's generators."""
        self._torch.manual_seed(seed)


BACKENDS: dict[str, type[Backend]] = {"tensorflow": TensorFlow, "jax": Jax, "torch": Torch}


@contextmanager
def as_it_was(name: str) -> Iterator[None]:
    """Put back, at the end of the block, what this process's user may have set in a backend that is not PyTorch.

    For PyTorch torch's own track does.
    """
    with ExitStack() as stack:
        if name == "tensorflow":
            _keep_tensorflow(stack)
        elif name == "jax":
            _keep_jax(stack)
        yield


def _keep_tensorflow(stack: ExitStack) -> None:
    import tensorflow
    from tensorflow.python.eager import context
    from tensorflow.python.framework import config

    own, settings = context.context(), tensorflow.config
    stack.callback(setattr, own, "_seed", own._seed)
    if own._seed is not None:  # else there is no generator
        stack.callback(setattr, own, "_rng", own._rng)
    tf32 = settings.experimental.tensor_float_32_execution_enabled()
    stack.callback(settings.experimental.enable_tensor_float_32_execution, tf32)
    options = settings.optimizer.get_experimental_options()
    passes = {"dependency_optimization": True} | options  # where nothing was set, TensorFlow does this one
    stack.callback(settings.optimizer.set_experimental_options, passes)
    if not config.is_op_determinism_enabled():
        stack.callback(config.disable_op_determinism)


def _keep_jax(stack: ExitStack) -> None:
    import jax

    for name in ("jax_default_matmul_precision", "jax_enable_x64"):
        stack.callback(jax.config.update, name, getattr(jax.config, name))
