"""The ledger's entries on losses and metrics."""

from twotrack.shared.ledger import evidence, reasons
from twotrack.shared.ledger.spec import Area, Behaviour, Difference, Effect, Makeup, Ratio, never_used


def _cross_entropy(makeup: Makeup) -> bool:
    return makeup.loss in {"cross_entropy", "binary_cross_entropy"}


ENTRIES: tuple[Difference, ...] = (
    Difference(
        slug="loss_on_logits",
        area=Area.LOSS,
        name="loss on logits or probabilities",
        torch=Behaviour(default="nn.CrossEntropyLoss expects logits", values={"takes logits": True}),
        keras=Behaviour(default="from_logits=False", values={"takes logits": False}),
        fix="keras.losses.SparseCategoricalCrossentropy(from_logits=True)",
        aligned="both losses get logits (keras_track/losses.py, torch_track/losses.py)",
        touches=_cross_entropy,
        effect=Effect(name="difference of the losses on the same outputs"),
        evidence=evidence.loss("from_logits"),
        kept=reasons.LOGITS,
    ),
    Difference(
        slug="label_smoothing",
        area=Area.LOSS,
        name="label smoothing",
        torch=Behaviour(default="0", values={"default": 0, "for integer labels": True}),
        keras=Behaviour(default="0", values={"default": 0, "for integer labels": False}),
        fix="the same label_smoothing in both losses",
        aligned="the recipe's, by one formula (keras_track/losses.py, torch_track/losses.py)",
        touches=lambda makeup: makeup.loss == "cross_entropy",
        effect=Effect(name="difference of the losses"),
        evidence=evidence.loss("label_smoothing"),
        kept=reasons.SAME,
    ),
    Difference(
        slug="class_weights",
        area=Area.LOSS,
        name="class weights",
        torch=Behaviour(default="by the sum of the weights", values={"weights 1 and 4, losses over log 2": 1.0}),
        keras=Behaviour(default="the sum is divided by N", values={"weights 1 and 4, losses over log 2": 2.5}),
        fix="nn.CrossEntropyLoss(weight, reduction='sum') / N",
        aligned="no chapter weights its classes",
        touches=never_used,
        effect=Ratio(name="loss, Keras over torch"),
    ),
    Difference(
        slug="saturated_bce",
        area=Area.LOSS,
        name="saturated binary cross-entropy",
        torch=Behaviour(default="at most 100", values={"largest loss": 100.0}),
        keras=Behaviour(default="at most 16.1", values={"largest loss": 16.118096}),
        fix="compute the loss from logits",
        aligned="both losses get logits (keras_track/losses.py, torch_track/losses.py)",
        touches=lambda makeup: makeup.loss == "binary_cross_entropy",
        effect=Effect(name="difference of the losses where the probability is 0"),
        kept=reasons.LOGITS,
    ),
    Difference(
        slug="kl_divergence",
        area=Area.LOSS,
        name="Kullback-Leibler divergence",
        torch=Behaviour(default="over all numbers", values={"the sum over (4, 3) is divided by": 12}),
        keras=Behaviour(default="the mean over the batch", values={"the sum over (4, 3) is divided by": 4}),
        fix="nn.KLDivLoss(reduction='batchmean')",
        aligned="no chapter uses it",
        touches=never_used,
        effect=Ratio(name="loss, Keras over torch"),
    ),
    Difference(
        slug="squared_error_shapes",
        area=Area.LOSS,
        name="targets (N,) for outputs (N, 1)",
        torch=Behaviour(default="compares N x N pairs", values={"loss of outputs that are right": 2.5}),
        keras=Behaviour(default="squeezes", values={"loss of outputs that are right": 0.0}),
        fix="targets of shape (N, 1)",
        aligned="as_targets in shared/spec/losses.py makes targets (N, 1)",
        touches=lambda makeup: makeup.loss == "mean_squared_error",
        effect=Effect(name="difference of the losses, four outputs that are right"),
        kept=reasons.FORM,
    ),
    Difference(
        slug="auc",
        area=Area.LOSS,
        name="ROC AUC",
        torch=Behaviour(default="none; scikit-learn's is exact", values={"area": 0.839331}),
        keras=Behaviour(default="200 thresholds", values={"area": 0.839804, "thresholds": 200}),
        fix="sklearn.metrics.roc_auc_score on the outputs",
        aligned="scikit-learn computes it from both tracks' logits (shared/evaluation/metrics.py)",
        touches=lambda makeup: makeup.metric == "roc_auc",
        effect=Effect(name="difference of the areas, 300 scores"),
        kept="scikit-learn judges every profile",
    ),
)
