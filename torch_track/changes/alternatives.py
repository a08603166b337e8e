"""What else a torch layer could be: every setting that it has with other values, and what people put in its place."""

from collections.abc import Iterator, Sequence
from itertools import islice, product
from typing import Any, Literal

from torch import nn

from twotrack.shared.spec.changes import (
    Candidate,
    Change,
    Facing,
    Function,
    MapValue,
    Parameter,
    ReplaceLayer,
    SetHyperparameter,
)
from twotrack.torch_track.changes.functions import ACTIVATIONS, LEAKY_SLOPES

EPSILONS = (1e-3, 1e-5, 1e-6, 1e-7, 1e-8, 1e-12, 1e-2, 1e-4)
Widths = tuple[tuple[int, int], ...]
"""In front and behind, of every axis of places."""
PADDING_MODES = ("reflect", "replicate", "circular")


class Alternatives:
    """Of one layer, with what is known of Keras' layer."""

    def __init__(self, layer: nn.Module, path: str, facing: Facing):
        self._layer, self._path, self._keras = layer, path, facing.hyperparameters
        self._taken = facing.taken
        self._sizes = tuple(dict.fromkeys([facing.wanted, facing.given]))
        """Of what the layer may give: Keras' size, and its own, which code behind it may cut."""

    def __iter__(self) -> Iterator[Candidate]:
        """Yield the likeliest first: what both sides state, then what one may forget, then what takes more."""
        yield from self._epsilons()
        yield from self._windows()
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

    def _epsilons(self) -> Iterator[Candidate]:
        own = getattr(self._layer, "eps", None)
        if not isinstance(own, float):
            return
        slug = {"LayerNorm": "layer_norm_epsilon", "GroupNorm": "group_norm_epsilon"}.get(
            type(self._layer).__name__,
            "batch_norm_epsilon" if isinstance(self._layer, nn.modules.batchnorm._BatchNorm) else "",
        )
        for value in dict.fromkeys([self._keras.get("epsilon", own), *EPSILONS]):
            if value != own:
                what = f"epsilon is {value:g} in Keras and {own:g} in torch"
                yield self._set(what, f"epsilon={own:g} in '{self._path}'", slug, eps=float(value))

    def _windows(self) -> Iterator[Candidate]:
        """Strides, padding and dilation of what slides over places; and the other kind of pooling."""
        layer = self._layer
        if isinstance(layer, nn.modules.conv._ConvTransposeNd):
            yield from self._transposed(layer)
        elif isinstance(layer, nn.modules.conv._ConvNd):
            yield from self._convolution(layer)
        elif isinstance(layer, nn.modules.pooling._MaxPoolNd | nn.modules.pooling._AvgPoolNd):
            yield from self._pooling(layer)

    def _convolution(self, layer: nn.modules.conv._ConvNd) -> Iterator[Candidate]:
        rank = len(layer.kernel_size)
        dilations = dict.fromkeys(
            [layer.dilation, tuple(self._keras.get("dilation", layer.dilation)), *((n,) * rank for n in (1, 2, 3))]
        )
        strides = dict.fromkeys(
            [layer.stride, tuple(self._keras.get("strides", layer.stride)), *((n,) * rank for n in (1, 2))]
        )
        for dilation, stride in product(dilations, strides):
            other = [
                f"{name} is {list(new)} in Keras and {list(old)} in torch"
                for name, new, old in (("dilation", dilation, layer.dilation), ("stride", stride, layer.stride))
                if new != old
            ]
            settings = {"dilation": dilation, "stride": stride}
            reach = [(k - 1) * d + 1 for k, d in zip(layer.kernel_size, dilation, strict=True)]
            for widths in _widths(self._taken, self._sizes, reach, stride):
                yield self._padded(layer, settings, widths, other)
        for mode in PADDING_MODES:
            if layer.padding_mode == "zeros" and any(p for p in layer.padding if isinstance(p, int)):
                yield self._set(
                    f"the padding is {mode} in Keras and zeros in torch",
                    f"pad by hand in front of '{self._path}'",
                    "",
                    padding_mode=mode,
                )

    def _padded(
        self,
        layer: nn.modules.conv._ConvNd,
        settings: dict[str, Any],
        widths: Widths,
        other: list[str],
    ) -> Candidate:
        """Return the layer with explicit widths of padding in front and behind."""
        own = {name: value for name, value in settings.items() if getattr(layer, name) != value}
        told = (
            [f"Keras pads {_told(widths)}, torch {_told(_symmetric(layer.padding))}"]
            if widths != _symmetric(layer.padding)
            else []
        )
        changes: list[Change] = [
            SetHyperparameter(path=self._path, name=name, value=value) for name, value in own.items()
        ]
        lines = [f"{name}={value}" for name, value in own.items()]
        if told:
            none = (0,) * len(widths)
            changes.append(
                MapValue(path=self._path, role="inputs", function=Function(name="pad", parameters={"widths": widths}))
            )
            changes += [SetHyperparameter(path=self._path, name="padding", value=none)]
            lines.append(f"padding=0 and functional.pad(x, {_flat(widths)}) in front")
        return Candidate(
            changes=tuple(changes),
            what=" and ".join([*other, *told]) or "nothing",
            torch_fix=f"{', '.join(lines)} of '{self._path}'",
            keras_fix=self._keras_window(layer, own, bool(told)),
            entry="same_padding" if told and not other else "",
        )

    def _keras_window(self, layer: nn.modules.conv._ConvNd, own: dict[str, Any], padded: bool) -> str:
        lines = [f"{ {'dilation': 'dilation_rate', 'stride': 'strides'}[name] }={getattr(layer, name)}" for name in own]
        if padded:
            lines.append(f"padding='valid' and ZeroPadding({_symmetric(layer.padding)}) in front")
        return f"{', '.join(lines)} of '{self._path}'"

    def _transposed(self, layer: nn.modules.conv._ConvTransposeNd) -> Iterator[Candidate]:
        """Cut the whole transposed convolution elsewhere."""
        sizes = zip(self._taken, layer.stride, layer.dilation, layer.kernel_size, strict=False)
        whole = [(n - 1) * step + reach * (kernel - 1) + 1 for n, step, reach, kernel in sizes]
        for wanted in self._sizes:
            left = [size - own for size, own in zip(whole, wanted, strict=False)]
            for front in product(*(range(min(0, n), max(0, n) + 1) for n in left)):
                yield self._cut(layer, tuple((-f, f - n) for f, n in zip(front, left, strict=True)))

    def _cut(self, layer: nn.modules.conv._ConvTransposeNd, widths: Widths) -> Candidate:
        none, told = (0,) * len(widths), _told(tuple((-front, -behind) for front, behind in widths))
        return Candidate(
            changes=(
                SetHyperparameter(path=self._path, name="padding", value=none),
                SetHyperparameter(path=self._path, name="output_padding", value=none),
                MapValue(path=self._path, role="outputs", function=Function(name="pad", parameters={"widths": widths})),
            ),
            what=f"of the whole transposed convolution Keras cuts {told}, torch other rows "
            f"(padding={layer.padding}, output_padding={layer.output_padding})",
            torch_fix=f"padding=0, output_padding=0 and functional.pad(x, {_flat(widths)}) behind '{self._path}'",
            keras_fix=f"padding='valid' in '{self._path}' and a Cropping layer behind it that cuts what torch cuts",
        )

    def _pooling(self, layer: Any) -> Iterator[Candidate]:
        rank = len(self._taken) - 1
        size, stride, padding = (_each(value, rank) for value in (layer.kernel_size, layer.stride, layer.padding))
        own = "max" if isinstance(layer, nn.modules.pooling._MaxPoolNd) else "average"
        strides = dict.fromkeys([stride, tuple(self._keras.get("strides", stride))])
        sizes = dict.fromkeys([size, tuple(self._keras.get("kernel_size", size))])
        for how, new_size, new_stride in product((own, "average" if own == "max" else "max"), sizes, strides):
            for widths in _widths(self._taken, self._sizes, new_size, new_stride):
                for counts in (False, True) if how == "average" else (False,):
                    yield self._pooled(layer, own, (size, stride, padding), how, new_size, new_stride, widths, counts)

    def _pooled(
        self, layer: Any, own: str, before: tuple, how: str, size: tuple, stride: tuple, widths: tuple, counts: bool
    ) -> Candidate:
        parameters: dict[str, Parameter] = {
            "how": how,
            "size": size,
            "strides": stride,
            "widths": widths,
            "counts": counts,
        }
        told = [
            f"{name} is {new} in Keras and {old} in torch"
            for name, new, old in (
                ("the pooling", how, own),
                ("the window", list(size), list(before[0])),
                ("the stride", list(stride), list(before[1])),
            )
            if new != old
        ]
        if widths != tuple((p, p) for p in before[2]):
            told.append(f"Keras pads {_told(widths)}, torch {_told(tuple((p, p) for p in before[2]))}")
        elif how == "average" and any(before[2]) and counts != getattr(layer, "count_include_pad", counts):
            told.append(f"the padding counts in the mean in {'Keras' if counts else 'torch'} only")
        slug = (
            {"max": "max_pool_padding", "average": "average_pool_padding"}[how]
            if how == own and size == before[0] and stride == before[1]
            else ""
        )
        return Candidate(
            changes=(ReplaceLayer(path=self._path, function=Function(name="pool", parameters=parameters)),),
            what=" and ".join(told) or "nothing",
            torch_fix=f"{how} pooling of {list(size)} with stride {list(stride)} over functional.pad(x, {_flat(widths)}{', value=-inf' if how == 'max' else ''}) for '{self._path}'",
            keras_fix=f"{own} pooling of {list(before[0])} with strides {list(before[1])}, padding='valid' and explicit padding of {list(before[2])} for '{self._path}'",
            entry=slug,
        )

    def _resizing(self) -> Iterator[Candidate]:
        layer = self._layer
        if not isinstance(layer, nn.Upsample):
            return
        own = f"mode={layer.mode!r}, align_corners={layer.align_corners}"
        rank = len(self._taken) - 1
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
        yield from activations(self._path, "outputs")

    def _replaced(self, own: str) -> Iterator[Candidate]:
        functions = [Function(name=name) for name in ("identity", *ACTIVATIONS)]
        slopes = dict.fromkeys([self._keras.get("negative_slope", 0.3), *LEAKY_SLOPES])
        functions += [Function(name="leaky_relu", parameters={"slope": slope}) for slope in slopes]
        for function in functions:
            settings = ", ".join(f"{name}={value}" for name, value in function.parameters.items())
            new = f"{function.name}({settings})" if settings else function.name
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
        for number in (0, 1, 2):
            map_ = MapValue(path=self._path, role="inputs", number=number + 3, function=Function(name="logical_not"))
            yield Candidate(
                changes=(map_,),
                what="a mask says in torch what to leave out and in Keras what to look at",
                torch_fix=f"~mask for '{self._path}'",
                keras_fix=f"logical_not(mask) for '{self._path}'",
                entry="attention_mask",
            )

    def _recurrent(self) -> Iterator[Candidate]:
        layer = self._layer
        if not isinstance(layer, nn.RNNBase):
            return
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
        if layer.mode in {"RNN_TANH", "RNN_RELU"}:
            other = {"RNN_TANH": "RNN_RELU", "RNN_RELU": "RNN_TANH"}[layer.mode]
            yield self._set(
                f"the activation is {other[4:].lower()} in Keras and {layer.mode[4:].lower()} in torch",
                f"activation={layer.mode[4:].lower()!r} in '{self._path}'",
                "",
                mode=other,
            )


def activations(path: str, role: Literal["inputs", "outputs"]) -> Iterator[Candidate]:
    """Yield activations of what a layer is given or gives, or of the model's outputs for an empty path."""
    told = f"what '{path}' {'gives' if role == 'outputs' else 'is given'}" if path else "the output"
    for name in ACTIVATIONS:
        yield Candidate(
            changes=(MapValue(path=path, role=role, function=Function(name=name)),),
            what=f"Keras applies {name} to {told}, torch does not",
            torch_fix=f"{name} of {told}",
            keras_fix=f"no {name} of {told}",
            entry="fused_activation",
        )


def _each(value: int | tuple[int, ...], rank: int) -> tuple[int, ...]:
    return (value,) * rank if isinstance(value, int) else tuple(value)


def _symmetric(padding: str | tuple[int, ...]) -> Widths | str:
    return padding if isinstance(padding, str) else tuple((width, width) for width in padding)


def _widths(
    taken: Sequence[int], sizes: Sequence[Sequence[int]], reach: Sequence[int], stride: Sequence[int]
) -> list[Widths]:
    """Return the paddings in front and behind with which a window gives one of the sizes, the likeliest first."""
    found = [widths for wanted in sizes for widths in _widths_for(taken, wanted, reach, stride)]
    return list(dict.fromkeys(found))


def _widths_for(
    taken: Sequence[int], wanted: Sequence[int], reach: Sequence[int], stride: Sequence[int]
) -> Iterator[Widths]:
    """Yield, of each axis, equal widths or one more behind, as the frameworks have it, before others."""
    choices = []
    for size, own, window, step in zip(taken, wanted, reach, stride, strict=False):
        least = max(0, (own - 1) * step + window - size)
        totals = range(least, min(least + step, window + step))
        pairs = [(front, total - front) for total in totals for front in range(total + 1)]
        choices.append(sorted(pairs, key=lambda pair: (abs(pair[0] - pair[1]), pair[0] > pair[1], sum(pair)))[:9])
    if len(choices) == len(reach) and all(choices):
        longest = max(map(len, choices))
        yield from (tuple(pairs[min(number, len(pairs) - 1)] for pairs in choices) for number in range(longest))
        yield from islice(product(*choices), 80)


def _told(widths: Widths | str) -> str:
    """Say how wide a padding is, in front and behind."""
    if isinstance(widths, str):
        return f"'{widths}'"
    if len(set(widths)) == 1:
        return f"{widths[0][0]} in front and {widths[0][1]} behind"
    return f"{[list(pair) for pair in widths]} in front and behind"


def _flat(widths: Widths) -> list[int]:
    """Return widths as torch's functional.pad wants them of channels first."""
    return [width for pair in reversed(widths) for width in pair]


def _described(layer: nn.Module) -> str:
    extra = layer.extra_repr()
    return f"{type(layer).__name__}({extra})"


def _is_like(kind: str, name: str) -> bool:
    return kind.lower().startswith(name.replace("_", "").removesuffix("tanh"))
