"""The ledger's entries on losses and metrics."""

from twotrack.shared.differences import evidence
from twotrack.shared.differences.spec import Difference, Makeup, never_used


def _cross_entropy(makeup: Makeup) -> bool:
    return makeup.loss in {"cross_entropy", "binary_cross_entropy"}


ENTRIES: tuple[Difference, ...] = (
    Difference(
        "loss_on_logits", "loss", "loss on logits or probabilities",
        "from_logits=False", "nn.CrossEntropyLoss expects logits",
        "keras.losses.SparseCategoricalCrossentropy(from_logits=True)",
        "both losses get logits (keras_track/losses.py, torch_track/losses.py)",
        {"takes logits": False}, {"takes logits": True}, _cross_entropy,
        "difference of the losses on the same outputs", evidence.loss_fact("from_logits"),
    ),
    Difference(
        "label_smoothing", "loss", "label smoothing", "0", "0",
        "the same label_smoothing in both losses", "no smoothing (keras_track/losses.py, torch_track/losses.py)",
        {"default": 0, "for integer labels": False}, {"default": 0, "for integer labels": True},
        lambda makeup: makeup.loss == "cross_entropy",
        "difference of the losses", evidence.loss_fact("label_smoothing"),
    ),
    Difference(
        "class_weights", "loss", "class weights", "the sum is divided by N", "by the sum of the weights",
        "nn.CrossEntropyLoss(weight, reduction='sum') / N", "no chapter weights its classes",
        {"weights 1 and 4, losses over log 2": 2.5}, {"weights 1 and 4, losses over log 2": 1.0}, never_used,
        "loss, Keras over torch", compare="ratio",
    ),
    Difference(
        "saturated_bce", "loss", "saturated binary cross-entropy", "at most 16.1", "at most 100",
        "compute the loss from logits", "both losses get logits (keras_track/losses.py, torch_track/losses.py)",
        {"largest loss": 16.118096}, {"largest loss": 100.0}, lambda makeup: makeup.loss == "binary_cross_entropy",
        "difference of the losses where the probability is 0",
    ),
    Difference(
        "kl_divergence", "loss", "Kullback-Leibler divergence", "the mean over the batch", "over all numbers",
        "nn.KLDivLoss(reduction='batchmean')", "no chapter uses it",
        {"the sum over (4, 3) is divided by": 4}, {"the sum over (4, 3) is divided by": 12}, never_used,
        "loss, Keras over torch", compare="ratio",
    ),
    Difference(
        "squared_error_shapes", "loss", "targets (N,) for outputs (N, 1)", "squeezes", "compares N x N pairs",
        "targets of shape (N, 1)", "as_targets in shared/losses.py makes targets (N, 1)",
        {"loss of outputs that are right": 0.0}, {"loss of outputs that are right": 2.5},
        lambda makeup: makeup.loss == "mean_squared_error", "difference of the losses, four outputs that are right",
    ),
    Difference(
        "auc", "loss", "ROC AUC", "200 thresholds", "none; scikit-learn's is exact",
        "sklearn.metrics.roc_auc_score on the outputs", "scikit-learn computes it from both tracks' logits "
        "(shared/metrics.py)",
        {"area": 0.839804, "thresholds": 200}, {"area": 0.839331}, lambda makeup: makeup.metric == "roc_auc",
        "difference of the areas, 300 scores",
    ),
)  # fmt: skip
