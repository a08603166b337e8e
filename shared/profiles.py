"""Profiles: which entries of the ledger are as each framework has them by default, and which are aligned.

aligned: none of them is, so that every track is one model trained in one way. native: all of SWITCHES are. Between the
two, any set: `twotrack ablate` switches one at a time. A switch changes the track whose default it is; where the
aligned value is a framework's own default already, that track has nothing to change.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from types import MappingProxyType
from typing import Any, TypeVar

from twotrack.shared.errors import UserError, unknown

ALIGNED, NATIVE = "aligned", "native"
PROFILES = (ALIGNED, NATIVE)

INITIALISATION = ("dense_start", "convolution_start", "embedding_start", "recurrent_start", "attention_start")
"""Switched together they are --own-start: no weights are loaded but pretrained ones."""

SWITCHES = (
    *INITIALISATION,
    "batch_norm_epsilon",
    "batch_norm_momentum",
    "batch_norm_variance",
    "layer_norm_epsilon",
    "second_recurrent_bias",
    "leaky_relu_slope",
    "adam_epsilon",
    "adam_epsilon_place",
    "weight_decay",
    "momentum_under_schedule",
    "rmsprop_epsilon",
    "sparse_embedding_gradients",
)
"""Slugs of the ledger's entries that can be switched, in the order of a table."""

OUTPUTS = ("batch_norm_epsilon", "layer_norm_epsilon", "leaky_relu_slope")
"""Switches that change what given weights answer, and not only how they are trained."""

_STATED = "the chapter states it, in every profile"
_SAME = "both frameworks do the same by default"
_FORM = "a form in which one model is written, in every profile"
_LOOP = "the loop of both tracks is shared (shared/harness/fitting.py)"
_CHECK = "float64 is for verification only"

KEPT: Mapping[str, str] = MappingProxyType(
    {
        "same_padding": _STATED,
        "max_pool_padding": _STATED,
        "average_pool_padding": _STATED,
        "prelu_alpha": _STATED,
        "dropout_rate": _STATED,
        "fused_activation": _FORM,
        "encoder_block": _STATED,
        "group_norm_epsilon": _STATED,
        "vit_epsilon": "it belongs to the pretrained weights",
        "bert_gelu": "it belongs to the pretrained weights",
        "pretrained_networks": "it belongs to the pretrained weights",
        "embedding_padding": _STATED,
        "frozen_batch_norm": _STATED,
        "flatten_order": "it numbers the units of one model in another order",
        "data_format": _FORM,
        "kernel_layout": _FORM,
        "lstm_gates": _SAME,
        "gru_gates": _FORM,
        "gru_reset": _SAME,
        "gelu": _SAME,
        "elu_and_hard_sigmoid": _SAME,
        "biases": _SAME,
        "resizing": _SAME,
        "momentum": _SAME,
        "recurrent_dropout": "dropout is a layer of its own, in every profile",
        "dropout_masks": "each framework draws its own, in every profile",
        "derivative_at_zero": "each framework has its own, in every profile",
        "leaky_derivative_at_zero": "each framework has its own, in every profile",
        "attention_mask": _FORM,
        "loss_on_logits": "the models' outputs are logits, in every profile",
        "saturated_bce": "the models' outputs are logits, in every profile",
        "label_smoothing": _SAME,
        "squared_error_shapes": _FORM,
        "auc": "scikit-learn judges every profile",
        "learning_rate": _STATED,
        "weight_decay_size": _STATED,
        "rmsprop_defaults": _STATED,
        "lion": _STATED,
        "sophia": _STATED,
        "decay_exclusion": _SAME,
        "cosine_end": _STATED,
        "schedule_steps": _LOOP,
        "fit_batches": _LOOP,
        "seeding": _LOOP,
        "early_stopping": _LOOP,
        "variables_of_one_path": "a fault, not a choice",
        "variable_reads": "a fault, not a choice",
        "float64_policy": _CHECK,
        "float64_promotion": _CHECK,
        "float64_cast": _CHECK,
        "float64_leaky_relu": _CHECK,
        "float64_attention": _CHECK,
    }
)
"""Why the ledger's other entries that touch a chapter are not switched."""

Value = TypeVar("Value")


class Switches:
    """The switches of one run, and which of them had something to change."""

    def __init__(self, names: Iterable[str] = ()):
        self.names = frozenset(names)
        self.acted: set[str] = set()

    def apply(self, functions: Mapping[str, Callable[..., bool]], *what: Any) -> None:
        """Call the switched ones of functions that change something and tell whether they did."""
        self.acted |= {name for name, change in functions.items() if name in self.names and change(*what)}

    def fold(self, functions: Mapping[str, Callable[[Value], Value]], value: Value) -> Value:
        """Return what the switched ones of functions make of a value, one after the other."""
        for name, change in functions.items():
            if name in self.names and (changed := change(value)) is not value:
                self.acted.add(name)
                value = changed
        return value

    def own_weights(self, own: Mapping[str, Any]) -> dict[str, Any]:
        """Return those of a new model's own weights, by canonical name, with which it is to start."""
        entries = {name: initialisation(name, own) for name in own}
        self.acted |= self.names.intersection(entries.values())
        return {name: own[name] for name, entry in entries.items() if entry in self.names}


def initialisation(name: str, weights: Mapping[str, Any]) -> str | None:
    """Return the entry of the ledger on a weight's initial value; None for weights that start alike everywhere."""
    layer, _, kind = name.rpartition(".")
    if f"{layer}.recurrent_kernel" in weights:
        return "recurrent_start"
    if kind == "embeddings":
        return "embedding_start"
    if layer.rpartition(".")[2] in {"query", "key", "value", "attention_output"}:
        return "attention_start"
    if f"{layer}.kernel" not in weights:
        return None
    return "dense_start" if weights[f"{layer}.kernel"].ndim == 2 else "convolution_start"


def switched(profile: str, own_start: bool | None) -> tuple[str, ...]:
    """Return what a profile switches; without a word on the start, native has its own. UserError for no profile."""
    if profile not in PROFILES:
        raise unknown("--profile", profile, PROFILES)
    own = profile == NATIVE if own_start is None else own_start
    return tuple(name for name in SWITCHES if (own if name in INITIALISATION else profile == NATIVE))


def require_outputs(names: Collection[str], trained_on: str, track: str) -> None:
    """Require that a track answers as the run of `trained_on` does that switched `names`; UserError if it does not."""
    kept = [name for name in OUTPUTS if name in names]
    if kept and trained_on.partition(":")[0] != track.partition(":")[0]:
        raise UserError(
            f"the run on {trained_on} has that framework's own {', '.join(kept)}, so its weights answer otherwise on "
            f"{track}; use a track of the run's framework, or train with --profile aligned."
        )


def describe(names: Collection[str]) -> str:
    """Return a set of switches in words, such as 'aligned, own start'."""
    for profile in PROFILES:
        for own_start, start in ((False, "same start"), (True, "own start")):
            if set(names) == set(switched(profile, own_start)):
                return f"{profile}, {start}"
    return f"{ALIGNED} but for {', '.join(names)}"
