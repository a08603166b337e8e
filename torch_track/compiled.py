"""Models of torch.compile: their layers as they are written, their outputs and steps by the compiled code.

Nothing can look into compiled code, so layers are watched where torch runs the code as it is written; what a model
gives, and its training steps, are those of the compiled code. torch's compiler is imported by nobody else here: where
a build function has not imported it, nothing is compiled.
"""

import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import torch
from torch import nn

from twotrack.shared.errors import UserError, one_line
from twotrack.torch_track import precision

RECOMPILED_AT_MOST = 256
"""Times for one function: each precision, mode and size may be one. Beyond it torch would go on without compiling."""


def unwrapped(module: nn.Module) -> nn.Module:
    """Return a module without the wrappers of torch.compile, of which a call runs the compiled code all the same."""
    for path, inner in list(module.named_modules()):
        if path and _is_wrapper(inner):
            parent, _, name = path.rpartition(".")
            owner = module.get_submodule(parent)
            setattr(getattr(owner, "_orig_mod", owner), name, unwrapped(inner))
    if not _is_wrapper(module):
        return module
    wrapper: Any = module
    original: nn.Module = wrapper._orig_mod
    original._compiled_call_impl = wrapper.dynamo_ctx(_in_a_frame(original._call_impl))
    return original


def _in_a_frame(call: Callable[..., Any]) -> Callable[..., Any]:
    """Return the same from a function of ours: torch compiles no frame of its own layers, but what such a one calls."""

    def called(*args: Any, **kwargs: Any) -> Any:
        return call(*args, **kwargs)

    return called


def _is_wrapper(module: nn.Module) -> bool:
    return is_at_work() and isinstance(module, sys.modules["torch._dynamo.eval_frame"].OptimizedModule)


def is_at_work() -> bool:
    """Tell whether anything may be compiled in this process."""
    return "torch._dynamo.eval_frame" in sys.modules


def has_compiled() -> bool:
    """Tell whether anything was compiled since `begin`: the module, one inside, or a function that it calls."""
    return is_at_work() and bool(torch._dynamo.utils.counters["frames"])


def begin() -> None:
    """Forget what was compiled; from here on compile in `running` only, to the numbers that torch draws otherwise."""
    if not is_at_work():
        return
    import torch._inductor.config as inductor

    torch._dynamo.reset()
    torch._dynamo.utils.counters.clear()
    torch.compiler.set_stance("force_eager")
    torch._dynamo.config.recompile_limit = RECOMPILED_AT_MOST
    torch._dynamo.config.fail_on_recompile_limit_hit = True
    inductor.fallback_random = True


def running() -> AbstractContextManager[Any]:
    """Return a block in which the compiled code runs; UserError if it cannot be compiled."""
    return _running() if is_at_work() else nullcontext()


@contextmanager
def _running() -> Iterator[None]:
    compiling = sys.modules["torch._dynamo.exc"]
    try:
        with torch.compiler.set_stance("default"), precision.paused():
            yield
    except (compiling.TorchDynamoException, compiling.FailOnRecompileLimitHit) as error:
        inner = one_line(getattr(error, "inner_exception", error))
        raise UserError(
            f"torch.compile cannot compile the model ({inner}); its default backend needs a C++ compiler, "
            "torch.compile(model, backend='aot_eager') needs none."
        ) from error
