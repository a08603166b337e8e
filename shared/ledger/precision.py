"""The ledger's entries on float64."""

from twotrack.shared.ledger import reasons
from twotrack.shared.ledger.spec import Area, Behaviour, Difference, Effect, always, with_layers

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
)
