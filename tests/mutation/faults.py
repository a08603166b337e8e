"""Faults in the code that trains, each planted in one track, and what an exact rung must say of it."""

from dataclasses import dataclass

from tests.mutation.plants import (
    KERAS,
    TORCH,
    Plant,
    a_frozen_weight_moves,
    a_weight_is_not_loaded,
    averaged_weights,
    clipped,
    decay_in_the_gradient,
    features_of_other_examples,
    forgets_momentum_at_an_epoch,
    frozen_statistics_move,
    gradients_through_float32,
    inference_in_training_mode,
    last_step_off,
    lower_from_step_15,
    no_decay_of_biases,
    no_zero_grad,
    noise_on_inputs,
    nothing_is_frozen,
    one_more_is_trained,
    rates,
    rebuilt_at_an_epoch,
    shifted,
    shuffled_labels,
    skipped_update,
    smoothed_loss,
    spec,
    stale,
    statistics_move_in_inference,
    summed_loss,
    the_same_order_in_every_epoch,
    twice,
    validation_on_other_examples,
    warm_up_is_not_undone,
    warm_up_leaves_the_optimizer,
    without_the_last_batch,
    without_the_last_parameter,
)


@dataclass(frozen=True)
class Fault:
    """One fault, in one track."""

    track: str
    subject: str
    """In tests/mutation/subjects.py."""
    rung: str
    """The exact rung that must fail."""
    told: str
    """What its message must hold."""
    plant: Plant


FAULTS: dict[str, Fault] = {
    "reversed schedule, Keras": Fault(KERAS, "NETWORK", "training", "step 1:", rates(KERAS, lambda r: r[::-1])),
    "reversed schedule, torch": Fault(TORCH, "CHAPTER", "training", "step 1:", rates(TORCH, lambda r: r[::-1])),
    "schedule one step early": Fault(TORCH, "NETWORK", "training", "step 1:", rates(TORCH, shifted)),
    "last learning rate off": Fault(KERAS, "NETWORK", "training", "step 20:", rates(KERAS, last_step_off)),
    "epsilon": Fault(TORCH, "NETWORK", "training", "differs by", spec(TORCH, epsilon=1e-6)),
    "beta_2": Fault(KERAS, "NETWORK", "training", "step 1:", spec(KERAS, beta_2=0.99)),
    "no Nesterov": Fault(KERAS, "MOMENTUM", "training", "step 1:", spec(KERAS, nesterov=False)),
    "no decay": Fault(TORCH, "MOMENTUM", "training", "step 1:", spec(TORCH, weight_decay=0.0)),
    "biases do not decay": Fault(KERAS, "NETWORK", "training", "bias' differs", no_decay_of_biases),
    "coupled decay": Fault(TORCH, "NETWORK", "optimizer", "step 1:", decay_in_the_gradient),
    "clipped gradients": Fault(KERAS, "MOMENTUM", "gradients", "the gradient of", clipped),
    "averaged weights": Fault(KERAS, "NETWORK", "training", "step 1:", averaged_weights),
    "no zero_grad": Fault(TORCH, "MOMENTUM", "training", "step 1:", no_zero_grad),
    "a weight is left out of the optimizer": Fault(
        TORCH, "NETWORK", "optimizer", "'logits.bias' differs", without_the_last_parameter
    ),
    "momentum forgotten at an epoch": Fault(TORCH, "MOMENTUM", "training", "step 11:", forgets_momentum_at_an_epoch),
    "optimizer rebuilt at an epoch": Fault(KERAS, "NETWORK", "training", "step 11:", rebuilt_at_an_epoch),
    "stale inputs": Fault(TORCH, "NETWORK", "training", "step 2:", stale(TORCH, "inputs", "train_step")),
    "stale targets": Fault(KERAS, "CHAPTER", "training", "step 2:", stale(KERAS, "targets", "fed")),
    "a step twice": Fault(TORCH, "CHAPTER", "training", "step 3:", twice(TORCH)),
    "a step without update": Fault(KERAS, "NETWORK", "training", "after the update", skipped_update(KERAS)),
    "warm-up is not undone, torch": Fault(TORCH, "CHAPTER", "gradients", "the loss is", warm_up_is_not_undone(TORCH)),
    "warm-up is not undone, Keras": Fault(KERAS, "NETWORK", "gradients", "the loss is", warm_up_is_not_undone(KERAS)),
    "warm-up leaves its mark on the optimizer": Fault(
        TORCH, "MOMENTUM", "training", "step 1:", warm_up_leaves_the_optimizer(TORCH)
    ),
    "last batch skipped, chapter": Fault(TORCH, "CHAPTER", "data", "torch 18 batches", without_the_last_batch),
    "last batch skipped, pair": Fault(KERAS, "NETWORK", "data", "Keras was fed 18 batches", without_the_last_batch),
    "shuffled labels": Fault(KERAS, "CHAPTER", "gradients", "the loss is", shuffled_labels),
    "one order for all epochs": Fault(TORCH, "CHAPTER", "data", "different bytes", the_same_order_in_every_epoch),
    "augmented on one side": Fault(KERAS, "CHAPTER", "data", "different bytes", noise_on_inputs),
    "inference in training mode": Fault(TORCH, "NETWORK", "forward", "norm", inference_in_training_mode),
    "statistics move in inference, torch": Fault(
        TORCH, "NETWORK", "training", "norm.moving", statistics_move_in_inference(TORCH)
    ),
    "statistics move in inference, Keras": Fault(
        KERAS, "NETWORK", "training", "norm.moving", statistics_move_in_inference(KERAS)
    ),
    "frozen statistics move": Fault(TORCH, "FINE_TUNED", "range", "in training mode", frozen_statistics_move),
    "nothing is frozen": Fault(TORCH, "FINE_TUNED", "range", "in training mode", nothing_is_frozen(TORCH)),
    "a frozen weight is trained": Fault(
        TORCH, "FINE_TUNED", "gradients", "'hidden.bias' is trained on one side only", one_more_is_trained(TORCH)
    ),
    "a frozen weight moves": Fault(TORCH, "FINE_TUNED", "training", "'hidden.kernel' differs", a_frozen_weight_moves),
    "summed loss": Fault(TORCH, "NETWORK", "loss", "in a batch of 2, the loss is", summed_loss),
    "a millionth in the loss": Fault(KERAS, "NETWORK", "loss", "loss alone: on", smoothed_loss),
    "gradients through float32": Fault(TORCH, "NETWORK", "gradients", "the gradient of", gradients_through_float32),
    "a weight is not loaded": Fault(KERAS, "NETWORK", "forward", "logits", a_weight_is_not_loaded),
    "validation on other examples": Fault(
        TORCH, "CHAPTER", "training", "validation loss", validation_on_other_examples
    ),
    "optimizer rebuilt at an epoch of a stage": Fault(TORCH, "STAGES", "training", "step 21:", rebuilt_at_an_epoch),
    "features of other examples": Fault(TORCH, "STAGES", "gradients", "the loss is", features_of_other_examples),
    "deep, momentum": Fault(KERAS, "DEEP MOMENTUM", "training", "step 1:", spec(KERAS, momentum=0.9001)),
    "deep, last learning rate off": Fault(KERAS, "DEEP MOMENTUM", "training", "step 20:", rates(KERAS, last_step_off)),
    "deep, a lower rate from step 15 on": Fault(
        TORCH, "DEEP MOMENTUM", "training", "step 15:", rates(TORCH, lower_from_step_15)
    ),
    "deep, optimizer rebuilt at an epoch": Fault(KERAS, "DEEP MOMENTUM", "training", "step 11:", rebuilt_at_an_epoch),
    "deep, momentum forgotten at an epoch": Fault(
        TORCH, "DEEP MOMENTUM", "training", "step 11:", forgets_momentum_at_an_epoch
    ),
    "deep, statistics move in inference": Fault(
        KERAS, "DEEP MOMENTUM", "training", ".moving", statistics_move_in_inference(KERAS)
    ),
    "deep, last learning rate of Lion off": Fault(
        KERAS, "DEEP LION", "training", "step 20:", rates(KERAS, last_step_off)
    ),
    "deep, Adam rebuilt at an epoch": Fault(KERAS, "DEEP LOUD", "training", "step 11:", rebuilt_at_an_epoch),
    "a stage freezes nothing": Fault(TORCH, "STAGES", "gradients", "trained on one side", nothing_is_frozen(TORCH)),
}
