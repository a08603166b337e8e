"""Faults in the training of small pairs, each with the words that must name it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.conformance.planted import modules, sequential
from twotrack import CustomLoss, CustomOptimizer, Input, Pair


@dataclass(frozen=True)
class Fault:
    """A pair with one fault, and what its cause must say."""

    pair: Pair
    rung: str
    words: tuple[str, ...]
    kinds: frozenset[str]
    """Of the changes that prove it."""
    count: int = 1
    """Of causes that are proved: a frozen normalisation neither averages nor trains."""


def fault(pair: Pair, rung: str, kind: str, *words: str) -> Fault:
    return Fault(pair, rung, words, frozenset({kind}))


def plain(outputs: int = 3, keras: Any = None, torch: Any = None, **rest: Any) -> Pair:
    """Two dense layers with tanh between; `keras` are settings of the first dense layer."""
    own = dict(keras or {})
    return Pair(
        keras=sequential(
            lambda k: k.Input((5,)),
            lambda k: k.Dense(4, activation="tanh", name="first", **{n: make() for n, make in own.items()}),
            lambda k: k.Dense(outputs, name="last"),
        ),
        torch=torch
        or modules(first=lambda nn: nn.Linear(5, 4), tanh=lambda nn: nn.Tanh(), last=lambda nn: nn.Linear(4, outputs)),
        input_shape=(5,),
        **rest,
    )


# === Losses ===


def keras_loss(name: str, **settings: Any) -> Callable[[], Any]:
    def build() -> Any:
        import keras

        return getattr(keras.losses, name)(**settings)

    return build


def torch_loss(name: str, weight: list[float] | None = None, **settings: Any) -> Callable[[], Any]:
    def build() -> Any:
        import torch
        from torch import nn

        more = {} if weight is None else {"weight": torch.tensor(weight, dtype=torch.float64)}
        made = getattr(nn, name)(**settings, **more)
        return lambda outputs, targets: made.to(outputs.dtype)(outputs, targets)

    return build


def halved() -> Any:
    from torch.nn import functional

    return lambda outputs, targets: functional.mse_loss(outputs, targets) / 2


def squeezed() -> Any:
    from torch.nn import functional

    return lambda outputs, targets: functional.mse_loss(outputs.squeeze(-1), targets)


def by_width() -> Any:
    """Weigh the outputs, which have two widths."""
    from torch.nn import functional

    return lambda outputs, targets: (0.25 if outputs.shape[1] == 3 else 4.0) * functional.mse_loss(outputs, targets)


def two_outputs() -> Any:
    import keras

    x = keras.Input((5,))
    first = keras.layers.Dense(4, activation="tanh", name="first")(x)
    return keras.Model(x, [keras.layers.Dense(3, name="wide")(first), keras.layers.Dense(1, name="narrow")(first)])


def torch_two_outputs() -> Any:
    from torch import nn

    class Two(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.wide, self.narrow = nn.Linear(5, 4), nn.Linear(4, 3), nn.Linear(4, 1)

        def forward(self, x):
            x = self.first(x).tanh()
            return self.wide(x), self.narrow(x)

    return Two()


def on(target: str, keras: Callable, torch: Callable, outputs: int = 3) -> Pair:
    return plain(outputs, loss=CustomLoss(keras, torch, target))  # type: ignore[arg-type]


MSE, TORCH_MSE = keras_loss("MeanSquaredError"), torch_loss("MSELoss")
CROSS_ENTROPY = keras_loss("SparseCategoricalCrossentropy", from_logits=True)
BINARY = keras_loss("BinaryCrossentropy", from_logits=True)

LOSSES = {
    "SUMMED_IN_KERAS": fault(
        on("real", keras_loss("MeanSquaredError", reduction="sum"), TORCH_MSE),
        "loss", "loss", "Keras sums the loss over the batch and torch takes a mean",
    ),
    "SUMMED_IN_TORCH": fault(
        on("real", MSE, torch_loss("MSELoss", reduction="sum")),
        "loss", "loss", "torch sums the loss over the batch and Keras takes a mean", "1/3",
    ),
    "HALF": fault(on("real", MSE, halved), "loss", "loss", "Keras' loss is torch's times 2"),
    "ABSOLUTE": fault(
        on("real", keras_loss("MeanAbsoluteError"), TORCH_MSE),
        "loss", "loss", "the absolute error in Keras and the squared error in torch",
    ),
    "HUBER_DELTA": fault(
        on("real", keras_loss("Huber", delta=2.5), torch_loss("HuberLoss")),
        "loss", "loss", "Huber loss (delta=2.5) in Keras and the Huber loss (delta=1) in torch",
    ),
    "BROADCAST": fault(
        on("real", MSE, squeezed, outputs=1),
        "loss", "loss", "the squared error in Keras and the squared error of every output and every target in torch",
    ),
    "BINARY_SMOOTHING": fault(
        on("binary", keras_loss("BinaryCrossentropy", from_logits=True, label_smoothing=0.2),
           torch_loss("BCEWithLogitsLoss")),
        "loss", "loss", "label smoothing is 0.2 in Keras and 0 in torch",
    ),
    "TORCH_SMOOTHING": fault(
        on("classes", CROSS_ENTROPY, torch_loss("CrossEntropyLoss", label_smoothing=0.15)),
        "loss", "loss", "label smoothing is 0 in Keras and 0.15 in torch",
    ),
    "BINARY_PROBABILITIES": fault(
        on("binary", BINARY, torch_loss("MSELoss")),
        "loss", "loss", "the binary cross-entropy of logits in Keras and the squared error in torch",
    ),
    "NO_LOG_SOFTMAX": fault(
        on("classes", CROSS_ENTROPY, torch_loss("NLLLoss")),
        "loss", "loss", "torch's takes them for logarithms of probabilities",
    ),
    "IGNORED_CLASS": fault(
        on("classes", keras_loss("SparseCategoricalCrossentropy", from_logits=True, ignore_class=1),
           torch_loss("CrossEntropyLoss")),
        "loss", "loss", "Keras leaves targets of 1 out of the loss",
    ),
    "CLASS_WEIGHTS": fault(
        on("classes", CROSS_ENTROPY, torch_loss("CrossEntropyLoss", weight=[0.5, 1.0, 2.0])),
        "loss", "loss", "every class alike", "torch the losses of the targets weighed by class",
    ),
    "WEIGHED_OUTPUTS": fault(
        Pair(two_outputs, torch_two_outputs, (5,), CustomLoss(MSE, by_width, "real")),
        "loss", "loss", "count 4, 0.25 times as much in Keras",
    ),
}  # fmt: skip


# === Optimizers ===


def keras_optimizer(name: str, **settings: Any) -> Callable[[], Any]:
    def build() -> Any:
        import keras

        made = {key: value() if callable(value) else value for key, value in settings.items()}
        return getattr(keras.optimizers, name)(**made)

    return build


def torch_optimizer(name: str, **settings: Any) -> Callable[[Any], Any]:
    def build(parameters: Any) -> Any:
        import torch

        return getattr(torch.optim, name)(parameters, **settings)

    return build


def staircase() -> Any:
    import keras

    return keras.optimizers.schedules.ExponentialDecay(0.1, decay_steps=4, decay_rate=0.5, staircase=True)


def stepping(parameters: Any) -> Any:
    """The same schedule, but a step at every call."""
    import torch

    optimizer = torch.optim.SGD(parameters, lr=0.1)
    schedule = torch.optim.lr_scheduler.StepLR(optimizer, 1, gamma=0.5)
    optimizer.register_step_post_hook(lambda *_: schedule.step())
    return optimizer


def excluding() -> Any:
    import keras

    optimizer = keras.optimizers.SGD(0.1, weight_decay=0.05)
    optimizer.exclude_from_weight_decay(var_names=["bias"])
    return optimizer


def by(keras: Callable, torch: Callable, **first: Callable) -> Pair:
    return plain(keras=first, optimizer=CustomOptimizer(keras, torch))


def of_sgd(**settings: Any) -> Pair:
    return by(keras_optimizer("SGD", learning_rate=0.1, **settings), torch_optimizer("SGD", lr=0.1))


def limit(kind: str, *numbers: float) -> Callable[[], Any]:
    def build() -> Any:
        import keras

        return getattr(keras.constraints, kind)(*numbers)

    return build


def penalty(kind: str, size: float) -> Callable[[], Any]:
    def build() -> Any:
        import keras

        return getattr(keras.regularizers, kind)(size)

    return build


ADAM = torch_optimizer("Adam", lr=0.01)


def clipping(parameters: Any) -> Any:
    """Clip before every step, in a hook of which no setting tells."""
    import torch

    kept = list(parameters)
    optimizer = torch.optim.SGD(kept, lr=0.1)

    def clip(*_: Any) -> None:
        torch.nn.utils.clip_grad_norm_(kept, 0.5)

    optimizer.register_step_pre_hook(clip)
    return optimizer


def by_hand(parameters: Any) -> Any:
    """Plain descent, with a mistake."""
    import torch

    class Descent(torch.optim.Optimizer):
        def __init__(self, parameters):
            super().__init__(parameters, {"lr": 0.1})

        @torch.no_grad()
        def step(self, closure=None):
            for group in self.param_groups:
                for weight in group["params"]:
                    if weight.grad is not None:
                        weight.sub_(group["lr"] * weight.grad.clamp(-3, 3))

    return Descent(parameters)


UPDATES = {
    "RATE": fault(
        by(keras_optimizer("SGD"), torch_optimizer("SGD", lr=0.05)), "optimizer", "update",
        "the learning rate is 0.01 in Keras and 0.05 in torch",
    ),
    "STAIRCASE": fault(
        by(keras_optimizer("SGD", learning_rate=staircase), stepping), "optimizer", "update",
        "one schedule, which goes on every 4 steps in Keras, at every step in torch",
    ),
    "MOMENTUM": fault(of_sgd(momentum=0.8), "optimizer", "update", "momentum is 0.8 in Keras and 0 in torch"),
    "NESTEROV": fault(
        by(keras_optimizer("SGD", learning_rate=0.1, momentum=0.9, nesterov=True),
           torch_optimizer("SGD", lr=0.1, momentum=0.9)),
        "optimizer", "update", "nesterov is True in Keras and False in torch",
    ),
    "DAMPENING": fault(
        by(keras_optimizer("SGD", learning_rate=0.1, momentum=0.9),
           torch_optimizer("SGD", lr=0.1, momentum=0.9, dampening=0.1)),
        "optimizer", "update", "dampening is 0 in Keras and 0.1 in torch",
    ),
    "BETAS": fault(
        by(keras_optimizer("Lion", learning_rate=0.01, beta_1=0.8), torch_optimizer("Adam", lr=0.01)),
        "optimizer", "update", "Keras updates by lion, torch by adam",
    ),
    "AMSGRAD": fault(
        by(keras_optimizer("Adam", learning_rate=0.01, amsgrad=True), ADAM), "optimizer", "update",
        "amsgrad is True in Keras and False in torch",
    ),
    "SECOND_BETA": fault(
        by(keras_optimizer("Adam", learning_rate=0.01, beta_2=0.99), ADAM), "optimizer", "update",
        "beta_2 is 0.99 in Keras and 0.999 in torch",
    ),
    "CENTERED": fault(
        by(keras_optimizer("RMSprop", learning_rate=0.01, centered=True), torch_optimizer("RMSprop", lr=0.01)),
        "optimizer", "update", "rho is 0.9 in Keras and 0.99 in torch", "sqrt(v + epsilon)", "centered is True",
    ),
    "ACCUMULATOR": fault(
        by(keras_optimizer("Adagrad", learning_rate=0.1), torch_optimizer("Adagrad", lr=0.1)), "optimizer", "update",
        "initial is 0.1 in Keras and 0 in torch",
    ),
    "ADADELTA": fault(
        by(keras_optimizer("Adadelta", learning_rate=1.0, rho=0.95), torch_optimizer("Adadelta", lr=1.0)),
        "optimizer", "update", "rho is 0.95 in Keras and 0.9 in torch", "epsilon is 1e-07 in Keras and 1e-06 in torch",
    ),
    "ADAMAX": fault(
        by(keras_optimizer("Adamax", learning_rate=0.01), torch_optimizer("Adamax", lr=0.01)), "optimizer", "update",
        "epsilon",
    ),
    "NADAM": fault(
        by(keras_optimizer("Nadam", learning_rate=0.01), torch_optimizer("NAdam", lr=0.01)), "optimizer", "update",
        "momentum_decay is 1 in Keras and 0.004 in torch",
    ),
    "DECOUPLED": fault(
        by(keras_optimizer("SGD", learning_rate=0.1, momentum=0.9, weight_decay=0.05),
           torch_optimizer("SGD", lr=0.1, momentum=0.9, weight_decay=0.05)),
        "optimizer", "update", "decoupled", "torch adds 0.05 times the weight to the gradient",
    ),
    "EXCLUDED": fault(
        by(excluding, torch_optimizer("SGD", lr=0.1, weight_decay=0.05)), "optimizer", "update",
        "Keras does not decay the weight of 'first.bias', 'last.bias'",
    ),
    "PENALTY": fault(
        by(keras_optimizer("SGD", learning_rate=0.1), torch_optimizer("SGD", lr=0.1),
           kernel_regularizer=penalty("L2", 0.03)),
        "optimizer", "update", "L2 of 0.03", "'first.kernel'", "torch does not decay",
    ),
    "ABSOLUTE_PENALTY": fault(
        by(keras_optimizer("SGD", learning_rate=0.1), torch_optimizer("SGD", lr=0.1),
           kernel_regularizer=penalty("L1", 0.02)),
        "optimizer", "update", "L1 penalty of 0.02 of 'first.kernel'",
    ),
    "CLIPPED_NORM": fault(of_sgd(clipnorm=0.5), "optimizer", "update", "Keras clips gradients (clipnorm=0.5)"),
    "CLIPPED_GLOBALLY": fault(
        of_sgd(global_clipnorm=0.5), "optimizer", "update", "Keras clips gradients (global_clipnorm=0.5)"
    ),
    "CLIPPED_VALUE": fault(of_sgd(clipvalue=0.5), "optimizer", "update", "Keras clips gradients (clipvalue=0.5)"),
    "HOOKED": fault(
        by(keras_optimizer("SGD", learning_rate=0.1, momentum=0.5), clipping), "optimizer", "update",
        "momentum is 0.5 in Keras and 0 in torch", "does more at a step than the settings of SGD say",
    ),
    "HOOKED_ALONE": fault(
        by(keras_optimizer("SGD", learning_rate=0.1), clipping), "optimizer", "update",
        "does more at a step than the settings of SGD say",
    ),
    "BY_HAND": fault(
        by(keras_optimizer("SGD", learning_rate=0.1), by_hand), "optimizer", "update",
        "Keras updates by sgd, torch by Descent",
    ),
    "AVERAGED": fault(
        of_sgd(use_ema=True, ema_momentum=0.9, ema_overwrite_frequency=5), "optimizer", "update",
        "moving average (momentum 0.9)", "every 5 steps",
    ),
    "GATHERED": fault(
        of_sgd(gradient_accumulation_steps=4), "optimizer", "update", "Keras updates every 4 steps"
    ),
    "LARGEST_NORM": fault(
        by(keras_optimizer("SGD", learning_rate=0.1), torch_optimizer("SGD", lr=0.1),
           kernel_constraint=limit("MaxNorm", 0.7)),
        "optimizer", "update", "MaxNorm of 0.7 along axis 0", "'first.kernel'",
    ),
    "NOT_NEGATIVE": fault(
        by(keras_optimizer("SGD", learning_rate=0.1), torch_optimizer("SGD", lr=0.1),
           kernel_constraint=limit("NonNeg")),
        "optimizer", "update", "NonNeg", "'first.kernel'",
    ),
}  # fmt: skip


# === Gradients ===


def frozen(name: str, build: Callable[[], Any]) -> Callable[[], Any]:
    """Return a build function of Keras whose layer of that name is not trained."""

    def made() -> Any:
        model = build()
        model.get_layer(name).trainable = False
        return model

    return made


def frozen_in_torch(name: str, build: Callable[[], Any]) -> Callable[[], Any]:
    def made() -> Any:
        module = build()
        module.get_submodule(name).requires_grad_(False)
        return module

    return made


def stopping() -> Any:
    """No gradient flows through the second layer's input."""
    import keras

    x = keras.Input((5,))
    first = keras.layers.Dense(4, activation="tanh", name="first")(x)
    return keras.Model(x, keras.layers.Dense(3, name="last")(keras.ops.stop_gradient(first)))


def doubling() -> Any:
    """Twice the gradient flows through the second layer's input."""
    import keras

    x = keras.Input((5,))
    first = keras.layers.Dense(4, activation="tanh", name="first")(x)
    doubled = 2 * first - keras.ops.stop_gradient(first)
    return keras.Model(x, keras.layers.Dense(3, name="last")(doubled))


def detached() -> Any:
    from torch import nn

    class Detached(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.last = nn.Linear(5, 4), nn.Linear(4, 3)

        def forward(self, x):
            return self.last(self.first(x).tanh().detach())

    return Detached()


def tagger(padding: int | None) -> Callable[[], Any]:
    def build() -> Any:
        from torch import nn

        class Tagger(nn.Module):
            def __init__(self):
                super().__init__()
                self.table, self.last = nn.Embedding(6, 4, padding_idx=padding), nn.Linear(4, 2)

            def forward(self, tokens):
                return self.last(self.table(tokens))

        return Tagger()

    return build


KERAS_TAGGER = sequential(
    lambda k: k.Input((7,), dtype="int32"), lambda k: k.Embedding(6, 4, name="table"), lambda k: k.Dense(2, name="last")
)


def normalised(momentum: float = 0.9) -> Callable[[], Any]:
    return sequential(
        lambda k: k.Input((5,)),
        lambda k: k.Dense(4, name="first"),
        lambda k: k.BatchNormalization(epsilon=1e-5, momentum=momentum, name="norm"),
        lambda k: k.Dense(3, name="last"),
    )


def torch_normalised(biased: bool = True) -> Callable[[], Any]:
    def norm(nn: Any) -> Any:
        from twotrack.torch_track.layers import BatchNorm1d

        return BatchNorm1d(4) if biased else nn.BatchNorm1d(4)

    return modules(first=lambda nn: nn.Linear(5, 4), norm=norm, last=lambda nn: nn.Linear(4, 3))


PLAIN = plain()
GRADIENTS = {
    "FROZEN_IN_KERAS": fault(
        Pair(frozen("first", PLAIN.keras), PLAIN.torch, (5,)), "gradients", "trained",
        "'first.kernel', 'first.bias' are trained in torch and not in Keras",
    ),
    "FROZEN_IN_TORCH": fault(
        Pair(PLAIN.keras, frozen_in_torch("first", PLAIN.torch), (5,)), "gradients", "trained",
        "'first.kernel', 'first.bias' are trained in Keras and not in torch",
    ),
    "STOPPED": fault(
        Pair(stopping, PLAIN.torch, (5,)), "gradients", "gradient",
        "no gradient reaches", "'first.kernel'", "in Keras",
    ),
    "SCALED": fault(
        Pair(doubling, PLAIN.torch, (5,)), "gradients", "gradient",
        "the gradient of 'first.kernel', 'first.bias' is 2 times as large in Keras as in torch",
    ),
    "DETACHED": fault(
        Pair(PLAIN.keras, detached, (5,)), "gradients", "call", "torch lets no gradient flow back", "'first.kernel'"
    ),
    "PADDING": fault(
        Pair(KERAS_TAGGER, tagger(2), Input((7,), kind="tokens", size=6), "cross_entropy"),
        "gradients", "hyperparameter", "torch does not train row 2 of 'table' (padding_idx)",
    ),
    "ACTIVITY": fault(
        plain(keras={"activity_regularizer": penalty("L2", 0.01)}), "gradients", "loss",
        "Keras adds 0.01 times the squares of what 'first' gives",
    ),
}  # fmt: skip


# === Weights and statistics ===


def recurrent(kind: str) -> Pair:
    def torch() -> Any:
        from torch import nn

        class Network(nn.Module):
            def __init__(self):
                super().__init__()
                self.recurrent, self.last = getattr(nn, kind)(3, 4, batch_first=True), nn.Linear(4, 2)

            def forward(self, x):
                return self.last(self.recurrent(x)[0][:, -1])

        return Network()

    name = {"RNN": "SimpleRNN"}.get(kind, kind)
    keras = sequential(
        lambda k: k.Input((4, 3)), lambda k: getattr(k, name)(4, name="recurrent"), lambda k: k.Dense(2, name="last")
    )
    return Pair(keras, torch, (4, 3))


def without_bias(nn: Any) -> Any:
    return nn.Linear(5, 4, bias=False)


def no_bias() -> bool:
    return False


WEIGHTS = {
    "SECOND_BIAS": fault(
        recurrent("LSTM"), "parameters", "drop", "torch trains 'recurrent.bias_hh_l0' beside the first bias"
    ),
    "SECOND_BIAS_OF_RNN": fault(recurrent("RNN"), "parameters", "drop", "which doubles the step of their sum"),
    "BIAS_IN_KERAS": fault(
        plain(torch=modules(first=without_bias, tanh=lambda nn: nn.Tanh(), last=lambda nn: nn.Linear(4, 3))),
        "parameters", "add weight", "'first' has a bias in Keras and none in torch",
    ),
    "BIAS_IN_TORCH": fault(
        plain(keras={"use_bias": no_bias}), "parameters", "remove weight",
        "'first' has a bias in torch and none in Keras",
    ),
    "STATISTICS_MOMENTUM": fault(
        Pair(normalised(0.7), torch_normalised(), (5,)), "training", "hyperparameter",
        "keep 0.7 of themselves at every step in Keras, 0.9 in torch",
    ),
    "STATISTICS_VARIANCE": fault(
        Pair(normalised(), torch_normalised(biased=False), (5,)), "training", "statistics", "the biased variance",
    ),
    "STATISTICS_FROZEN": Fault(
        Pair(frozen("norm", normalised()), torch_normalised(), (5,)), "range",
        ("the running statistics of 'norm' stay as they are in Keras",), frozenset({"statistics"}), 2,
    ),
}  # fmt: skip

FAULTS = LOSSES | UPDATES | GRADIENTS | WEIGHTS
globals().update({name: one.pair for name, one in FAULTS.items()})  # a pair is found by its name in a module
