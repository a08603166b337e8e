"""Every private part of PyTorch that twotrack uses."""

from collections.abc import Callable, Mapping
from typing import Any

from tests.packaging.private_names.private_name import TORCH, PrivateName


def _compiler() -> bool:
    from importlib.util import find_spec

    return find_spec("torch._dynamo") is not None


def _has_kernel() -> bool:
    import torch

    return torch._C._dispatch_has_kernel_for_dispatch_key("aten::matmul", "CompositeImplicitAutograd")


def _schema() -> bool:
    import torch

    return [argument.name for argument in torch.ops.aten.add.Tensor._schema.arguments][:2] == ["self", "other"]


def _version() -> bool:
    import torch

    tensor = torch.zeros(1)
    before = tensor._version
    return tensor.add_(1)._version > before


def _dispatch_mode() -> bool:
    import torch
    from torch.utils._python_dispatch import TorchDispatchMode

    seen = []

    class Seen(TorchDispatchMode):
        def __torch_dispatch__(self, operation: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            if torch.Tag.nondeterministic_seeded in operation.tags:
                seen.append(operation.overloadpacket.__name__)
            return operation(*args, **(kwargs or {}))

    with Seen():
        torch.nn.functional.dropout(torch.ones(3), 0.5)
    return seen == ["bernoulli_"]


def _base_of(module: str, name: str, *derived: str) -> Callable[[], bool]:
    def is_there() -> bool:
        from torch import nn

        base = getattr(getattr(nn.modules, module), name)
        return all(issubclass(getattr(nn, layer), base) for layer in derived)

    return is_there


def _sparse_parts() -> bool:
    import torch

    twice = torch.sparse_coo_tensor([[1, 1]], [2.0, 3.0], (4,))
    return twice._indices().tolist() == [[1, 1]] and twice._values().tolist() == [2.0, 3.0]


def _non_persistent_buffers_set() -> bool:
    from torch import nn, zeros

    module = nn.Module()
    module.register_buffer("mask", zeros(1), persistent=False)
    return "mask" in module._non_persistent_buffers_set


def _compiled_module() -> bool:
    import torch

    module = torch.nn.Identity()
    return torch.compile(module)._orig_mod is module


def _mode_taken_away() -> bool:
    """The mode that was entered last can be taken from the functions' way, and put back."""
    import torch
    from torch import overrides
    from torch.overrides import TorchFunctionMode

    with TorchFunctionMode() as mode:
        taken = overrides._pop_mode()
        is_away = torch._C._len_torch_function_stack() == 0
        overrides._push_mode(taken)
    return taken is mode and is_away


def _modes_at_work() -> bool:
    import torch
    from torch.overrides import TorchFunctionMode

    with TorchFunctionMode():
        return torch._C._len_torch_function_stack() == 1


def _compiling() -> bool:
    """A compiled module has the original, and says how it is called; what was compiled is counted."""
    import torch

    model = torch.nn.Linear(1, 1)
    wrapped = torch.compile(model, backend="eager")
    assert isinstance(wrapped, torch._dynamo.eval_frame.OptimizedModule)
    torch._dynamo.reset()
    torch._dynamo.utils.counters.clear()

    def called(*args: Any) -> Any:
        return model._call_impl(*args)

    model._compiled_call_impl = wrapped.dynamo_ctx(called)
    with torch.compiler.set_stance("default"):
        model(torch.ones(1, 1))
    return wrapped._orig_mod is model and torch._dynamo.utils.counters["frames"]["ok"] > 0


def _synchronised_layers() -> bool:
    """DistributedDataParallel refuses SyncBatchNorm on a CPU in this place."""
    import inspect

    from torch.nn.parallel import DistributedDataParallel

    refusal = inspect.getsource(DistributedDataParallel._passing_sync_batchnorm_handle)
    return "SyncBatchNorm layers only work with GPU modules" in refusal


def _kernel_by_name() -> bool:
    """torch.nn.functional looks a kernel up when it is called."""
    import inspect

    from torch.nn import functional

    return "torch._C._nn.hardsigmoid(" in inspect.getsource(functional.hardsigmoid)


TORCH_NAMES: Mapping[str, PrivateName] = {
    "torch._C._nn": PrivateName(TORCH, "compute hardsigmoid's gradient in float64", _kernel_by_name),
    "torch._C._len_torch_function_stack": PrivateName(
        TORCH, "let encoder layers take the way that they take in float32", _modes_at_work
    ),
    "torch.compile._orig_mod": PrivateName(TORCH, "name the module that was compiled", _compiled_module),
    "torch.utils._python_dispatch.TorchDispatchMode": PrivateName(
        TORCH, "give torch the random numbers of every track", _dispatch_mode
    ),
    "torch._dynamo.eval_frame.OptimizedModule._orig_mod": PrivateName(
        TORCH, "know the layers of a compiled model", _compiling
    ),
    "torch.nn.Module._call_impl": PrivateName(TORCH, "run a part of a model by compiled code", _compiling),
    "torch.overrides._pop_mode": PrivateName(TORCH, "compile a model without what widens it", _mode_taken_away),
    "torch.overrides._push_mode": PrivateName(TORCH, "compile a model without what widens it", _mode_taken_away),
    "torch._C": PrivateName(TORCH, "ask what an operation consists of", _has_kernel),
    "torch._C._dispatch_has_kernel_for_dispatch_key": PrivateName(
        TORCH, "leave operations that consist of others to these", _has_kernel
    ),
    "torch._dynamo": PrivateName(
        TORCH, "start without PyTorch's compiler, and see what it has compiled", lambda: _compiler() and _compiling()
    ),
    "torch._ops.OpOverload._schema": PrivateName(TORCH, "know the arguments of an operation by name", _schema),
    "torch.Tensor._version": PrivateName(TORCH, "see that a call wrote into a tensor", _version),
    "torch.nn.modules.batchnorm._BatchNorm": PrivateName(
        TORCH,
        "keep frozen batch normalisation in inference mode",
        _base_of("batchnorm", "_BatchNorm", "BatchNorm1d", "BatchNorm2d", "BatchNorm3d"),
    ),
    "torch.nn.modules.conv._ConvNd": PrivateName(
        TORCH,
        "say whether a convolution has a bias",
        _base_of("conv", "_ConvNd", "Conv1d", "ConvTranspose3d"),
    ),
    "torch.nn.modules.conv._ConvTransposeNd": PrivateName(
        TORCH,
        "try other cuts out of a transposed convolution",
        _base_of("conv", "_ConvTransposeNd", "ConvTranspose1d", "ConvTranspose2d", "ConvTranspose3d"),
    ),
    "torch.nn.modules.pooling._MaxPoolNd": PrivateName(
        TORCH, "try other ways of pooling", _base_of("pooling", "_MaxPoolNd", "MaxPool1d", "MaxPool2d", "MaxPool3d")
    ),
    "torch.nn.modules.pooling._AvgPoolNd": PrivateName(
        TORCH, "try other ways of pooling", _base_of("pooling", "_AvgPoolNd", "AvgPool1d", "AvgPool2d", "AvgPool3d")
    ),
    "torch.Tensor._indices": PrivateName(TORCH, "square the gradients of a table's row one by one", _sparse_parts),
    "torch.Tensor._values": PrivateName(TORCH, "square the gradients of a table's row one by one", _sparse_parts),
    "torch.nn.modules.dropout._DropoutNd": PrivateName(
        TORCH, "see and switch off dropout", _base_of("dropout", "_DropoutNd", "Dropout", "Dropout2d", "AlphaDropout")
    ),
    "torch.nn.Module._non_persistent_buffers_set": PrivateName(
        TORCH, "leave out buffers that are no weights", _non_persistent_buffers_set
    ),
    "torch.nn.parallel.DistributedDataParallel._passing_sync_batchnorm_handle": PrivateName(
        TORCH, "synchronise batch normalisation on CPUs", _synchronised_layers
    ),
}
