"""The ledger's entries on penalties and constraints of weights."""

from twotrack.shared.ledger.forms import in_no_chapter
from twotrack.shared.ledger.spec import Area, Difference, Ratio

_entry = in_no_chapter(Area.REGULARISATION)

ENTRIES: tuple[Difference, ...] = (
    _entry(
        "weight_penalties",
        "L2 penalty and weight decay",
        ("gradient of a weight of 1, over c", "biases too"),
        torch=("weight_decay=c of SGD adds c * w to the gradient of every parameter", 1.0, True),
        keras=("L2(c) adds c * w^2 to the loss, so 2 c * w to the gradient, of the kernel it is given to", 2.0, False),
        fix="weight_decay=2 * c for the kernels alone in torch; twotrack.L2(c) in a pair",
        effect=Ratio(name="gradient, Keras over torch"),
    ),
    _entry(
        "max_norm",
        "maximum norm of weights",
        "moves weights within the limit",
        torch=("torch.renorm leaves alone what is within", False),
        keras=("multiplies by norm / (norm + 1e-7) at every step", True),
        fix="the factor limit / norm where the norm is larger, alone; twotrack.MaxNorm(limit=...) in a pair",
    ),
    _entry(
        "activity_penalty",
        "penalty of what a layer gives",
        "is divided by the batch",
        torch=("none: whoever writes (output ** 2).sum() adds up the batch", False),
        keras=("activity_regularizer is divided by the batch size", True),
        fix="c * (output ** 2).sum() / len(output); twotrack.Activity('layer', l2=c) in a pair",
        effect=Ratio(name="penalty, Keras over torch"),
    ),
)
