"""Two models of a project that has twotrack in its tests."""

from typing import Any

from twotrack import CustomLoss, Pair


def build_torch() -> Any:
    from torch import nn

    class Network(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.hidden = nn.Linear(4, 3)
            self.norm = nn.LayerNorm(3)

        def forward(self, x: Any) -> Any:
            return self.norm(nn.functional.relu(self.hidden(x)))

    return Network()


def with_epsilon(epsilon: float) -> Any:
    import keras

    return keras.Sequential(
        [
            keras.Input((4,)),
            keras.layers.Dense(3, activation="relu", name="hidden"),
            keras.layers.LayerNormalization(epsilon=epsilon, name="norm"),
        ]
    )


def build_keras() -> Any:
    return with_epsilon(1e-5)


def build_other() -> Any:
    return with_epsilon(1e-3)


def build_probabilities() -> Any:
    import keras

    return keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, activation="softmax", name="hidden")])


def build_logits() -> Any:
    from torch import nn

    return nn.Sequential(nn.Identity(), nn.Linear(4, 3))


def loss_of_probabilities() -> Any:
    import keras

    return keras.losses.SparseCategoricalCrossentropy()


def loss_of_logits() -> Any:
    from torch import nn

    return nn.CrossEntropyLoss()


CROSS_ENTROPY = CustomLoss(loss_of_probabilities, loss_of_logits, "classes")
PAIR = Pair(keras=build_keras, torch=build_torch, input_shape=(4,))
