"""What else a layer could be that slides a window over places: convolution, transposed convolution, pooling."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice, product
from typing import Any

from torch import nn

from twotrack.shared.spec.candidates import Candidate, Facing
from twotrack.shared.spec.changes import Change, Function, MapValue, Parameter, ReplaceLayer, SetHyperparameter

Sizes = tuple[int, ...]
Widths = tuple[tuple[int, int], ...]
"""Of a padding in front and behind, for every axis of places."""
PADDING_MODES = ("zeros", "reflect", "replicate", "circular")
KERAS_NAMES = {"dilation": "dilation_rate", "stride": "strides"}
POOLING_ENTRIES = {"max": "max_pool_padding", "average": "average_pool_padding"}
EACH_AXIS, MOST = 9, 80
"""Paddings that are tried of one axis, and of all axes together where they differ by axis."""


def windows(layer: nn.Module, path: str, facing: Facing) -> Iterator[Candidate]:
    """Yield other strides, paddings and dilations, and the other kind of pooling; nothing for other layers."""
    if isinstance(layer, nn.modules.conv._ConvTransposeNd):
        yield from _TransposedWindows(layer, path, facing)
    elif isinstance(layer, nn.modules.conv._ConvNd):
        yield from _ConvolutionWindows(layer, path, facing)
    elif isinstance(layer, nn.modules.pooling._MaxPoolNd | nn.modules.pooling._AvgPoolNd):
        yield from _PoolingWindows(layer, path, facing)


class _Windows:
    """Of one layer."""

    def __init__(self, layer: Any, path: str, facing: Facing):
        self._layer, self._path, self._keras, self._taken = layer, path, facing.hyperparameters, facing.taken
        self._sizes = tuple(dict.fromkeys([facing.wanted, facing.given]))
        """Of what the layer may give: Keras' size, and its own, which code behind it may cut."""

    def _stated(self, name: str, own: Sizes, *usual: int) -> list[Sizes]:
        """Return the layer's own value, Keras', and usual ones."""
        keras = tuple(self._keras.get(name, own))
        return list(dict.fromkeys([own, keras, *((value,) * len(own) for value in usual)]))


class _ConvolutionWindows(_Windows):
    def __iter__(self) -> Iterator[Candidate]:
        layer = self._layer
        dilations, strides = (
            self._stated("dilation", layer.dilation, 1, 2, 3),
            self._stated("strides", layer.stride, 1, 2),
        )
        for dilation, stride in product(dilations, strides):
            reach = [(kernel - 1) * step + 1 for kernel, step in zip(layer.kernel_size, dilation, strict=True)]
            for widths in _widths(self._taken, self._sizes, reach, stride):
                yield self._padded({"dilation": dilation, "stride": stride}, widths)
        if isinstance(layer.padding, str) or any(layer.padding):
            yield from (self._in_mode(mode) for mode in PADDING_MODES if mode != layer.padding_mode)

    def _in_mode(self, mode: str) -> Candidate:
        own = self._layer.padding_mode
        return Candidate(
            changes=(SetHyperparameter(path=self._path, name="padding_mode", value=mode),),
            what=f"the padding is {mode} in Keras and {own} in torch",
            torch_fix=f"padding_mode={mode!r} in '{self._path}'",
            keras_fix=f"{own} padding for '{self._path}'",
        )

    def _padded(self, settings: Mapping[str, Sizes], widths: Widths) -> Candidate:
        """Return the layer with other settings, and explicit widths of padding in front and behind."""
        layer = self._layer
        own = {name: value for name, value in settings.items() if getattr(layer, name) != value}
        told = [
            f"{name} is {list(value)} in Keras and {list(getattr(layer, name))} in torch" for name, value in own.items()
        ]
        changes: list[Change] = [
            SetHyperparameter(path=self._path, name=name, value=value) for name, value in own.items()
        ]
        torch, keras = (
            [f"{name}={value}" for name, value in own.items()],
            [f"{KERAS_NAMES[name]}={getattr(layer, name)}" for name in own],
        )
        if widths != _symmetric(layer.padding):
            changes += self._explicit(widths)
            told.append(f"Keras pads {_told(widths)}, torch {_told(_symmetric(layer.padding))}")
            torch.append(f"padding=0 and functional.pad(x, {_flat(widths)}) in front")
            keras.append(f"padding='valid' and ZeroPadding of {_told(_symmetric(layer.padding))} in front")
        return Candidate(
            changes=tuple(changes),
            what=" and ".join(told) or "nothing",
            torch_fix=f"{', '.join(torch)} of '{self._path}'",
            keras_fix=f"{', '.join(keras)} of '{self._path}'",
            entry="" if own else "same_padding",
        )

    def _explicit(self, widths: Widths) -> list[Change]:
        pad = Function(name="pad", parameters={"widths": widths})
        return [
            MapValue(path=self._path, role="inputs", function=pad),
            SetHyperparameter(path=self._path, name="padding", value=(0,) * len(widths)),
        ]


class _TransposedWindows(_Windows):
    def __iter__(self) -> Iterator[Candidate]:
        """Yield other cuts out of the whole transposed convolution."""
        layer = self._layer
        sizes = zip(self._taken, layer.stride, layer.dilation, layer.kernel_size, strict=False)
        whole = [(size - 1) * step + reach * (kernel - 1) + 1 for size, step, reach, kernel in sizes]
        for wanted in self._sizes:
            left = [size - own for size, own in zip(whole, wanted, strict=False)]
            for front in product(*(range(min(0, rows), max(0, rows) + 1) for rows in left)):
                yield self._cut(tuple((-own, own - rows) for own, rows in zip(front, left, strict=True)))

    def _cut(self, widths: Widths) -> Candidate:
        layer, none = self._layer, (0,) * len(widths)
        told = _told(tuple((-front, -behind) for front, behind in widths))
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


@dataclass(frozen=True)
class _Pool:
    """A way of pooling."""

    how: str
    size: Sizes
    strides: Sizes
    widths: Widths
    counts: bool
    """The padding counts in a mean."""

    @property
    def told(self) -> str:
        """What a line of code would say."""
        counted = ", padding counted" if self.how == "average" and self.counts and self.widths != _none(self) else ""
        window = f"{self.how} pooling of {list(self.size)} with stride {list(self.strides)}"
        return f"{window}, padding {_told(self.widths)}{counted}"


class _PoolingWindows(_Windows):
    def __iter__(self) -> Iterator[Candidate]:
        own = self._own
        yield self._rounded()
        strides, sizes = self._stated("strides", own.strides), self._stated("kernel_size", own.size)
        for how, size, step in product((own.how, _other(own.how)), sizes, strides):
            for widths in _widths(self._taken, self._sizes, size, step):
                for counts in (False, True) if how == "average" else (False,):
                    yield self._pooled(_Pool(how, size, step, widths, counts))

    def _rounded(self) -> Candidate:
        """Return that windows which are not whole at the end count on the other side alone."""
        rounds_up = not self._layer.ceil_mode
        told = ("Keras", "torch") if rounds_up else ("torch", "Keras")
        return Candidate(
            changes=(SetHyperparameter(path=self._path, name="ceil_mode", value=rounds_up),),
            what=f"a window that is not whole at the end counts in '{self._path}' in {told[0]}, and not in {told[1]}",
            torch_fix=f"ceil_mode={rounds_up} in '{self._path}'",
            keras_fix=f"padding={'valid' if rounds_up else 'same'!r} in '{self._path}', if that pads at the end alone",
        )

    @property
    def _own(self) -> _Pool:
        layer, rank = self._layer, len(self._taken) - 1
        size, strides, padding = (_each(value, rank) for value in (layer.kernel_size, layer.stride, layer.padding))
        how = "max" if isinstance(layer, nn.modules.pooling._MaxPoolNd) else "average"
        return _Pool(
            how, size, strides, tuple((width, width) for width in padding), getattr(layer, "count_include_pad", False)
        )

    def _pooled(self, pool: _Pool) -> Candidate:
        own, parameters = self._own, dict[str, Parameter](vars(pool))
        is_padding = (pool.how, pool.size, pool.strides) == (own.how, own.size, own.strides)
        return Candidate(
            changes=(ReplaceLayer(path=self._path, function=Function(name="pool", parameters=parameters)),),
            what=" and ".join(_pool_differences(pool, own)) or "nothing",
            torch_fix=f"{pool.told} for '{self._path}'",
            keras_fix=f"{own.told} for '{self._path}'",
            entry=POOLING_ENTRIES[pool.how] if is_padding else "",
        )


def _pool_differences(keras: _Pool, torch: _Pool) -> Iterator[str]:
    pairs = (
        ("the pooling", keras.how, torch.how),
        ("the window", list(keras.size), list(torch.size)),
        ("the stride", list(keras.strides), list(torch.strides)),
    )
    yield from (f"{name} is {new} in Keras and {old} in torch" for name, new, old in pairs if new != old)
    if keras.widths != torch.widths:
        yield f"Keras pads {_told(keras.widths)}, torch {_told(torch.widths)}"
    elif keras.how == "average" and keras.widths != _none(keras) and keras.counts != torch.counts:
        yield f"the padding counts in the mean in {'Keras' if keras.counts else 'torch'} only"


def _none(pool: _Pool) -> Widths:
    return ((0, 0),) * len(pool.size)


def _other(how: str) -> str:
    return "average" if how == "max" else "max"


def _each(value: int | Sizes, rank: int) -> Sizes:
    return (value,) * rank if isinstance(value, int) else tuple(value)


def _symmetric(padding: str | Sizes) -> Widths | str:
    return padding if isinstance(padding, str) else tuple((width, width) for width in padding)


def _widths(taken: Sizes, sizes: Sequence[Sizes], reach: Sequence[int], stride: Sequence[int]) -> list[Widths]:
    """Return the paddings in front and behind with which a window gives one of the sizes, the likeliest first."""
    found = [widths for wanted in sizes for widths in _widths_for(taken, wanted, reach, stride)]
    return list(dict.fromkeys(found))


def _widths_for(taken: Sizes, wanted: Sizes, reach: Sequence[int], stride: Sequence[int]) -> Iterator[Widths]:
    """Yield, of each axis, equal widths or one more behind, as the frameworks have it, before others."""
    choices = []
    for size, own, window, step in zip(taken, wanted, reach, stride, strict=False):
        least = max(0, (own - 1) * step + window - size)
        totals = range(least, min(least + step, window + step))
        pairs = [(front, total - front) for total in totals for front in range(total + 1)]
        choices.append(
            sorted(pairs, key=lambda pair: (abs(pair[0] - pair[1]), pair[0] > pair[1], sum(pair)))[:EACH_AXIS]
        )
    if len(choices) == len(reach) and all(choices):
        longest = max(map(len, choices))
        yield from (tuple(pairs[min(number, len(pairs) - 1)] for pairs in choices) for number in range(longest))
        yield from islice(product(*choices), MOST)


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
