"""What else a torch layer could be: every setting that it has with other values, and what people put in its place."""

from collections.abc import Callable, Iterator
from itertools import product
from typing import Literal

from torch import nn

from twotrack.shared.spec.candidates import Candidate, Facing, activate_recurrence, reset_in_front
from twotrack.shared.spec.changes import (
    AddValue,
    Function,
    MapValue,
    OrderValues,
    Parameter,
    ReplaceLayer,
    SetHyperparameter,
    SetMask,
)
from twotrack.torch_track.changes.functions import FUNCTIONS, all_activations, in_words
from twotrack.torch_track.changes.windows import windows

EPSILONS = (1e-3, 1e-5, 1e-6, 1e-7, 1e-8, 1e-12, 1e-2, 1e-4)


class Alternatives:
    """Of one layer, with what is known of Keras' layer."""

    def __init__(self, layer: nn.Module, path: str, facing: Facing):
        self._layer, self._path, self._facing, self._keras = layer, path, facing, facing.hyperparameters

    def __iter__(self) -> Iterator[Candidate]:
        """Yield the likeliest first: what both sides state, then what one may forget, then what takes more."""
        yield from self._epsilons()
        yield from self._axis()
        yield from self._own_settings()
        yield from windows(self._layer, self._path, self._facing)
        yield from self._resizing()
        yield from self._activation()
        yield from self._attention()
        yield from self._recurrent()
        yield from self._groups()

    def _set(self, what: str, keras_fix: str, entry: str = "", **values: Parameter) -> Candidate:
        """Return the candidate of other hyperparameters."""
        changes = tuple(SetHyperparameter(path=self._path, name=name, value=value) for name, value in values.items())
        settings = ", ".join(f"{name}={value!r}" for name, value in values.items())
        return Candidate(
            changes=changes, what=what, torch_fix=f"{settings} in '{self._path}'", keras_fix=keras_fix, entry=entry
        )

    def _axis(self) -> Iterator[Candidate]:
        """Yield another axis than that of the channels, whose values Keras normalises each by its own statistics."""
        axis, last = self._keras.get("axis"), len(self._facing.taken)
        if not isinstance(self._layer, nn.modules.batchnorm._BatchNorm) or not isinstance(axis, int) or last < 2:
            return
        if axis % (last + 1) in (0, last):
            return
        exchange = Function(name="exchange", parameters={"first": axis % (last + 1), "second": last})
        yield Candidate(
            changes=tuple(MapValue(path=self._path, role=role, function=exchange) for role in ("inputs", "outputs")),
            what=f"'{self._path}' normalises axis {axis} in Keras and the channels in torch",
            torch_fix=f"axis {axis} and the channels exchanged in front of '{self._path}' and behind it",
            keras_fix=f"axis=-1 in '{self._path}', or the axis that has the channels",
        )

    def _epsilons(self) -> Iterator[Candidate]:
        if isinstance(self._layer, nn.RMSNorm) or isinstance(getattr(self._layer, "eps", None), float):
            yield from self._other_epsilons("eps")
        yield from (
            one for name in self._numbers if "eps" in name and name != "eps" for one in self._other_epsilons(name)
        )

    def _other_epsilons(self, name: str) -> Iterator[Candidate]:
        own = getattr(self._layer, name)
        told = f"{own:g}" if own is not None else "that of the precision (1.2e-07 in float32)"
        slug = {"LayerNorm": "layer_norm_epsilon", "GroupNorm": "group_norm_epsilon"}.get(
            type(self._layer).__name__,
            "batch_norm_epsilon" if isinstance(self._layer, nn.modules.batchnorm._BatchNorm) else "",
        )
        for value in dict.fromkeys([self._keras.get("epsilon", own), *EPSILONS]):
            if value != own:
                what = f"epsilon is {value:g} in Keras and {told} in torch"
                yield self._set(what, f"epsilon={told} in '{self._path}'", slug, **{name: float(value)})

    @property
    def _numbers(self) -> dict[str, float]:
        """Settings of a layer of the user's own, by the names that it has for them."""
        if type(self._layer).__module__.startswith("torch.nn."):
            return {}
        own = vars(self._layer).items()
        return {name: value for name, value in own if isinstance(value, float) and not name.startswith("_")}

    def _own_settings(self) -> Iterator[Candidate]:
        """Yield the numbers that Keras' layer states in place of those of a layer of the user's own."""
        stated = [value for value in self._keras.values() if isinstance(value, float)]
        for name, own in self._numbers.items():
            for value in dict.fromkeys(stated) if "eps" not in name else ():
                if value != own:
                    told = f"{name}={own:g}"
                    yield self._set(f"{name} is {value:g} in Keras and {own:g} in torch", told, "", **{name: value})

    def _resizing(self) -> Iterator[Candidate]:
        layer = self._layer
        if not isinstance(layer, nn.Upsample):
            return
        own = f"mode={layer.mode!r}, align_corners={layer.align_corners}"
        rank = len(self._facing.taken) - 1
        smooth = {1: ["linear"], 2: ["bilinear", "bicubic"], 3: ["trilinear"]}[rank]
        for mode, aligned in [*product(smooth, (False, True)), ("nearest", None), ("nearest-exact", None)]:
            if (mode, bool(aligned)) != (layer.mode, bool(layer.align_corners)):
                new = f"mode={mode!r}, align_corners={aligned}"
                yield self._set(
                    f"Keras resizes with {new}, torch with {own}",
                    f"interpolation as {own} in '{self._path}'",
                    "resizing",
                    mode=mode,
                    align_corners=aligned,
                )

    def _activation(self) -> Iterator[Candidate]:
        """Another activation in place of a layer without weights that keeps the shape, or behind any layer."""
        own = type(self._layer).__name__
        is_activation = (
            type(self._layer).__module__ == "torch.nn.modules.activation"
            and not list(self._layer.parameters())
            and not isinstance(self._layer, nn.MultiheadAttention)
        )
        if is_activation or isinstance(self._layer, nn.Identity | nn.Dropout):
            yield from self._replaced(own)
        elif not self._keras and not list(self._layer.parameters()):
            yield self._left_out()
            if self._facing.taken == self._facing.given and not list(self._layer.children()):
                yield from self._replaced(own)
        yield from activations(self._path, "outputs")

    def _left_out(self) -> Candidate:
        """Return a layer without weights that gives what it is given."""
        told = f"'{self._path}', {_described(self._layer)}"
        return Candidate(
            changes=(ReplaceLayer(path=self._path, function=Function(name="identity")),),
            what=f"torch computes {told}, Keras does not",
            torch_fix=f"no '{self._path}'",
            keras_fix=f"what torch has in {told}",
        )

    def _replaced(self, own: str) -> Iterator[Candidate]:
        is_torchs = type(self._layer).__module__.startswith("torch.nn.")
        nothing = [Function(name="identity")] if is_torchs else []
        for function in [*nothing, *all_activations(self._keras.get("negative_slope"))]:
            new = in_words(function)
            yield Candidate(
                changes=(ReplaceLayer(path=self._path, function=function),),
                what=f"'{self._path}' is {new} in Keras and {_described(self._layer)} in torch",
                torch_fix=f"{new} for '{self._path}'",
                keras_fix=f"{_described(self._layer)} for '{self._path}'",
                entry={"leaky_relu": "leaky_relu_slope", "gelu": "gelu", "gelu_tanh": "gelu"}.get(function.name, "")
                if _is_like(own, function.name)
                else "",
            )

    def _groups(self) -> Iterator[Candidate]:
        layer = self._layer
        if isinstance(layer, nn.GroupNorm):
            for groups in (
                n for n in range(1, layer.num_channels + 1) if layer.num_channels % n == 0 and n != layer.num_groups
            ):
                yield self._set(
                    f"the groups are {groups} in Keras and {layer.num_groups} in torch",
                    f"groups={layer.num_groups} in '{self._path}'",
                    "",
                    num_groups=groups,
                )

    def _attention(self) -> Iterator[Candidate]:
        layer = self._layer
        if not isinstance(layer, nn.MultiheadAttention):
            return
        yield self._exchanged(f"key and value of '{self._path}'")
        for is_causal in (True, False):
            told = ("Keras", "torch") if is_causal else ("torch", "Keras")
            yield Candidate(
                changes=(SetMask(path=self._path, is_causal=is_causal),),
                what=f"a step looks at no later step in {told[0]}, at all steps in {told[1]}",
                torch_fix=f"a causal attn_mask for '{self._path}'" if is_causal else f"no attn_mask for '{self._path}'",
                keras_fix=f"use_causal_mask={not is_causal} for '{self._path}'",
            )
        for number in (0, 1, 2):
            map_ = MapValue(path=self._path, role="inputs", number=number + 3, function=Function(name="logical_not"))
            yield Candidate(
                changes=(map_,),
                what="a mask says in torch what to leave out and in Keras what to look at",
                torch_fix=f"~mask for '{self._path}'",
                keras_fix=f"logical_not(mask) for '{self._path}'",
                entry="attention_mask",
            )

    def _recurrent_activations(self, layer: nn.RNNBase) -> Iterator[Candidate]:
        """Yield what Keras states, else what people put inside: a hard sigmoid of gates was the default of Keras 2."""
        has_gates = layer.mode in ("LSTM", "GRU")
        own = ("relu" if layer.mode == "RNN_RELU" else "tanh", "sigmoid" if has_gates else "")
        gates = ("sigmoid", "hard_sigmoid") if has_gates else ("",)
        stated = self._keras.get("activation", own[0]), self._keras.get("recurrent_activation", own[1])
        for activation, gate in dict.fromkeys([stated, *product(("tanh", "relu", "sigmoid"), gates)]):
            if (activation, gate) != own and {activation, gate or activation} <= FUNCTIONS.keys():
                yield activate_recurrence(self._path, activation, gate or "sigmoid", own)

    def _recurrent(self) -> Iterator[Candidate]:
        layer = self._layer
        if isinstance(layer, nn.GRU | nn.GRUCell):
            yield reset_in_front([self._path])
        if isinstance(layer, nn.LSTM):
            yield self._exchanged(f"the two states that '{self._path}' begins with")
        if not isinstance(layer, nn.RNNBase):
            return
        yield from self._recurrent_activations(layer)
        backwards = tuple(
            MapValue(path=self._path, role=role, function=Function(name="reverse", parameters={"axis": 1}))
            for role in ("inputs", "outputs")
        )
        for changes, how in (
            (backwards, "and gives its steps in the original order"),
            (backwards[:1], "and gives its steps in that order"),
        ):
            yield Candidate(
                changes=changes,
                what=f"Keras reads the sequence backwards in '{self._path}' {how}, torch forwards",
                torch_fix=f"x.flip(1) in front of '{self._path}'" + (" and behind it" if len(changes) > 1 else ""),
                keras_fix=f"go_backwards=False in '{self._path}'",
            )
        order = "(batch, steps, ...)", "(steps, batch, ...)"
        own, other = order if layer.batch_first else order[::-1]
        yield self._set(
            f"'{self._path}' takes what it is given as {other} in Keras and as {own} in torch (batch_first)",
            f"the first two axes exchanged in front of '{self._path}' and behind it",
            "batch_first",
            batch_first=not layer.batch_first,
        )
        if layer.mode in {"RNN_TANH", "RNN_RELU"}:
            other = {"RNN_TANH": "RNN_RELU", "RNN_RELU": "RNN_TANH"}[layer.mode]
            yield self._set(
                f"the activation is {other[4:].lower()} in Keras and {layer.mode[4:].lower()} in torch",
                f"activation={layer.mode[4:].lower()!r} in '{self._path}'",
                "",
                mode=other,
            )

    def _exchanged(self, told: str) -> Candidate:
        """Return the second and third of what the layer is given in each other's place."""
        return Candidate(
            changes=(OrderValues(path=self._path, role="inputs", order=(0, 2, 1)),),
            what=f"one side gives {told} in each other's place",
            torch_fix=f"{told} exchanged",
            keras_fix=f"{told} exchanged",
        )


def blocks(module: nn.Module, canonical: Callable[[str], str]) -> Iterator[Candidate]:
    """Yield the other place of the normalisations of torch's Transformer blocks."""
    for own, layer in module.named_modules():
        if not isinstance(layer, nn.TransformerEncoderLayer | nn.TransformerDecoderLayer):
            continue
        path, told = canonical(own), f"'{own}'" if own else "the block"
        places = ("in front of attention and the dense layers", "behind the sums")
        keras, torch = places[::-1] if layer.norm_first else places
        yield Candidate(
            changes=(SetHyperparameter(path=path, name="norm_first", value=not layer.norm_first),),
            what=f"the normalisations of {told} stand {keras} in Keras and {torch} in torch",
            torch_fix=f"norm_first={not layer.norm_first} in {told}",
            keras_fix=f"the normalisations {torch}",
        )


def activations(path: str, role: Literal["inputs", "outputs"], is_behind: bool = False) -> Iterator[Candidate]:
    """Yield activations of what a layer is given or gives, or of the model's outputs for an empty path."""
    told = f"what '{path}' {'gives' if role == 'outputs' else 'is given'}" if path else "the output"
    for function in all_activations():
        name = in_words(function)
        yield Candidate(
            changes=(MapValue(path=path, role=role, function=function, is_behind=is_behind),),
            what=f"Keras applies {name} to {told}, torch does not",
            torch_fix=f"{name} of {told}",
            keras_fix=f"no {name} of {told}",
            entry="fused_activation",
        )


def instead(path: str, role: Literal["inputs", "outputs"], source: str) -> Iterator[Candidate]:
    """Yield activations of what a layer in front gives, in the place of what code makes of it."""
    told = f"what '{path}' is given" if path else "the output"
    for function in all_activations():
        name = in_words(function)
        yield Candidate(
            changes=(AddValue(path=path, role=role, own=0.0, source=source, source_role="outputs", by=function),),
            what=f"{told} is {name} of what '{source}' gives in Keras, and something else of it in torch",
            torch_fix=f"{name} of what '{source}' gives in its place",
            keras_fix=f"what torch makes of what '{source}' gives",
        )


def _described(layer: nn.Module) -> str:
    extra = layer.extra_repr()
    return f"{type(layer).__name__}({extra})"


def _is_like(kind: str, name: str) -> bool:
    return kind.lower().startswith(name.replace("_", "").removesuffix("tanh"))
