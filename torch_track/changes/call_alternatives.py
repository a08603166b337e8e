"""What else the calls of torch's functions in the user's own code could be."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from math import isclose, sqrt
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from twotrack.shared.spec.candidates import CallCandidate, Candidate
from twotrack.shared.spec.changes import Function, Parameter, ReplaceCall, SetArgument
from twotrack.torch_track.changes.calls import CallWatcher, SeenCall
from twotrack.torch_track.changes.functions import BOTH, all_activations, in_words

if TYPE_CHECKING:
    from twotrack.torch_track.track_model import TorchModel

OTHER_ARGUMENTS: dict[str, tuple[tuple[str, tuple[Parameter, ...]], ...]] = {
    "gelu": (("approximate", ("tanh", "none")),),
    "leaky_relu": (("negative_slope", (0.3, 0.2, 0.1, 0.01)),),
    "elu": (("alpha", (1.0,)),),
    "softmax": (("dim", (-1, -2, 1, 2)),),
    "log_softmax": (("dim", (-1, -2, 1, 2)),),
    "layer_norm": (("eps", (1e-3, 1e-5, 1e-6, 1e-7, 1e-12)),),
    "normalize": (("eps", (1e-12, 1e-7, 1e-6, 1e-3)), ("dim", (-1, 1)), ("p", (1.0, 2.0))),
    "interpolate": (
        ("align_corners", (False, True)),
        ("mode", ("nearest", "bilinear", "bicubic")),
        ("antialias", (False, True)),
    ),
    "scaled_dot_product_attention": (("is_causal", (True, False)),),
    "avg_pool2d": (("count_include_pad", (False, True)),),
    "var": (("unbiased", (False, True)),),
    "std": (("unbiased", (False, True)),),
}
ACTIVATION_CALLS = {
    "gelu", "relu", "relu6", "leaky_relu", "elu", "selu", "celu", "silu", "sigmoid", "tanh", "softplus", "mish",
    "hardswish", "hardtanh", "hardsigmoid", "softmax", "log_softmax", "clamp", "clip", "softsign", "logsigmoid",
}  # fmt: skip
OF_TWO = {"add": "sum", "mul": "product", "sub": "difference", "maximum": "maximum", "minimum": "minimum"}
"""Functions of two tensors, by names of twotrack.torch_track.changes.functions.BOTH."""
BEHIND = ("relu", "gelu", "silu", "tanh", "sigmoid")
"""Activations that often stand behind a sum."""
OTHER_MASKS = {
    "opposite mask": "hides in Keras what it lets through in torch, and the other way round",
    "mask with another diagonal": "hides every step from itself on one side alone, as triu(0) does, unlike triu(1)",
    "mask of the other direction": "has rows and columns exchanged in Keras: a step looks at earlier ones on one side, "
    "at later ones on the other",
}
"""By names of twotrack.torch_track.changes.functions.MASKS."""
DEVIATION_EPSILONS = (1e-3, 1e-5, 1e-6, 1e-7, 1e-12)
FILLS = (-1e9, -1e4)
"""Numbers that take the place of hidden scores: keras.layers.Softmax has the first."""
SHARES = (0.1, 0.2, 0.3, 0.5, 1 / sqrt(2), 2.0)
"""By which one of two values that are added up is often multiplied."""
HEADS = (1, 2, 3, 4, 6, 8, 12, 16)
"""Into which a width is often parted."""
MOST_SIZES = 12
"""Of a tensor and of weights, from which other factors are made."""
SCALING = {"mul", "div", "truediv", "true_divide"}
ENTRIES = {
    "gelu": "gelu",
    "leaky_relu": "leaky_relu_slope",
    "layer_norm": "layer_norm_epsilon",
    "interpolate": "resizing",
}


def call_alternatives(model: "TorchModel", inputs: Mapping[str, np.ndarray]) -> list[CallCandidate]:
    """Let the model run once, and return what each call that was seen could be."""
    watcher = CallWatcher(model.module)
    model.module.eval()
    with torch.no_grad(), watcher.watching():
        model.module(*model.tensors(inputs))
    widths = {size for weight in model.module.parameters() for size in weight.shape if size > 1}
    seen = list(watcher.seen)
    hiding = [CallCandidate(candidate, "", is_everywhere=True) for candidate in _hiding(seen)]
    hiding += [
        CallCandidate(candidate, model.canonical_path(call.first_layer) if call.first_layer else "")
        for call, candidate in _deviations(seen)
    ]
    return hiding + [
        CallCandidate(candidate, model.canonical_path(call.first_layer) if call.first_layer else "")
        for call in seen
        for candidate in _of(call, sorted(widths))
    ]


def _hiding(seen: Sequence[SeenCall]) -> Iterator[Candidate]:
    """Yield other numbers for hidden scores: in all softmaxes that are given any, as one piece of code makes them."""
    calls = [call for call in seen if call.hides]
    if not calls:
        return
    more = f" and {len(calls) - 1} more" if len(calls) > 1 else ""
    where = f"softmax (call {calls[0].number + 1} of it){more}"
    for fill in FILLS:
        by = Function(name="filled_softmax", parameters={"fill": fill})
        yield Candidate(
            changes=tuple(ReplaceCall(function=call.function, number=call.number, by=by) for call in calls),
            what=(
                f"what a mask hides has the score {fill:g} and then no share in Keras, and the smallest number there "
                f"is added in torch, in {where}: the two differ where scores are beyond {fill:g}, or all are hidden"
            ),
            torch_fix=f"scores.masked_fill(hidden, {fill:g}).softmax(-1).masked_fill(hidden, 0) in {where}",
            keras_fix="the smallest number of their type added to hidden scores",
        )


def _deviations(seen: Sequence[SeenCall]) -> Iterator[tuple[SeenCall, Candidate]]:
    """Yield the root of variance plus epsilon in the place of std() + epsilon, as hand-written LayerNorms have it."""
    for call, after in pairwise(seen):
        own = after.arguments.get("other")
        if call.function != "std" or after.function.strip("_") not in ("add", "radd") or not isinstance(own, float):
            continue
        for epsilon in dict.fromkeys([own, *DEVIATION_EPSILONS]):
            by = Function(name="deviation", parameters={"epsilon": epsilon})
            yield (
                call,
                Candidate(
                    changes=(
                        ReplaceCall(function=call.function, number=call.number, by=by),
                        ReplaceCall(function=after.function, number=after.number, by=Function(name="identity")),
                    ),
                    what=f"Keras divides by the root of the biased variance plus {epsilon:g}, as LayerNorm does, "
                    f"torch by std (call {call.number + 1} of it) plus {own:g}, "
                    f"{'biased' if call.arguments.get('unbiased') is False else 'unbiased'}",
                    torch_fix=f"torch.sqrt(x.var(-1, unbiased=False, keepdim=True) + {epsilon:g}), or nn.LayerNorm",
                    keras_fix=f"a standard deviation plus {own:g}, as torch's",
                    entry="layer_norm_epsilon",
                ),
            )


def _of(call: SeenCall, widths: Sequence[int]) -> Iterator[Candidate]:
    """Yield a call's other arguments, then the call left out."""
    which = f"{call.function.strip('_')} (call {call.number + 1} of it)"
    for name, values in (*OTHER_ARGUMENTS.get(call.function, ()), *_scales(call, widths), *_paddings(call)):
        own = call.arguments.get(name)
        for value in (value for value in values if value != own):
            yield Candidate(
                changes=tuple(_arguments(call, name, value)),
                what=f"Keras computes {which} with {name}={value!r}, torch with {_shown(own)}",
                torch_fix=f"{name}={value!r} in {which}",
                keras_fix=f"what {name}={_shown(own)} means, in Keras",
                entry=ENTRIES.get(call.function, ""),
            )
    if call.keeps_shape:
        yield _replaced(
            call, which, Function(name="identity"), f"torch computes {which}, Keras does not", f"no {which}"
        )
    yield from _masks(call, which) if call.mask else ()
    yield from _of_two(call, which) if call.takes_two else ()
    yield from _causal(call, which) if call.function == "softmax" and _is_square(call.shape) else ()
    yield from _scaled_scores(call, which, widths) if call.function == "softmax" else ()
    if call.keeps_shape and call.function.strip("_") in ACTIVATION_CALLS:
        for function in all_activations():
            name = in_words(function)
            told = f"Keras computes {name} where torch computes {which}"
            yield _replaced(call, which, function, told, f"{name} in place of {which}")


def _masks(call: SeenCall, which: str) -> Iterator[Candidate]:
    """Yield the mask that a call is given as hand-written attention gets it wrong."""
    for name, told in OTHER_MASKS.items():
        if _is_square(call.mask) or name == "opposite mask":
            yield _replaced(call, which, Function(name=name), f"the mask of {which} {told}", f"the {name} in {which}")


def _is_square(shape: Sequence[int]) -> bool:
    """Tell whether a shape ends with (steps, steps)."""
    return len(shape) > 1 and shape[-1] == shape[-2]


def _causal(call: SeenCall, which: str) -> Iterator[Candidate]:
    """Yield scores of later steps that have no share."""
    by = Function(name="causal_softmax")
    told = f"a step looks at no later step in Keras, at all steps in torch, in {which}"
    yield _replaced(call, which, by, told, f"scores of later steps filled with -inf in front of {which}")


def _of_two(call: SeenCall, which: str) -> Iterator[Candidate]:
    """Yield what else becomes of two tensors, then an activation of what the call gives."""
    own = OF_TWO.get(call.function.strip("_").removeprefix("r").removeprefix("i"))
    if own is None:
        return
    for name in BOTH:
        if name != own:
            by = Function(name="both", parameters={"of": name, "then": "identity"})
            told = f"Keras takes the {name} of two values of which torch takes the {own}, in {which}"
            yield _replaced(call, which, by, told, f"the {name} in place of {which}")
    if own == "sum":
        yield from _scaled_sums(call, which)
    for activation in BEHIND:
        by = Function(name="both", parameters={"of": own, "then": activation})
        told = f"Keras applies {activation} to what {which} gives, torch does not"
        yield _replaced(call, which, by, told, f"{activation} of {which}")


def _scaled_sums(call: SeenCall, which: str) -> Iterator[Candidate]:
    """Yield sums of which one value is multiplied, as residual blocks have them."""
    for factor in SHARES:
        for place in ("first", "second"):
            by = Function(name="both", parameters={"of": "sum", "then": "identity", f"by_{place}": factor})
            told = f"Keras multiplies the {place} of the two values of {which} by {factor:.4g}, torch does not"
            yield _replaced(call, which, by, told, f"{factor:.4g} times the {place} value in {which}")


def _scaled_scores(call: SeenCall, which: str, widths: Sequence[int]) -> Iterator[Candidate]:
    """Yield factors in front of a softmax, above all those of attention, which torch's code lacks."""
    heads = {width // parts for width in widths for parts in HEADS if width % parts == 0 and width > parts}
    factors = [*(1 / sqrt(size) for size in sorted(heads)), *(1 / width for width in widths), 0.5, 2.0, 0.1, 10.0]
    dim = call.arguments.get("dim", -1)
    for factor in dict.fromkeys(factors):
        by = Function(name="scaled_softmax", parameters={"factor": factor, "dim": dim if isinstance(dim, int) else -1})
        told = f"{factor:.6g}{_root_of(factor)}"
        what = f"Keras multiplies what {which} is given by {told}, torch does not, as attention does with its scores"
        yield _replaced(call, which, by, what, f"{told} times what {which} is given")


def _root_of(factor: float) -> str:
    size = round(factor**-2)
    return f" (1 / sqrt({size}))" if size > 1 and isclose(factor, 1 / sqrt(size), rel_tol=1e-12) else ""


def _scales(call: SeenCall, widths: Sequence[int]) -> Iterator[tuple[str, tuple[Parameter, ...]]]:
    """Yield other factors, made of the sizes of the tensor, for a call that scales."""
    sizes = [*(size for size in call.shape[1:] if size > 1), *widths][:MOST_SIZES]
    if call.function == "scaled_dot_product_attention":
        heads = [call.shape[-1], call.shape[-1] * call.shape[1]] if len(call.shape) > 3 else [call.shape[-1]]
        yield "scale", (1.0, *(1 / sqrt(size) for size in heads), *(1 / size for size in heads))
    own = call.arguments.get("other")
    if call.function.strip("_").removeprefix("r").removeprefix("i") in SCALING and isinstance(own, int | float):
        values = [value for size in sizes for value in (float(size), sqrt(size), 1 / size, 1 / sqrt(size))]
        yield "other", tuple(dict.fromkeys([*values, 2.0, 0.5, 255.0, 1 / 255.0, 127.5, 1 / 127.5]))


def _paddings(call: SeenCall) -> Iterator[tuple[str, tuple[Parameter, ...]]]:
    """Yield the widths of a padding by other axes and ends: torch counts from the last axis on."""
    own = call.arguments.get("pad")
    if call.function == "pad" and isinstance(own, Sequence) and all(isinstance(width, int) for width in own):
        pairs = [tuple(own[place : place + 2]) for place in range(0, len(own), 2)]
        turned = [pair[::-1] for pair in pairs]
        orders = (pairs[::-1], turned, turned[::-1])
        yield "pad", tuple(tuple(width for pair in order for width in pair) for order in orders)


def _replaced(call: SeenCall, which: str, by: Function, what: str, fix: str) -> Candidate:
    change = ReplaceCall(function=call.function, number=call.number, by=by)
    return Candidate(changes=(change,), what=what, torch_fix=fix, keras_fix=f"{which}, as torch has it")


def _arguments(call: SeenCall, name: str, value: Parameter) -> Iterator[SetArgument]:
    yield SetArgument(function=call.function, number=call.number, name=name, value=value)
    if call.function == "interpolate" and name == "mode" and value == "nearest":
        yield SetArgument(function=call.function, number=call.number, name="align_corners", value=None)


def _shown(value: Any) -> str:
    return "its default" if value is None else repr(value)
