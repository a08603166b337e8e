"""The ledger's entries on float64, and on what is kept in float32 where half precision is asked for."""

from twotrack.shared.ledger import reasons
from twotrack.shared.ledger.measured import Value
from twotrack.shared.ledger.spec import Area, Behaviour, Difference, Effect, always, never_used, with_layers

_IN_HALF = (
    "dense", "convolution", "embedding", "simple recurrence", "LSTM", "GRU", "matmul", "max pool", "average pool",
    "relu", "tanh", "sigmoid", "gelu", "softmax", "log-softmax", "residual sum",
)  # fmt: skip
_NORMS = ("batch norm", "layer norm", "group norm")
_IN_FLOAT32 = (*_NORMS, "mean", "cross-entropy", "binary cross-entropy", "squared error")
"""By Keras layers under a mixed policy."""


def _keras(half: str, **others: str) -> dict[str, Value]:
    own: dict[str, Value] = dict.fromkeys(_IN_HALF, half)
    own |= dict.fromkeys(_IN_FLOAT32, "float32") | {"attention": f"{half} and float32"}
    return own | {name.replace("_", " "): kind for name, kind in others.items()}


def _torch(half: str) -> dict[str, Value]:
    both = f"{half} and float32"
    return _keras(half, embedding="float32", mean=half, attention=half, LSTM=both, GRU=both) | dict.fromkeys(
        _NORMS, both
    )


_SCALING: dict[str, Value] = {
    "steps until it grows": 2000,
    "grows by": 2.0,
    "after infinity, times": 0.5,
    "a step with infinity is done": False,
}
_PRECISION = "keras_track/precision.py replaces it, in verification only"

ENTRIES: tuple[Difference, ...] = (
    Difference(
        slug="float64_policy",
        area=Area.FLOAT64,
        name="float64 by floatx alone",
        torch=Behaviour(default="layers become float64", values={"a new layer": "float64"}),
        keras=Behaviour(default="layers stay float32", values={"a new layer": "float32"}),
        fix="keras.config.set_dtype_policy('float64') too",
        aligned="keras_track/precision.py sets both, in verification only",
        touches=always,
        kept=reasons.VERIFICATION,
    ),
    Difference(
        slug="float64_promotion",
        area=Area.FLOAT64,
        name="promotion of float64",
        torch=Behaviour(default="to float64", values={"float64 with float64": "float64"}),
        keras=Behaviour(
            default="to float32, but on TensorFlow",
            values={"float64 with float64": "float32"},
            exceptions={"keras:tensorflow": {"float64 with float64": "float64"}},
        ),
        fix="twotrack.keras_track.precision.set_precision('float64')",
        aligned=_PRECISION,
        touches=always,
        effect=Effect(name="largest difference of a product of matrices", remaining=1e-14),
        kept=reasons.VERIFICATION,
    ),
    Difference(
        slug="float64_cast",
        area=Area.FLOAT64,
        name="Python numbers in float64",
        torch=Behaviour(default="exact", values={"0.999 is exact": True}),
        keras=Behaviour(default="TensorFlow rounds them to float32", values={"0.999 is exact": False}),
        fix="np.float64(...) for every hyperparameter",
        aligned=_PRECISION,
        touches=always,
        effect=Effect(name="difference of 0.999", remaining=1e-14),
        kept=reasons.VERIFICATION,
        tracks=("keras:tensorflow",),
    ),
    Difference(
        slug="float64_leaky_relu",
        area=Area.FLOAT64,
        name="leaky ReLU in float64",
        torch=Behaviour(default="exact", values={"slope 0.3 is exact": True}),
        keras=Behaviour(default="TensorFlow keeps the slope in float32", values={"slope 0.3 is exact": False}),
        fix="twotrack.keras_track.precision.set_precision('float64')",
        aligned=_PRECISION,
        touches=with_layers("LeakyReLU"),
        effect=Effect(name="difference of the outputs at -1", remaining=1e-14),
        kept=reasons.VERIFICATION,
        tracks=("keras:tensorflow",),
    ),
    Difference(
        slug="float64_attention",
        area=Area.FLOAT64,
        name="attention in float64",
        torch=Behaviour(default="exact", values={"softmax is float64": True}),
        keras=Behaviour(default="JAX's softmax is float32", values={"softmax is float64": False}),
        fix="twotrack.keras_track.precision.set_precision('float64')",
        aligned=_PRECISION,
        touches=with_layers("MultiHeadAttention"),
        effect=Effect(remaining=1e-14),
        kept=reasons.VERIFICATION,
        tracks=("keras:jax",),
    ),
    Difference(
        slug="mixed_bfloat16",
        area=Area.PRECISION,
        name="computed in float32 under mixed bfloat16",
        torch=Behaviour(
            default="autocast on a CPU: embeddings and losses; the statistics of normalisations and the states of "
            "LSTM and GRU; softmax and means stay in the type of what they are given",
            values=_torch("bfloat16"),
        ),
        keras=Behaviour(
            default="mixed_bfloat16: normalisations, means, losses, a part of attention",
            values=_keras("bfloat16"),
            exceptions={"keras:jax": dict.fromkeys(("softmax", "log-softmax"), "bfloat16 and float32")},
        ),
        fix="layers.Softmax(dtype='float32'), or torch.softmax(x.float(), -1).to(x.dtype) in both",
        aligned="not made equal; weights, loss, predictions are float32 (both track_model.py)",
        touches=lambda makeup: makeup.precision == "bfloat16",
        kept="--precision bfloat16 asks for each framework's own",
    ),
    Difference(
        slug="mixed_float16",
        area=Area.PRECISION,
        name="computed in float32 under mixed float16",
        torch=Behaviour(
            default="autocast on a CPU: as to bfloat16",
            values=_torch("float16"),
        ),
        keras=Behaviour(
            default="mixed_float16: normalisations, means, losses, a part of attention",
            values=_keras("float16"),
            exceptions={
                "keras:jax": dict.fromkeys(("softmax", "log-softmax"), "float16 and float32"),
                "keras:torch": {
                    **dict.fromkeys(("dense", "simple recurrence"), "float16 and float32"),
                    **dict.fromkeys(("matmul", "softmax", "log-softmax"), "float32"),
                },
            },
        ),
        fix="layers.Softmax(dtype='float32'), or torch.softmax(x.float(), -1).to(x.dtype) in both",
        aligned="no chapter is trained in mixed float16",
        touches=never_used,
    ),
    Difference(
        slug="loss_scaling",
        area=Area.PRECISION,
        name="loss scaling",
        torch=Behaviour(
            default="GradScaler from 65,536; what a schedule counts is its caller's to say",
            values={**_SCALING, "initial scale": 65536.0, "a schedule counts it": True},
        ),
        keras=Behaviour(
            default="LossScaleOptimizer from 32,768; a step that is left out is none of the schedule's",
            values={**_SCALING, "initial scale": 32768.0, "a schedule counts it": False},
        ),
        fix="torch.amp.GradScaler(init_scale=2.0**15), and schedule.step() only where the scale did not fall",
        aligned="no chapter is trained in mixed float16",
        touches=never_used,
    ),
)
