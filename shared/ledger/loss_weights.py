"""The ledger's entries on what weighs in a loss: samples, steps, classes, and what it is divided by."""

from twotrack.shared.ledger.spec import Area, Behaviour, Difference, Effect, Ratio, never_used

_UNUSED = "no chapter uses it"

ENTRIES: tuple[Difference, ...] = (
    Difference(
        slug="sample_weights",
        area=Area.LOSS_WEIGHTS,
        name="sample weights",
        torch=Behaviour(default="the sum is divided by N", values={"weights 1 and 4 of errors 1 and 1": 2.5}),
        keras=Behaviour(default="the sum is divided by N", values={"weights 1 and 4 of errors 1 and 1": 2.5}),
        fix="the same divisor in both; twotrack.SquaredError(weights='examples') divides by the number of terms",
        aligned=_UNUSED,
        touches=never_used,
        effect=Effect(name="difference of the losses"),
    ),
    Difference(
        slug="masked_loss",
        area=Area.LOSS_WEIGHTS,
        name="padded steps in the loss",
        torch=Behaviour(
            default="every step counts", values={"loss of steps with errors 1 and 3, the second padded": 2.0}
        ),
        keras=Behaviour(
            default="a mask that the model sends along leaves them out, and the real ones divide",
            values={"loss of steps with errors 1 and 3, the second padded": 1.0},
        ),
        fix="(loss * mask).sum() / mask.sum() in torch; twotrack.CrossEntropy(mask='tokens') in a pair",
        aligned="the losses of chapters see no mask",
        touches=never_used,
        effect=Ratio(name="loss, Keras over torch"),
    ),
    Difference(
        slug="smoothed_class_weights",
        area=Area.LOSS_WEIGHTS,
        name="class weights of smoothed labels",
        torch=Behaviour(
            default="each class's share of a target is weighed by that class", values={"whole rows are weighed": False}
        ),
        keras=Behaviour(
            default="class_weight weighs the whole of an example by its class", values={"whole rows are weighed": True}
        ),
        fix="F.cross_entropy(x, y, label_smoothing=s, reduction='none') * weight[y]",
        aligned=_UNUSED,
        touches=never_used,
        effect=Effect(name="difference of the losses"),
    ),
    Difference(
        slug="ctc_lengths",
        area=Area.LOSS_WEIGHTS,
        name="CTC loss of targets of several lengths",
        torch=Behaviour(
            default="each example's is divided by its target's length",
            values={"the sum of two labels' is divided by": 2.0},
        ),
        keras=Behaviour(default="the mean over the examples", values={"the sum of two labels' is divided by": 1.0}),
        fix="F.ctc_loss(..., reduction='sum') / N; twotrack.CTC() in a pair",
        aligned=_UNUSED,
        touches=never_used,
        effect=Ratio(name="loss, Keras over torch"),
        tolerance=1e-5,
    ),
    Difference(
        slug="cosine_similarity",
        area=Area.LOSS_WEIGHTS,
        name="cosine similarity as a loss",
        torch=Behaviour(default="1 - cos", values={"loss of equal vectors": 0.0}),
        keras=Behaviour(default="-cos", values={"loss of equal vectors": -1.0}),
        fix="-F.cosine_similarity(x, y).mean(); twotrack.CosineSimilarity() in a pair",
        aligned=_UNUSED,
        touches=never_used,
        effect=Effect(name="difference of the losses"),
    ),
    Difference(
        slug="categorical_hinge",
        area=Area.LOSS_WEIGHTS,
        name="hinge loss of several classes",
        torch=Behaviour(default="the mean over the other classes", values={"loss of scores 0, -2, -4 of class 1": 1.0}),
        keras=Behaviour(
            default="the largest other score, 0 among them", values={"loss of scores 0, -2, -4 of class 1": 3.0}
        ),
        fix="(1 + others.amax(-1).clamp(min=0) - true).relu().mean() in torch",
        aligned=_UNUSED,
        touches=never_used,
        effect=Effect(name="difference of the losses"),
    ),
    Difference(
        slug="poisson_rates",
        area=Area.LOSS_WEIGHTS,
        name="Poisson loss",
        torch=Behaviour(default="log_input=True: of logarithms of rates", values={"takes logarithms": True}),
        keras=Behaviour(default="of rates", values={"takes logarithms": False}),
        fix="nn.PoissonNLLLoss(log_input=False, eps=1e-7); twotrack.Poisson(takes='rates') in a pair",
        aligned=_UNUSED,
        touches=never_used,
        effect=Effect(name="difference of the losses on the same outputs"),
    ),
)
