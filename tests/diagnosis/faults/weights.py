"""Weights that one side lacks, and statistics that move in another way."""

from collections.abc import Callable
from typing import Any

from tests.conformance.planted import modules, sequential
from tests.diagnosis.faults.fault import Fault, fault, frozen, plain
from twotrack import Pair


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
