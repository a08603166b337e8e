"""The ledger's entries on what weighs in a loss: samples, steps, classes, and what it is divided by."""

from twotrack.shared.ledger.forms import in_no_chapter
from twotrack.shared.ledger.spec import Area, Difference, Effect, Ratio

_entry = in_no_chapter(Area.LOSS_WEIGHTS)

ENTRIES: tuple[Difference, ...] = (
    _entry(
        "sample_weights",
        "sample weights",
        "weights 1 and 4 of errors 1 and 1",
        torch=("the sum is divided by N", 2.5),
        keras=("the sum is divided by N", 2.5),
        fix="the same divisor in both; twotrack.SquaredError(weights='examples') divides by the number of terms",
        effect=Effect(name="difference of the losses"),
    ),
    _entry(
        "masked_loss",
        "padded steps in the loss",
        "loss of steps with errors 1 and 3, the second padded",
        torch=("every step counts", 2.0),
        keras=("a mask that the model sends along leaves them out, and the real ones divide", 1.0),
        fix="(loss * mask).sum() / mask.sum() in torch; twotrack.CrossEntropy(mask='tokens') in a pair",
        aligned="the losses of chapters see no mask",
        effect=Ratio(name="loss, Keras over torch"),
    ),
    _entry(
        "smoothed_class_weights",
        "class weights of smoothed labels",
        "whole rows are weighed",
        torch=("each class's share of a target is weighed by that class", False),
        keras=("class_weight weighs the whole of an example by its class", True),
        fix="F.cross_entropy(x, y, label_smoothing=s, reduction='none') * weight[y]",
        effect=Effect(name="difference of the losses"),
    ),
    _entry(
        "ctc_lengths",
        "CTC loss of targets of several lengths",
        "the sum of two labels' is divided by",
        torch=("each example's is divided by its target's length", 2.0),
        keras=("the mean over the examples", 1.0),
        fix="F.ctc_loss(..., reduction='sum') / N; twotrack.CTC() in a pair",
        effect=Ratio(name="loss, Keras over torch"),
    ),
    _entry(
        "cosine_similarity",
        "cosine similarity as a loss",
        "loss of equal vectors",
        torch=("1 - cos", 0.0),
        keras=("-cos", -1.0),
        fix="-F.cosine_similarity(x, y).mean(); twotrack.CosineSimilarity() in a pair",
        effect=Effect(name="difference of the losses"),
    ),
    _entry(
        "categorical_hinge",
        "hinge loss of several classes",
        "loss of scores 0, -2, -4 of class 1",
        torch=("the mean over the other classes", 1.0),
        keras=("the largest other score, 0 among them", 3.0),
        fix="(1 + others.amax(-1).clamp(min=0) - true).relu().mean() in torch",
        effect=Effect(name="difference of the losses"),
    ),
    _entry(
        "poisson_rates",
        "Poisson loss",
        "takes logarithms",
        torch=("log_input=True: of logarithms of rates", True),
        keras=("of rates", False),
        fix="nn.PoissonNLLLoss(log_input=False, eps=1e-7); twotrack.Poisson(takes='rates') in a pair",
        effect=Effect(name="difference of the losses on the same outputs"),
    ),
    _entry(
        "dice_smooth",
        "smooth term of a Dice loss",
        ("exists", "loss of targets and outputs that are 0"),
        torch=("none; code in use adds 1 or 1e-5 to both sums, which makes it 0", False),
        keras=("keras.losses.Dice adds epsilon(), 1e-7, to the denominator alone", True, 1.0),
        fix="the same smooth term on both sides: (2 * (x * y).sum() + s) / (x.sum() + y.sum() + s)",
    ),
)
