"""The ledger's entries on penalties and constraints of weights."""

from twotrack.shared.ledger.spec import Area, Behaviour, Difference, Ratio, never_used

_UNUSED = "no chapter uses it"

ENTRIES: tuple[Difference, ...] = (
    Difference(
        slug="weight_penalties",
        area=Area.REGULARISATION,
        name="L2 penalty and weight decay",
        torch=Behaviour(
            default="weight_decay=c of SGD adds c * w to the gradient of every parameter",
            values={"gradient of a weight of 1, over c": 1.0, "biases too": True},
        ),
        keras=Behaviour(
            default="L2(c) adds c * w^2 to the loss, so 2 c * w to the gradient, of the kernel it is given to",
            values={"gradient of a weight of 1, over c": 2.0, "biases too": False},
        ),
        fix="weight_decay=2 * c for the kernels alone in torch; twotrack.L2(c) in a pair",
        aligned=_UNUSED,
        touches=never_used,
        effect=Ratio(name="gradient, Keras over torch"),
    ),
    Difference(
        slug="max_norm",
        area=Area.REGULARISATION,
        name="maximum norm of weights",
        torch=Behaviour(
            default="torch.renorm leaves alone what is within", values={"moves weights within the limit": False}
        ),
        keras=Behaviour(
            default="multiplies by norm / (norm + 1e-7) at every step", values={"moves weights within the limit": True}
        ),
        fix="the factor limit / norm where the norm is larger, alone; twotrack.MaxNorm(limit=...) in a pair",
        aligned=_UNUSED,
        touches=never_used,
    ),
    Difference(
        slug="activity_penalty",
        area=Area.REGULARISATION,
        name="penalty of what a layer gives",
        torch=Behaviour(
            default="none: whoever writes (output ** 2).sum() adds up the batch",
            values={"is divided by the batch": False},
        ),
        keras=Behaviour(
            default="activity_regularizer is divided by the batch size", values={"is divided by the batch": True}
        ),
        fix="c * (output ** 2).sum() / len(output); twotrack.Activity('layer', l2=c) in a pair",
        aligned=_UNUSED,
        touches=never_used,
        effect=Ratio(name="penalty, Keras over torch"),
    ),
)
