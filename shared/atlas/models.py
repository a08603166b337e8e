"""Models of libraries, small, by name and settings: what an architecture of the atlas is made of."""

import importlib
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol, TypeVar

from twotrack.shared.atlas.code import literal


class Change(Protocol):
    """Changes a model that was built, in place."""

    def __call__(self, model: Any) -> None:
        """Change it."""

    def code(self, side: str) -> str:
        """Return the lines that do it on a side, keras or torch."""


@dataclass(frozen=True)
class KerasModel:
    """A model of keras.applications or keras_hub, with random weights; calling it builds it."""

    name: str
    """Module and class, or function: keras_hub.models.ViTBackbone."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    outputs: tuple[str, ...] = ()
    """Those of several outputs that are compared, in torch's order; empty for all."""
    changes: tuple[Change, ...] = ()
    part: Callable[[Any], Any] | None = None
    """Makes the model that is compared of the library's."""
    public: str = ""
    """The library's name for it, where a size that it does not offer is made of its parts."""

    def __call__(self) -> Any:
        """Return the keras.Model."""
        import keras

        module, _, name = self.name.rpartition(".")
        model = getattr(importlib.import_module(module), name)(**self.settings)
        for change in self.changes:
            change(model)
        if self.part is not None:
            return self.part(model)
        given = [model.output[output] for output in self.outputs]
        return keras.Model(model.input, given if len(given) > 1 else given[0]) if given else model

    @property
    def configured(self) -> str:
        """What takes the settings."""
        return self.name.rpartition(".")[2]

    @property
    def shown(self) -> str:
        """What a user finds it under."""
        return self.public or self.name


@dataclass(frozen=True)
class TorchModel:
    """A model of transformers, with random weights; calling it builds a module that takes Keras' inputs in order."""

    name: str
    """Without `Model`: ViT."""
    call: Callable[..., Any]
    """(model, *inputs) -> what is compared."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """Of the configuration."""
    arguments: Mapping[str, Any] = field(default_factory=dict)
    """Of the model itself."""
    changes: tuple[Change, ...] = ()

    def __call__(self) -> Any:
        """Return the torch.nn.Module."""
        import transformers
        from torch import nn

        configuration = getattr(transformers, self.configured)(**self.settings)
        model = getattr(transformers, f"{self.name}Model")(configuration, **self.arguments)
        for change in self.changes:
            change(model)
        call = self.call

        class Net(nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.model = model

            def forward(self, *inputs: Any) -> Any:
                return call(self.model, *inputs)

        return Net()

    @property
    def configured(self) -> str:
        """What takes the settings."""
        return f"{self.name}Config"


Model = TypeVar("Model", KerasModel, TorchModel)


@dataclass(frozen=True)
class Alignment:
    """One difference of the libraries, and what takes it away on the side that is changed."""

    what: str
    """What differs, where, with both sides' values."""
    side: str
    """The one that is changed: keras or torch."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    change: Change | None = None
    part: Callable[[Any], Any] | None = None
    """The part of Keras' model that is compared instead."""
    other: str = ""
    """The line that takes it away on the other side instead; empty if none is known."""

    def applied(self, model: Model) -> Model:
        """Return a model of its side with it."""
        changes = (*model.changes, self.change) if self.change else model.changes
        made: dict[str, Any] = {"part": self.part} if self.part else {}
        return replace(model, settings={**model.settings, **self.settings}, changes=changes, **made)

    def line(self, model: KerasModel | TorchModel) -> str:
        """Return the code that does it to a model of its side."""
        if self.part is not None:
            return inspect.getsource(self.part).strip()
        if self.change is None:
            given = ", ".join(f"{name}={literal(value)}" for name, value in self.settings.items())
            return f"{model.configured}({given})"
        return self.change.code(self.side)
