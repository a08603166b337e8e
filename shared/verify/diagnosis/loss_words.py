"""What differs between two losses, in words: what, the line for torch, the line for Keras, and the ledger's entry."""

from collections.abc import Sequence
from dataclasses import replace
from math import isclose, prod

from twotrack.shared.verify.diagnosis.loss_fits import told
from twotrack.shared.verify.diagnosis.overlaps import SUMS, Overlap
from twotrack.shared.verify.diagnosis.usual_losses import Known
from twotrack.shared.verify.loss_material import Outputs

Words = tuple[str, str, str, str]
Weights = tuple[Sequence[float], bool]
"""By class, and whether the sum of those of the targets divides."""


def scaled(factor: float, power: int, outputs: Outputs) -> Words:
    """Say by what Keras' loss is a multiple of torch's."""
    times = _times(factor, power, outputs)
    what = f"Keras' loss is torch's times {times}"
    if power:
        summed, mean = ("Keras", "torch") if power > 0 else ("torch", "Keras")
        what = f"{summed} sums the loss over the batch and {mean} takes a mean: {what}"
    line = f"the loss times {times}" if power >= 0 else f"the loss divided by the number of examples, times {factor:g}"
    other = _times(1 / factor, -power, outputs)
    return what, line, f"the loss times {other}", ""


def shifted(offset: float, power: int, outputs: Outputs) -> Words:
    """Say what constant Keras' loss has beside torch's; no gradient is another with it."""
    by = f"{offset:g}{f' times {_times(1.0, power, outputs)}' if power else ''}"
    what = f"Keras' loss is torch's plus {by}, which changes no gradient"
    return what, f"the loss plus {by}", f"the loss minus {by}", ""


def by_length(in_keras: bool) -> Words:
    """Say which side divides the loss of an example by the number of labels in its target."""
    side, other = ("Keras", "torch") if in_keras else ("torch", "Keras")
    what = f"{side} divides the loss of each example by the length of its target, {other} does not"
    line = "reduction='none' and a mean over examples"
    return what, "reduction='mean' in torch.nn.CTCLoss" if in_keras else line, line, ""


def _times(factor: float, power: int, outputs: Outputs) -> str:
    examples = {1: "the number of examples", -1: "one over the number of examples"}.get(power, "")
    constant = _constant(factor, outputs)
    return " and ".join(part for part in (constant, examples) if part) or "1"


def _constant(factor: float, outputs: Outputs) -> str:
    """Name a factor after what it counts, if it counts anything."""
    if isclose(factor, 1.0, rel_tol=1e-9):
        return ""
    rows, classes = prod(outputs.shapes[0][:-1]), (outputs.shapes[0] or (1,))[-1]
    counted = {
        "the outputs of the model": len(outputs.shapes),
        "the numbers on the last axis": classes,
        "the steps of an example": rows,
        "the numbers of an example": outputs.size,
    }
    for name, count in counted.items():
        for number, told_as in ((count, f"{count}, {name}"), (1 / count, f"1/{count}, one over {name}")):
            if count > 1 and isclose(factor, number, rel_tol=1e-9):
                return told_as
    return f"{factor:g}"


def smoothed(own: float, keras: float) -> Words:
    """Say by how much both sides smooth labels."""
    what = f"label smoothing is {keras:g} in Keras and {own:g} in torch"
    return (
        what,
        f"label_smoothing={keras:g} in torch's loss",
        f"label_smoothing={own:g} in Keras' loss",
        "label_smoothing",
    )


def masked(name: str) -> Words:
    """Say that padded steps count on one side only."""
    what = f"Keras leaves the steps where '{name}' is 0 out of the loss and divides by the real ones, torch counts all"
    return (
        what,
        f"the loss of outputs[{name} != 0] and targets[{name} != 0]",
        "no mask in Keras' model (mask_zero=False)",
        "",
    )


_DIVISORS = {
    "rows": "the number of all targets",
    "weights": "the sum of the batch's weights",
    "real rows": "the number of real steps",
}


def divided(own: str, keras: str) -> Words:
    """Say what each side divides by."""
    what = f"Keras divides the loss by {_DIVISORS[keras]}, torch by {_DIVISORS[own]}"
    entry = "sample_weights" if "weights" in (own, keras) else "masked_loss"
    return what, f"the loss divided by {_DIVISORS[keras]}", f"the loss divided by {_DIVISORS[own]}", entry


def weighed_outputs(factors: Sequence[float]) -> Words:
    """Say how much each output counts."""
    what = f"the losses of the outputs count {told(factors)} times as much in Keras as in torch, in this order"
    line = f"the losses of the outputs times {told(factors)} before they are added up"
    return what, line, f"weights of the outputs divided by {told(factors)}", ""


_MAPPED = {
    "log": (
        "Keras' loss takes the outputs for probabilities, torch's takes them for logits or logarithms",
        "no softmax or sigmoid in torch's model, or the negative log-likelihood of torch.log(outputs)",
        "from_logits=True in Keras' loss",
    ),
    "softmax": (
        "Keras' loss takes the outputs for logits and puts a softmax in front, torch's takes them as they are",
        "torch.softmax(outputs, -1) in front of the loss",
        "from_logits=False in Keras' loss",
    ),
    "log_softmax": (
        "Keras' loss takes the outputs for logits, torch's takes them for logarithms of probabilities",
        "nn.CrossEntropyLoss, or log_softmax in front of nn.NLLLoss",
        "what torch computes: the outputs themselves as logarithms of probabilities",
    ),
    "sigmoid": (
        "Keras' loss puts a sigmoid in front, torch's takes the outputs as they are",
        "torch.sigmoid(outputs) in front of the loss",
        "from_logits=False in Keras' loss",
    ),
    "logit": (
        "Keras' loss takes the outputs for probabilities, torch's takes them for logits",
        "nn.BCELoss in place of nn.BCEWithLogitsLoss, or no sigmoid in torch's model",
        "from_logits=True in Keras' loss",
    ),
    "exp": (
        "Keras' loss takes the exponential of the outputs, torch's takes them as they are",
        "torch.exp(outputs) in front of the loss",
        "no exponential in Keras' loss",
    ),
}


def mapped(name: str) -> Words:
    """Say what stands in front of the loss on one side only."""
    return *_MAPPED[name], "loss_on_logits"


def replaced(keras: Known, torch: Known | None, outputs: Outputs, left_out: int | None = None) -> Words:
    """Say what loss each side computes; torch's may leave out a class."""
    if torch and torch.spec == keras.spec == "CosineSimilarity" and torch.factor == keras.factor:
        return _of_tiny_norms(keras.settings["epsilon"], torch.settings["epsilon"])
    own, other = described(keras, outputs), described(torch, outputs) if torch else "another loss"
    what = (
        f"the loss is the {own} in Keras and the {other} in torch"
        if torch
        else f"Keras' loss is the {own}, torch's is not"
    )
    if left_out is not None:
        what = f"torch leaves targets of {left_out} out of the loss, Keras' is the {own} of all"
    entry = "squared_error_shapes" if torch and "every target" in torch.name else ""
    if torch and keras.name.partition(" of ")[0] == torch.name.partition(" of ")[0] and "entropy" in keras.name:
        entry = "loss_on_logits"
    return what, f"the {own} as torch's loss", f"the {other} as Keras' loss", entry


def overlapping(keras: Overlap, torch: Overlap | None) -> Words:
    """Say in what losses of Dice's kind differ: only in what is added to both sums, or in more."""
    lines = f"{keras.formula} as torch's loss", "torch's formula as Keras' loss"
    if torch is None:
        return f"Keras' loss is the {keras.form.name} loss {keras.formula}, with {SUMS}; torch's is not", *lines, ""
    lines = lines[0], f"{torch.formula} as Keras' loss"
    formulas = f"{keras.formula} in Keras and {torch.formula} in torch, with {SUMS}"
    if replace(keras, smooth=torch.smooth) == torch:
        what = (
            f"the smooth term of the {keras.form.name} loss is {_smooth(keras)} in Keras and {_smooth(torch)} in torch"
        )
        return f"{what}: {formulas}", *lines, "dice_smooth"
    return f"the losses compare what targets and outputs share in two ways: {formulas}", *lines, ""


def _smooth(one: Overlap) -> str:
    above, below = (f"{value:g}" for value in one.smooth)
    return above if above == below else f"{above} above and {below} below"


def _of_tiny_norms(keras: float, torch: float) -> Words:
    """Say how far a cosine similarity bounds norms from below: F.cosine_similarity does so in the value alone."""
    parts = " * ".join(f"F.normalize({one}, dim=-1, eps={keras:g})" for one in "xy")
    what = f"in the cosine similarity a norm counts as {keras:g} at the least in Keras, and as {torch:g} in torch"
    if keras == torch:
        what = (
            f"in the cosine similarity a norm counts as {keras:g} at the least, of which torch's gradient knows nothing"
        )
    return (
        what,
        f"-({parts}).sum(-1) in place of F.cosine_similarity",
        "twotrack.CosineSimilarity(), said once for both sides",
        "",
    )


ALREADY_NOUNS = ("error", "divergence", "target", "logits", "probabilities", "logarithms", "classes", "similarity", "1")


def described(known: Known, outputs: Outputs) -> str:
    """Return the name with settings and how it is summed."""
    settings = ", ".join(f"{name}={_shown(value)}" for name, value in known.settings.items() if name != "dense")
    times = _times(known.factor, known.power, outputs)
    loss = "" if known.name.endswith(ALREADY_NOUNS) else " loss"
    return f"{known.name}{loss}{f' ({settings})' if settings else ''}{f' times {times}' if times != '1' else ''}"


def _shown(value: float | str | None) -> str:
    return f"{value:g}" if isinstance(value, int | float) and not isinstance(value, bool) else str(value)


def left_out(keras: int, torch: int | None) -> Words:
    """Say which targets are left out."""
    own = f"those of {torch}" if torch is not None else "none"
    what = f"Keras leaves targets of {keras} out of the loss, torch {own}"
    return what, f"ignore_index={keras} in torch's loss", f"ignore_class={torch} in Keras' loss", ""


def by_example() -> Words:
    """Say that one side computes the loss for each example."""
    what = "Keras computes its loss for each example and takes the mean, torch one loss for all examples together"
    return what, "the loss of each example, then mean()", "one loss of the whole batch, with reduction='sum'", ""


def class_weighed(keras: Weights, torch: Weights | None) -> Words:
    """Say how the classes weigh, and what divides."""
    own, other = _weights_told(keras), _weights_told(torch) if torch else "something else"
    what = f"Keras computes {own}, torch {other}"
    if torch and keras[1] != torch[1] and _proportional(keras[0], torch[0]):
        divided = f"Keras divides by {_divisor(keras)}, torch by {_divisor(torch)}"
        what = f"both weigh the classes by {told(keras[0])}; {divided}"
    return what, f"{own} in torch's loss", f"{other} in Keras' loss", "class_weights"


def _weights_told(weights: Weights) -> str:
    if all(isclose(one, 1.0, rel_tol=1e-9) for one in weights[0]):
        return "the mean over the targets, every class alike"
    return f"the losses of the targets weighed by class ({told(weights[0])}) and divided by {_divisor(weights)}"


def _divisor(weights: Weights) -> str:
    return "the sum of the weights of the targets" if weights[1] else "the number of targets"


def _proportional(first: Sequence[float], second: Sequence[float]) -> bool:
    ratios = [a / b for a, b in zip(first, second, strict=True) if b]
    return bool(ratios) and all(isclose(one, ratios[0], rel_tol=1e-9) for one in ratios)
