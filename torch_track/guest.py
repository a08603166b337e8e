"""PyTorch as a guest in its user's own process: what the user has set there is put back, a model is copied."""

import copy
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import torch
from torch import nn

from twotrack.shared.errors import UserError, as_user_error
from twotrack.torch_track import precision

ADVICE = "give a function that builds it"
"""Where a model cannot be taken."""


@contextmanager
def as_it_was() -> Iterator[None]:
    """Put back, at the end of the block, what a process's user may have set in PyTorch: settings and random states."""
    with ExitStack() as stack:
        stack.callback(torch.set_default_dtype, torch.get_default_dtype())
        stack.callback(precision.set_precision, "float32")  # what a proof in float64 left behind, before the line above
        stack.callback(torch.set_rng_state, torch.get_rng_state())
        if torch.cuda.is_initialized():
            stack.callback(torch.cuda.set_rng_state_all, torch.cuda.get_rng_state_all())
        stack.callback(torch.set_deterministic_debug_mode, torch.get_deterministic_debug_mode())
        stack.callback(torch.set_float32_matmul_precision, torch.get_float32_matmul_precision())
        stack.callback(setattr, torch.backends.cudnn, "allow_tf32", torch.backends.cudnn.allow_tf32)
        stack.enter_context(_with_deterministic_cublas())
        yield


@contextmanager
def _with_deterministic_cublas() -> Iterator[None]:
    """Set what a worker is started with, unless the user has: determinism on CUDA asks for it."""
    name = "CUBLAS_WORKSPACE_CONFIG"
    if name in os.environ:
        yield
        return
    os.environ[name] = ":4096:8"
    try:
        yield
    finally:
        os.environ.pop(name, None)


def require_model(model: nn.Module) -> None:
    """Raise UserError for what is no plain module any more, which could not be computed in float64 or changed."""
    if inner := getattr(model, "_orig_mod", None):
        raise UserError(
            f"the torch model: expected a plain nn.Module, found one that torch.compile made of {_kind(inner)}; give "
            "the module that was compiled (its attribute _orig_mod)."
        )
    if isinstance(model, torch.jit.ScriptModule):
        raise UserError(
            f"the torch model: expected a plain nn.Module, found a scripted one ({_kind(model)}); give the module "
            f"from which torch.jit made it, or {ADVICE}."
        )
    if isinstance(model, nn.DataParallel | nn.parallel.DistributedDataParallel):
        raise UserError(
            f"the torch model: expected a plain nn.Module, found {_kind(model)}; give the module inside it (its "
            "attribute module)."
        )


def _kind(model: nn.Module) -> str:
    return str(getattr(model, "original_name", type(model).__name__))


def builder(model: nn.Module) -> Callable[[], nn.Module]:
    """Return a build function that copies a model, weights included; UserError from it where that is impossible."""
    require_model(model)

    def build() -> nn.Module:
        with as_user_error(f"the torch model ({_kind(model)}) cannot be copied; {ADVICE}"):
            return copy.deepcopy(model)

    return build
