"""Transfer learning: a model of two parts, where the weights of the first come from, and which are trained.

The model is head(base(inputs)). The base comes pretrained; the head is new.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from twotrack.shared.errors import UserError
from twotrack.shared.spec.recipes import Trained

if TYPE_CHECKING:
    import numpy as np

BASE, HEAD = "base", "head"
"""Names of the two parts in both tracks, and so what canonical names begin with."""
EVERYTHING = ("",)


@dataclass(frozen=True)
class Transfer:
    """A chapter's pretrained weights. The functions take the chapter's config."""

    names: tuple[str, ...]
    """What `--weights` can say beside files, folders and addresses."""
    check: Callable[[Any], object]
    """Raises UserError unless the weights can be had."""
    weights: "Callable[[Any], Mapping[str, np.ndarray]]"
    """Returns weights of the base by canonical name in the base, maybe more than the model has."""
    last_block: Callable[[Any], tuple[str, ...]]
    """Returns the canonical paths of the base's last layers."""
    requires: Mapping[str, tuple[str, ...]]
    """Modules that a track needs beside its framework, by `torch` and `keras`."""
    extra: str
    """The extra of this distribution that installs them."""

    def require(self, config: Any, tracks: Iterable[str]) -> None:
        """Raise UserError unless what the tracks need is installed and the weights can be had."""
        for track in tracks:
            missing = [name for name in self.requires[track.partition(":")[0]] if find_spec(name) is None]
            if missing:
                raise UserError(
                    f"track '{track}' needs {' and '.join(missing)} for this chapter, not installed here; "
                    f"run: pip install -c constraints.txt -e '.[{self.extra}]'"
                )
        self.check(config)

    def prefixes(self, config: Any, trained: Trained) -> tuple[str, ...]:
        """Return what the canonical names of the trained weights begin with."""
        if trained == "all":
            return EVERYTHING
        if trained == "head":
            return (f"{HEAD}.",)
        return (f"{HEAD}.", *(f"{BASE}.{path}." for path in self.last_block(config)))

    def start(self, config: Any, names: Iterable[str]) -> "dict[str, np.ndarray]":
        """Return the pretrained weights among the model's canonical names."""
        pretrained = self.weights(config)
        inside = {name: name.removeprefix(f"{BASE}.") for name in names if name.startswith(f"{BASE}.")}
        return {name: pretrained[own] for name, own in inside.items() if own in pretrained}


def chosen(names: Iterable[str], prefixes: tuple[str, ...]) -> set[str]:
    """Return the canonical names that begin with one of the prefixes.

    Unless everything is trained, batch normalisation of the base is not: its statistics, and the scale that was
    learned for them, are of many more examples than there are here.
    """
    matching = {name for name in names if name.startswith(prefixes)}
    if "" in prefixes:
        return matching
    normalisations = {name.rpartition(".")[0] for name in names if name.endswith(".moving_mean")}
    return {name for name in matching if name.startswith(f"{HEAD}.") or name.rpartition(".")[0] not in normalisations}
