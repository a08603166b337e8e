"""What two optimizers are said to do to each weight, and in what they differ: words and lines for every setting."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from twotrack.shared.spec.candidates import Candidate
from twotrack.shared.spec.changes import SetUpdate
from twotrack.shared.spec.updates import EXACT, PLACES, Rules, acting
from twotrack.shared.verify.diagnosis.rates import rates_text
from twotrack.shared.verify.result import in_short

REMOVED_FIRST = (
    "single_product", "averaged", "rms_first", "factored", "epsilon_place", "rate_inside", "rate_decay", "centered",
    "dampening",
)  # fmt: skip
"""Settings that often differ without an effect: whether they are needed is asked first."""
ENTRIES = {
    "epsilon": "adam_epsilon",
    "epsilon_place": "adam_epsilon_place",
    "rate": "learning_rate",
    "momentum": "momentum",
    "rate_inside": "momentum_under_schedule",
    "clipnorm": "clipping",
    "global_clipnorm": "clipping",
    "clipvalue": "clipping",
    "clip_whole": "clipping",
    "initial": "adagrad_defaults",
    "momentum_decay": "nadam_schedule",
    "clip_epsilon": "clipping_epsilon",
    "scaled": "muon_update",
    "rounded": "muon_update",
    "averaged": "muon_update",
    "factored": "adafactor_axes",
}
METHOD_ENTRIES = {
    "rmsprop": {"epsilon": "rmsprop_epsilon", "epsilon_place": "rmsprop_epsilon", "rho": "rmsprop_defaults"},
    "adagrad": {"epsilon": "adagrad_defaults", "epsilon_place": "adagrad_defaults"},
    "adadelta": {"epsilon": "adadelta_defaults", "rho": "adadelta_defaults"},
    "adamax": {"epsilon": "adamax_epsilon", "epsilon_place": "adamax_epsilon"},
    "adafactor": {"epsilon": "adafactor_defaults", "epsilon_place": "adafactor_defaults"},
}
"""In place of those of ENTRIES."""


@dataclass(frozen=True)
class Deviation:
    """A setting in which Keras' optimizer differs from torch's, for some weights."""

    setting: str
    keras: Any
    torch: Any
    names: tuple[str, ...]
    everywhere: bool
    """These are all weights."""
    method: str = ""
    """Of Keras' optimizer."""

    @property
    def change(self) -> SetUpdate:
        """What makes torch's as Keras'."""
        return SetUpdate(setting=self.setting, value=self.keras, weights=() if self.everywhere else self.names)

    @property
    def place(self) -> str:
        """Which weights it is about; empty for all."""
        return "" if self.everywhere else f" of {in_short([repr(name) for name in self.names])}"


def deviations(keras: Rules, torch: Rules) -> list[Deviation]:
    """Return the settings that differ, those first that are least likely to matter."""
    found: dict[tuple, list[str]] = {}
    values: dict[tuple, tuple[Any, Any, str]] = {}
    for name, own in keras.items():
        for setting, value, other in _differing(own, torch[name]):
            key = (setting, repr(value), repr(other))
            found.setdefault(key, []).append(name)
            values[key] = (value, other, own["method"])
    ordered = sorted(found, key=lambda key: (key[0] not in REMOVED_FIRST, key[0] in ("rate", "method"), key[0]))
    return [
        Deviation(key[0], *values[key][:2], tuple(found[key]), len(found[key]) == len(keras), values[key][2])
        for key in ordered
    ]


def _differing(keras: Mapping[str, Any], torch: Mapping[str, Any]) -> Iterator[tuple[str, Any, Any]]:
    own, other = acting(keras), acting(torch)
    if keras["method"] != torch["method"]:
        yield "method", keras["method"], torch["method"]
    for setting, value in own.items():  # of which settings another method has some too
        before = other.get(setting, torch.get(setting))
        is_unknown = setting == "rate" and None in (value, before)  # of an optimizer that is not run apart
        if value != before and not is_unknown:
            yield setting, value, before


def needed(found: Sequence[Deviation], removes: Callable[[Sequence[Deviation]], bool]) -> Sequence[Deviation]:
    """Leave out what is not needed for the difference to be removed, one by one."""
    left = list(found)
    for one in found:
        without = [other for other in left if other is not one]
        if removes(without):
            left = without
    return left


def candidate(found: Sequence[Deviation], more: str = "", guessed: Sequence[SetUpdate] = ()) -> Candidate:
    """Return deviations as one candidate; `more` is the optimizer of torch that does more than its settings say.

    An optimizer that updates by settings takes its place in any case, and does no more. `guessed` are settings of
    torch's side that its own optimizer does not state.
    """
    other = [one for one in found if one.setting == "method"]
    told = [_told(one) for one in other or reversed(found)]
    told += [_more(more)] if more and not other else []
    return Candidate(
        changes=(_AS_TOLD, *guessed, *(one.change for one in found)),
        what="; and ".join(what for what, _, _ in told),
        torch_fix="; ".join(line for _, line, _ in told),
        keras_fix="; ".join(line for _, _, line in told),
        entry=next((slug for one in reversed(found) if (slug := _entry(one))), ""),
    )


_AS_TOLD = SetUpdate(setting="rate", value=None)
"""The learning rate that torch's own optimizer has at each step."""


def _more(kind: str) -> tuple[str, str, str]:
    what = f"torch's optimizer does more at a step than the settings of {kind} say (a hook, or code of the user's own)"
    return what, f"{kind} without what is done beside its step", "the same beside the step of Keras' optimizer"


def _entry(one: Deviation) -> str:
    if one.setting == "decay":
        return "decay_exclusion" if not one.everywhere else _decay_entry(one)
    return METHOD_ENTRIES.get(one.method, {}).get(one.setting, ENTRIES.get(one.setting, ""))


def _decay_entry(one: Deviation) -> str:
    return (
        "weight_decay_size"
        if [bool(size) for size in one.keras] == [bool(size) for size in one.torch]
        else "weight_decay"
    )


def _told(one: Deviation) -> tuple[str, str, str]:
    """Return what differs, the line for torch and the line for Keras."""
    if one.setting in _WORDS:
        return _WORDS[one.setting](one)
    name, shown, other = one.setting, _shown(one.keras), _shown(one.torch)
    torch_name = _TORCH_NAMES.get(name, name)
    what = f"{name}{one.place} is {shown} in Keras and {other} in torch"
    return (
        what,
        f"{torch_name}={shown} in torch's optimizer{one.place}",
        f"{name}={other} in Keras' optimizer{one.place}",
    )


_TORCH_NAMES = {
    "epsilon": "eps",
    "rho": "alpha (RMSprop) or rho",
    "beta_1": "betas[0]",
    "beta_2": "betas[1]",
    "initial": "initial_accumulator_value",
}


def _shown(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _method(one: Deviation) -> tuple[str, str, str]:
    what = f"Keras updates by {one.keras}, torch by {one.torch}"
    return what, f"{one.keras} with the settings of Keras' optimizer", f"{one.torch}, as torch's optimizer, in Keras"


def _place(one: Deviation) -> tuple[str, str, str]:
    what = f"epsilon is added in Keras as in {PLACES[one.keras]}, in torch as in {PLACES[one.torch]}"
    if one.keras == "uncorrected":
        line = "eps = epsilon / sqrt(1 - beta_2^t) at step t, as twotrack.Adam does"
    else:
        line = f"an optimizer that computes {PLACES[one.keras]}, as twotrack's does"
    return what, line, "the optimizer of twotrack on both sides: Keras cannot add it where torch does"


def _rate_inside(one: Deviation) -> tuple[str, str, str]:
    inside, outside = ("Keras", "torch") if one.keras else ("torch", "Keras")
    what = (
        f"{inside} multiplies each gradient by the learning rate of its own step before it goes into the velocity, "
        f"{outside} multiplies the velocity by the learning rate of the present step"
    )
    line = "twotrack.SGD or twotrack.RMSprop in the pair, which keeps the learning rate inside the velocity"
    return what, line, line


def _product(one: Deviation) -> tuple[str, str, str]:
    what = "torch rounds the product of all momenta to float32 at every step, Keras does not"
    return what, "torch.set_default_dtype(torch.float64) before the first step", "none: Keras has it in full precision"


def _rate(one: Deviation) -> tuple[str, str, str]:
    return rates_text(one.keras, one.torch, one.place)


def _decay(one: Deviation) -> tuple[str, str, str]:
    what = f"Keras {_decay_words(one.keras, True)}{one.place}, torch {_decay_words(one.torch)}"
    return what, f"{_torch_decay(one.keras)}{one.place}", f"{_keras_decay(one.torch)}{one.place}"


def _decay_words(sizes: Sequence[float], penalised: bool = False) -> str:
    inside, off = sizes
    penalty = f" (L2 of {inside / 2:g})" if penalised else ""
    told = [f"adds {inside:g} times the weight to the gradient{penalty}"] if inside else []
    told += [f"takes {off:g} times the weight off it at every step, times the learning rate (decoupled)"] if off else []
    return " and ".join(told) or "does not decay the weight"


def _torch_decay(sizes: Sequence[float]) -> str:
    inside, off = sizes
    if off:
        return f"an optimizer with decoupled decay, as AdamW, and weight_decay={off:g}"
    if not inside:
        return "weight_decay=0"
    return f"weight_decay={inside:g} in an optimizer with coupled decay, as SGD or Adam, and a group without for others"


def _keras_decay(sizes: Sequence[float]) -> str:
    inside, off = sizes
    if off:
        return f"weight_decay={off:g} in Keras' optimizer and no regularizer"
    return f"regularizers.L2({inside / 2:g}) and no weight_decay" if inside else "no regularizer and no weight_decay"


def _clip(one: Deviation) -> tuple[str, str, str]:
    what = f"{_clipping(one.keras, 'Keras', one.setting)}, {_clipping(one.torch, 'torch', one.setting)}"
    line = {
        "clipnorm": f"clip each gradient by its own norm to {one.keras:g}",
        "global_clipnorm": f"nn.utils.clip_grad_norm_(parameters, {one.keras:g})",
        "clipvalue": f"nn.utils.clip_grad_value_(parameters, {one.keras:g})",
    }[one.setting]
    torch_line = f"{line} before optimizer.step()" if one.keras else f"no clipping {_CLIPPED[one.setting]}"
    given = f"{one.setting}={one.torch:g}" if one.torch else f"no {one.setting}"
    return what, torch_line, f"{given} in Keras' optimizer"


_CLIPPED = {
    "clipnorm": "by each weight's own norm",
    "global_clipnorm": "by the norm of all",
    "clipvalue": "by value",
}


def _clipping(limit: float, side: str, setting: str) -> str:
    """Say how a side clips: Keras by the name of its setting."""
    if not limit:
        return f"{side} does not clip {'them' if side == 'torch' else 'gradients'} {_CLIPPED[setting]}"
    told = f"({setting}={limit:g})" if side == "Keras" else f"{_CLIPPED[setting]} to {limit:g}"
    return f"{side} clips gradients {told}"


def _clip_whole(one: Deviation) -> tuple[str, str, str]:
    what = (
        "Keras clips each of its weights by its own norm, torch each parameter, of which one holds several of Keras' "
        "weights (or several hold one)"
    )
    line = "the norm of each part of the fused parameter by itself"
    return what, line, "global_clipnorm on both sides, which does not depend on how weights are fused"


def _clip_epsilon(one: Deviation) -> tuple[str, str, str]:
    what = f"Keras adds {one.keras:g} to the norm that it clips by, torch {one.torch:g}"
    line = "a Clip of twotrack in the pair's optimizer, with one epsilon on both sides"
    return what, "gradients times min(1, limit / norm), which is what Keras computes", line


def _share(one: Deviation) -> tuple[str, str, str]:
    what = f"the learning rate{one.place} is {one.keras:g} times that of the optimizer in Keras, {one.torch:g} in torch"
    line = f"Group(learning_rate=...) of twotrack{one.place}, or a MultiOptimizer in Keras"
    return what, f"one learning rate{one.place} and for all others in torch's parameter groups", line


def _factored(one: Deviation) -> tuple[str, str, str]:
    what = (
        f"Adafactor{one.place}: the rows and columns of a convolution's kernel are those of its inputs and outputs in "
        "Keras, those of height and width in torch"
    )
    return what, "twotrack.Adafactor in the pair", "twotrack.Adafactor in the pair"


def _rounded(one: Deviation) -> tuple[str, str, str]:
    what = "torch's Muon rounds the matrix to bfloat16 before it makes it orthogonal, Keras' does not"
    return what, "twotrack.Muon in the pair", "none: Keras has it in full precision"


def _averaged(one: Deviation) -> tuple[str, str, str]:
    what = "the momentum of Muon is a mean of gradients in torch and a sum in Keras, which an epsilon tells apart"
    return what, "twotrack.Muon in the pair", "twotrack.Muon in the pair"


def _scaled(one: Deviation) -> tuple[str, str, str]:
    what = f"Muon scales a matrix {_scaled_words(one.keras)} in Keras, {_scaled_words(one.torch)} in torch"
    is_longest = bool(one.keras) and one.keras[0] == "longest"
    torch_fix = 'adjust_lr_fn="match_rms_adamw"' if is_longest else "twotrack.Muon in the pair"
    return what, torch_fix, "twotrack.Muon in the pair"


def _scaled_words(scaled: Sequence[Any]) -> str:
    if not scaled:
        return "not at all"
    if scaled[0] == "longest":
        return f"by {scaled[1]:g} times the root of its longest side"
    return "by the root of outputs over inputs where that is above 1"


def _rms_first(one: Deviation) -> tuple[str, str, str]:
    what = "torch's Adafactor takes the size of a weight before it decays, Keras' behind it"
    return what, "twotrack.Adafactor in the pair", "twotrack.Adafactor in the pair"


def _limit(one: Deviation) -> tuple[str, str, str]:
    keras, torch = _limit_words(one.keras), _limit_words(one.torch)
    if keras == torch:
        what = f"Keras divides the weight{one.place} by its norm plus 1e-7 in a constraint {keras}, torch by its norm"
        return what, "twotrack's constraint on both sides", "twotrack's constraint on both sides"
    what = f"Keras holds {keras} to the weight{one.place} after every step, torch holds {torch}"
    return what, f"the same constraint{one.place} after optimizer.step()", f"{torch}{one.place} in Keras' layers"


def _limit_words(limit: Sequence[Any]) -> str:
    if not limit:
        return "none"
    name, low, high, rate, *axes = limit
    name = name.removeprefix(EXACT)
    sizes = {"MaxNorm": f" of {high:g}", "MinMaxNorm": f" of {low:g} to {high:g}, rate {rate:g}"}.get(name, "")
    along = f" along axis {', '.join(map(str, axes))}" if name != "NonNeg" else ""
    return f"a constraint {name}{sizes}{along}"


def _average(one: Deviation) -> tuple[str, str, str]:
    momentum, every = one.keras or (0.0, 0)
    what = (
        f"Keras puts a moving average (momentum {momentum:g}) in the weights' place every {every} steps, torch does not"
    )
    return what, "the same average, copied into the weights", "use_ema=False in Keras' optimizer"


def _gathered(one: Deviation) -> tuple[str, str, str]:
    what = f"Keras updates every {one.keras} steps by the mean of their gradients, torch every {one.torch} step"
    line = f"zero_grad() and step() every {one.keras} batches, the loss divided by {one.keras}"
    return what, line, f"gradient_accumulation_steps={one.torch} in Keras' optimizer"


def _summed(one: Deviation) -> tuple[str, str, str]:
    names = ("the sum", "their mean") if one.keras else ("their mean", "the sum of their gradients")
    what = f"of the batches that make one update Keras takes {names[0]}, torch {names[1]}"
    line = "the loss divided by the number of batches that make one update"
    return what, line if one.torch else "the loss as it is", "none: Keras takes the mean"


def _moving(one: Deviation) -> tuple[str, str, str]:
    names = ", ".join(one.torch or one.keras)
    side, other = ("torch", "Keras") if one.torch else ("Keras", "torch")
    what = f"a scheduler of {side} changes {names} from step to step too, {other} leaves it as it is"
    return what, "cycle_momentum=False in torch's scheduler", f"{names} set before each step"


def _l1(one: Deviation) -> tuple[str, str, str]:
    what = f"Keras adds an L1 penalty of {one.keras:g}{one.place}, torch one of {one.torch:g}"
    return what, f"{one.keras:g} * weight.abs().sum() in the loss", f"regularizers.L1({one.torch:g}){one.place}"


_WORDS = {
    "method": _method,
    "epsilon_place": _place,
    "rate_inside": _rate_inside,
    "single_product": _product,
    "rate": _rate,
    "decay": _decay,
    "l1": _l1,
    "summed": _summed,
    "moving": _moving,
    "clipnorm": _clip,
    "global_clipnorm": _clip,
    "clipvalue": _clip,
    "clip_epsilon": _clip_epsilon,
    "clip_whole": _clip_whole,
    "share": _share,
    "factored": _factored,
    "rounded": _rounded,
    "averaged": _averaged,
    "scaled": _scaled,
    "rms_first": _rms_first,
    "limit": _limit,
    "average": _average,
    "gathered": _gathered,
}
