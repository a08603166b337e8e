"""Penalties and constraints: factors of two, biases that are held too, axes, and weight decay in their place."""

from collections.abc import Callable
from typing import Any

from tests.losses.held_pairs import linear, sgd_decaying
from tests.mixups.mixup import mixup
from twotrack import SGD, CustomPenalty, Pair
from twotrack.shared.spec.regularisation import L2, Activity, MaxNorm, NonNegative, Orthogonal, UnitNorm

C = 0.01


def keras_held(make: Callable[[Any], dict[str, Any]]) -> Callable[[], Any]:
    """Return a build function of Keras; `make` maps keras to arguments of the first layer."""

    def build() -> Any:
        import keras

        hidden = keras.layers.Dense(6, activation="tanh", name="hidden", **make(keras))
        return keras.Sequential([keras.Input((8,)), hidden, keras.layers.Dense(3, name="out")])

    return build


PLAIN = keras_held(lambda k: {})
FIRST = "hidden.kernel"


def pair(keras: Any = PLAIN, penalties: Any = (), constraints: Any = (), **rest: Any) -> Pair:
    return Pair(keras, linear, (8,), penalties=penalties, constraints=constraints, **{"optimizer": SGD(0.1), **rest})


def by_hand(value: Callable[[Any], Any]) -> tuple[CustomPenalty, ...]:
    """Return a penalty as people write it in torch, of the module."""
    return (CustomPenalty(value),)


def regularizer(name: str, **settings: Any) -> Callable[[], Any]:
    return keras_held(lambda k: {"kernel_regularizer": getattr(k.regularizers, name)(**settings)})


def constraint(name: str, *numbers: float, **settings: Any) -> Callable[[], Any]:
    return keras_held(lambda k: {"kernel_constraint": getattr(k.constraints, name)(*numbers, **settings)})


def orthogonal(module: Any) -> Any:
    weight = module.hidden.weight  # (outputs, inputs)
    product = weight @ weight.T
    return C * (product - product.new_ones(len(product)).diag()).square().sum()


def off_diagonal(module: Any) -> Any:
    weight = module.hidden.weight
    product = weight @ weight.T
    return C * (product - product.diag().diag()).square().sum()


HELD = (
    mixup(
        "L2",
        "half of it, or none in front of a squared norm",
        "gradients",
        pair(regularizer("L2", l2=C), by_hand(lambda m: C * m.hidden.weight.square().sum())),
        (
            pair(regularizer("L2", l2=C / 2), by_hand(lambda m: C * m.hidden.weight.square().sum())),
            r"0.005 \* sum\(w\^2\) in Keras and 0.01 \* sum\(w\^2\) in torch",
        ),
        (
            pair(
                regularizer("L2", l2=C),
                by_hand(lambda m: C * (m.hidden.weight.square().sum() + m.hidden.bias.square().sum())),
            ),
            r"'hidden.bias' the loss holds nothing in Keras",
        ),
    ),
    mixup(
        "L2.of_weight_decay",
        "the number of a penalty as weight decay, or on every weight",
        "optimizer",
        pair(penalties=(L2.of_weight_decay(C, sides="keras"),), optimizer=sgd_decaying(C, False)),
        (pair(penalties=(L2(C, sides="keras"),), optimizer=sgd_decaying(C, False)), "0.02 times the weight"),
        (pair(penalties=(L2.of_weight_decay(C, sides="keras"),), optimizer=sgd_decaying(C, True)), "'.*bias'"),
    ),
    mixup(
        "L1",
        "squares in its place",
        "gradients",
        pair(regularizer("L1", l1=C), by_hand(lambda m: C * m.hidden.weight.abs().sum())),
        (pair(regularizer("L2", l2=C), by_hand(lambda m: C * m.hidden.weight.abs().sum())), r"sum\(w\^2\) in Keras"),
        (pair(regularizer("L1", l1=C), by_hand(lambda m: C * m.hidden.weight.abs().mean())), r"sum\(\|w\|\) in Keras"),
    ),
    mixup(
        "Orthogonal",
        "rows or columns, and only what is off the diagonal",
        "gradients",
        pair(penalties=(Orthogonal(C, weights=FIRST, sides="keras"), CustomPenalty(orthogonal))),
        (pair(penalties=(Orthogonal(C / 2, weights=FIRST, sides="keras"), CustomPenalty(orthogonal))), "orthogonal"),
        (pair(penalties=(Orthogonal(C, weights=FIRST, sides="keras"), CustomPenalty(off_diagonal))), "orthogonal"),
    ),
    mixup(
        "Activity",
        "a mean over the batch, or a sum",
        "gradients",
        pair(
            keras_held(lambda k: {"activity_regularizer": k.regularizers.L2(C)}),
            (Activity("hidden", l2=C, sides="torch", torch_layer="tanh"),),
        ),
        (
            pair(
                keras_held(lambda k: {"activity_regularizer": k.regularizers.L2(2 * C)}),
                (Activity("hidden", l2=C, sides="torch", torch_layer="tanh"),),
            ),
            "squares of what 'hidden' gives",
        ),
        (pair(keras_held(lambda k: {"activity_regularizer": k.regularizers.L2(C)})), "squares of what 'hidden' gives"),
    ),
    mixup(
        "MaxNorm",
        "the axis that the norm is over, and none at all",
        "optimizer",
        pair(constraint("MaxNorm", 0.6, axis=0), constraints=(MaxNorm(limit=0.6, sides="torch", weights=FIRST),)),
        (
            pair(constraint("MaxNorm", 0.6, axis=1), constraints=(MaxNorm(limit=0.6, sides="torch", weights=FIRST),)),
            "MaxNorm of 0.6 along axis 1.*torch holds a constraint MaxNorm of 0.6 along axis 0",
        ),
        (pair(constraint("MaxNorm", 0.6, axis=0)), "MaxNorm of 0.6 along axis 0"),
    ),
    mixup(
        "UnitNorm",
        "the axis that the norm is over, and none at all",
        "optimizer",
        pair(constraint("UnitNorm", axis=0), constraints=(UnitNorm(sides="torch", weights=FIRST),)),
        (
            pair(constraint("UnitNorm", axis=1), constraints=(UnitNorm(sides="torch", weights=FIRST),)),
            "UnitNorm along axis 1",
        ),
        (pair(constraint("UnitNorm", axis=0)), "UnitNorm along axis 0"),
    ),
    mixup(
        "NonNegative",
        "biases that are held too, and none at all",
        "optimizer",
        pair(constraint("NonNeg"), constraints=(NonNegative(sides="torch", weights=FIRST),)),
        (
            pair(
                keras_held(
                    lambda k: {"kernel_constraint": k.constraints.NonNeg(), "bias_constraint": k.constraints.NonNeg()}
                ),
                constraints=(NonNegative(sides="torch", weights=FIRST),),
            ),
            "NonNeg to the weight of 'hidden.bias'",
        ),
        (pair(constraint("NonNeg")), "NonNeg to the weight of 'hidden.kernel'"),
    ),
)
