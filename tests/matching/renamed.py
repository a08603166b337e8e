"""Real models with every name of their own replaced by a random word: modules, layers, classes, weights.

`tests.matching.renamed:PAIRS.bert.aligned` is BERT of the atlas so. Inputs keep their names: batches go by them.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from random import Random
from typing import Any

from tests.matching.families import Words
from twotrack import Pair
from twotrack.shared.atlas import architectures

FORMERLY = "formerly"
"""Attribute of a renamed model: the former name of each weight, and in torch of each module, by its new one."""


@dataclass(frozen=True)
class Renamed:
    """Builds a model, and replaces its names."""

    build: Callable[[], Any]
    rename: Callable[[Any], Any]

    def __call__(self) -> Any:
        """Return a keras.Model or a torch.nn.Module."""
        return self.rename(self.build())


class _Pairs:
    """The atlas's pairs with random words for names, by the name of the architecture."""

    def __getattr__(self, name: str) -> Any:
        if name not in architectures.ARCHITECTURES:
            raise AttributeError(name)
        return _Named(architectures.get(name))


@dataclass(frozen=True)
class _Named:
    architecture: Any

    @property
    def published(self) -> Pair:
        return renamed(self.architecture.published)

    @property
    def aligned(self) -> Pair:
        return renamed(self.architecture.aligned)


def renamed(pair: Pair) -> Pair:
    """Return a pair whose models have random words for names."""
    return replace(pair, keras=Renamed(pair.keras, rename_keras), torch=Renamed(pair.torch, rename_torch))


PAIRS = _Pairs()


def rename_torch(model: Any, seed: int = 1) -> Any:
    """Register every child, parameter and buffer of a module under a random word, in random order but in containers."""
    before: dict[int, str] = {}
    for name, tensor in model.state_dict(keep_vars=True).items():
        before.setdefault(id(tensor), name)  # a tied weight goes by its first name
    paths = {id(module): path for path, module in model.named_modules()}
    word, random = Words(seed), Random(seed)
    classes: dict[tuple, type] = {}
    of_class: dict[tuple, str] = {}
    inside = {id(inner) for module in model.modules() if _bundles(module) for inner in module.children()}
    for module in [module for module in model.modules() if id(module) not in inside]:
        _rename_module(module, word, random, classes, of_class)
    own = model.state_dict(keep_vars=True)
    modules = {path: paths[id(module)] for path, module in model.named_modules()}
    setattr(model, FORMERLY, modules | {name: before[id(tensor)] for name, tensor in own.items()})
    return model


def _bundles(module: Any) -> bool:
    """Tell whether a module holds several layers in one, under names of torch's own."""
    from torch import nn

    return isinstance(module, nn.MultiheadAttention | nn.RNNBase)


def _rename_module(
    module: Any, word: Words, random: Random, classes: dict[tuple, type], of_class: dict[tuple, str]
) -> None:
    """Rename what one module holds: children each by a word of their own, weights as all modules of its class."""
    from torch import nn

    is_container = isinstance(module, nn.ModuleList | nn.Sequential | nn.ModuleDict)
    words: dict[str, str] = {}
    for held in () if _bundles(module) else (module._modules, module._parameters, module._buffers):
        items = list(held.items())
        if not is_container:
            random.shuffle(items)
        held.clear()
        for name, value in items:
            is_child = held is module._modules
            words[name] = word() if is_child else of_class.setdefault((type(module), name), word())
            held[words[name]] = value
    module._non_persistent_buffers_set = {words.get(name, name) for name in module._non_persistent_buffers_set}
    object.__setattr__(module, "_words", words)
    module.__class__ = classes.setdefault((type(module),), _with_aliases(type(module), word()))


def _with_aliases(kind: type, name: str) -> type:
    """Return a class of another name, whose code still finds what it knows under the former names."""
    base = kind.__getattr__

    def find(self: Any, attribute: str) -> Any:
        return base(self, self.__dict__.get("_words", {}).get(attribute, attribute))

    def at(self: Any, place: Any) -> Any:
        return list(self._modules.values())[place] if isinstance(place, int) else kind.__getitem__(self, place)

    own: dict[str, Any] = {"__getattr__": find, "__module__": kind.__module__}
    return type(name, (kind,), own | ({"__getitem__": at} if hasattr(kind, "__getitem__") else {}))


def rename_keras(model: Any, seed: int = 2) -> Any:
    """Give every layer, and every weight that a layer of keras.layers does not name, a random word for a name."""
    import keras

    from twotrack.keras_track import weights

    before = {id(entry.variable): name for name, entry in weights.name_table(model).items()}
    word = Words(seed)
    classes: dict[tuple, type] = {}
    for layer in list(model._flatten_layers(include_self=False)):
        if isinstance(layer, keras.layers.InputLayer):
            continue
        layer.name = word()
        if not type(layer).__module__.startswith("keras.src.layers"):
            for variable in [*layer._trainable_variables, *layer._non_trainable_variables]:
                variable._name = word()
            layer.__class__ = classes.setdefault((type(layer),), _another(type(layer), word()))
    table = weights.name_table(model).items()
    object.__setattr__(model, FORMERLY, {name: before[id(entry.variable)] for name, entry in table})
    return model


def _another(kind: type, name: str) -> type:
    return type(name, (kind,), {"__module__": kind.__module__})
