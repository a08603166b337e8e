"""Pairs that are equal on ordinary inputs: some are one model, some differ elsewhere, each in one piece of a network.

A pair bears the name of its family and what it is made with: `CLAMP_300`. WRONG and HONEST list those of the tests;
any other can be verified by such a name.
"""

from collections.abc import Callable, Mapping

from tests.verify import range_modes, range_tokens, range_values, range_weights
from tests.verify.range_values import ACTIVATIONS
from twotrack import Pair

FAMILIES: Mapping[str, Callable[..., Pair]] = {
    name: made
    for module in (range_modes, range_tokens, range_values, range_weights)
    for name, made in vars(module).items()
    if getattr(made, "__module__", "") == module.__name__ and not name.startswith("_")
}

WRONG: Mapping[str, str] = {
    "RELU6_LAYER": "layer 'middle' (ReLU against ReLU6) differs by",
    "RELU6_FUNCTION": "between 'first' and 'last'",
    "HARDTANH_20": "on inputs of size",
    "CLAMP_3_KERAS_LAYER": "on inputs of size 10",
    "CLAMP_40": "between 'first' and 'last'",
    "CLAMP_1000_KERAS": "between 'first' and 'last'",
    "CLAMPED_INPUTS_5": "between the inputs and 'first'",
    "LEAKY_BEND_30": "differs by",
    "SOFTPLUS_12": "differs by",
    "SATURATED_60": "'narrow' has other values on the two sides on ordinary inputs already",
    "NORM_EPSILON_1E-14_1E-13": "layer 'middle' (LayerNormalization against LayerNorm)",
    "ZERO_PADDING": "between 'first' and 'last'",
    "BATCH_OF_1": "between 'first' and 'last': what comes out differs by 3.3e-01 at batch size 1",
    "BATCH_OF_7": "at batch size 7",
    "LENGTH_OVER_20": "an axis of 50 in place of 6",
    "ODD_LENGTHS": "an axis of 7 in place of 6",
    "IN_TRAINING_1": "in training mode",
    "BOUNDED_IN_TRAINING_40": "in training mode on values of size 100",
    "CALL_NUMBER_2": "in a second call",
    "ONE_TOKEN_1": "between 'embedding' and 'last'",
    "ALL_BUT_ONE_1": "differs by",
    "KERNEL_CLIP_20": "layer 'middle' (Own against Own) differs by",
    "KERNEL_NORM_1E-12_1E-14": "with weights 1e4 times as small",
    "HIDDEN_1E4": "between 'first' and 'last'",
    "ROW_NORM_50": "layer 'embedding' (Embedding against Embedding) differs by",
}
"""By what the verdict must say."""

EXCEPTED: Mapping[str, str] = {
    "MASKED_BY_LENGTH": "a mask has holes",
    "MASKED_ALL_1": "a mask hides everything",
}
"""Pairs that differ on masks of which nobody says that they are meant, by what the exception must say."""

HONEST = (
    *(f"ACTIVATION_{name.upper()}" for name in ACTIVATIONS), "LAYER_NORM_1E-5", "GROUP_NORM", "VARIANCE", "BILINEAR_3",
    "MAX_POOL", "PADDED_POOL", "USELESS_BOUND", "MASKED_MEAN", "OPEN_LENGTH",
    "KERNEL_CLIP_20_BOTH", "KERNEL_NORM_1E-12_1E-12", "ROW_NORM_1E9",
)  # fmt: skip


def __getattr__(name: str) -> Pair:
    """Return the pair of a family's name and its parameters, in capitals and joined by underscores."""
    own = name.lower()
    family = next((one for one in sorted(FAMILIES, key=len, reverse=True) if f"{own}_".startswith(f"{one}_")), None)
    if family is None:
        raise AttributeError(name)
    return FAMILIES[family](*filter(None, own[len(family) :].split("_")))
