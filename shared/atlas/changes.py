"""Changes to models that were built, which several architectures need; each shows the code that does the same."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from twotrack.shared.atlas.code import literal


@dataclass(frozen=True)
class Layers:
    """Sets attributes of all layers of a kind, or of those whose names end in one of some."""

    values: Mapping[str, Any]
    kind: str = ""
    """Class name; empty for any."""
    ends: tuple[str, ...] = ()
    """Of names; empty for all."""

    def __call__(self, model: Any) -> None:
        """Change a keras.Model or a torch.nn.Module in place."""
        is_keras = hasattr(model, "_flatten_layers")  # on PyTorch a keras.Model is a module too
        named = ((layer.name, layer) for layer in model._flatten_layers()) if is_keras else model.named_modules()
        for name, layer in list(named):
            if self.kind in ("", type(layer).__name__) and (not self.ends or name.endswith(self.ends)):
                for attribute, value in self.values.items():
                    setattr(layer, attribute, value)

    def code(self, side: str) -> str:
        """Return the lines that do it on a side."""
        tests = [f'type(layer).__name__ == "{self.kind}"'] if self.kind else []
        name = "name" if side == "torch" else "layer.name"
        tests += [f"{name}.endswith({literal(self.ends if len(self.ends) > 1 else self.ends[0])})"] if self.ends else []
        loop = "name, layer in model.named_modules()" if side == "torch" else "layer in model._flatten_layers()"
        sets = [f"        layer.{attribute} = {literal(value)}" for attribute, value in self.values.items()]
        return "\n".join([f"for {loop}:", f"    if {' and '.join(tests)}:", *sets])


@dataclass(frozen=True)
class Code:
    """A function of a file of the atlas, shown as it stands there."""

    function: Any = field(repr=False)

    def __call__(self, model: Any) -> None:
        """Change the model in place."""
        self.function(model)

    def code(self, side: str) -> str:
        """Return the function's source."""
        import inspect

        return inspect.getsource(self.function).strip()


def keep_biased_variance(model: Any) -> None:
    """Let batch normalisation average the biased variance of batches, as Keras; torch takes n / (n - 1) of it."""
    import torch
    from torch import nn
    from torch.nn import functional

    class BiasedVariance(nn.BatchNorm2d):
        def forward(self: Any, x: torch.Tensor) -> torch.Tensor:
            if not self.training:
                return super().forward(x)
            variance, mean = torch.var_mean(x.detach(), (0, 2, 3), correction=0)
            self.running_mean.lerp_(mean, self.momentum)
            self.running_var.lerp_(variance, self.momentum)
            return functional.batch_norm(x, None, None, self.weight, self.bias, training=True, eps=self.eps)

    for layer in model.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.__class__ = BiasedVariance


BIASED_VARIANCE = Code(keep_biased_variance)
