"""Planted faults whose cause the ladder does not prove yet, and why; it names their rung and place all the same."""

BEHIND_MEAN = "what is left out is one step of a mean over all, of which the layer behind shows the mean alone"
HOOK = "what a hook of torch's optimizer does to gradients shows in no setting; only one kind of clipping is tried"
UNPROVED: dict[str, str] = {
    "mask_of_zero_0": BEHIND_MEAN,
    "output_weights_0": "weights of the numbers on the last axis of one output are not tried",
    "clipping_kind_and_flatten_order_9": HOOK,
    "norm_place_and_same_padding_5": "a block whose layers stand in another order takes several changes at once",
    "batch_norm_variance_and_decayed_weights_31": "where weights decay on one side, the running variance is not found",
}
"""By name of the fault."""
