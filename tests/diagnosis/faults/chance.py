"""What one side alone draws: dropout inside of recurrent layers, and random layers of images."""

from collections.abc import Callable
from typing import Any

from tests.conformance.planted import sequential
from tests.diagnosis.faults.fault import Fault, fault
from twotrack import Pair


def recurrent(kind: str, both: bool = False, **settings: Any) -> Pair:
    """A recurrent layer and a dense one; in torch without dropout, and with one bias."""

    def layer(k: Any) -> Any:
        made = getattr(k, kind)(3, return_sequences=True, name="steps", **settings)
        return k.Bidirectional(made, name="steps") if both else made

    inputs: Callable[[Any], Any] = lambda k: k.Input((4, 2))  # noqa: E731
    return Pair(sequential(inputs, layer, lambda k: k.Dense(2, name="last")), network(kind, both), (4, 2))


def network(kind: str, both: bool, inputs: int = 2, units: int = 3, last: bool = False) -> Callable[[], Any]:
    """Return a build function of torch's recurrent layer and a dense one, of all steps or of the last."""

    def build() -> Any:
        from torch import nn

        class Network(nn.Module):
            def __init__(self) -> None:
                super().__init__()
                made = {"SimpleRNN": nn.RNN, "GRU": nn.GRU, "LSTM": nn.LSTM}[kind]
                self.steps = made(inputs, units, batch_first=True, bidirectional=both)
                self.last = nn.Linear(units * (1 + both), 2)
                for name, bias in self.steps.named_parameters():
                    if name.startswith("bias_hh") and kind != "GRU":
                        nn.init.zeros_(bias)
                        bias.requires_grad_(False)

            def forward(self, x: Any) -> Any:
                steps = self.steps(x)[0]
                return self.last(steps[:, -1] if last else steps)

        return Network()

    return build


def _fault(pair: Pair, *words: str) -> Fault:
    return fault(pair, "dropout", "recurrent dropout", *words, "by masks that stay for the whole sequence")


def augmented(*layers: Callable[[Any], Any], noisy: bool = False) -> Pair:
    """Random layers in front of a dense one in Keras; in torch nothing, or noise in the model's own forward."""

    def build() -> Any:
        import torch
        from torch import nn

        class Network(nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.last = nn.Linear(32, 2)

            def forward(self, x: Any) -> Any:
                x = x + 0.3 * torch.rand_like(x) if noisy and self.training else x
                return self.last(x.flatten(1))

        return Network()

    inputs, flat = lambda k: k.Input((4, 4, 2)), lambda k: k.Flatten()
    return Pair(sequential(inputs, *layers, flat, lambda k: k.Dense(2, name="last")), build, (4, 4, 2))


FLIP, TURN = lambda k: k.RandomFlip(name="flip"), lambda k: k.RandomRotation(0.1, name="turn")
QUIET = "draw nothing"
CHANCE = {
    "RANDOM_LAYER": fault(augmented(FLIP), "dropout", QUIET, "Keras draws in training in 'flip' (RandomFlip), torch"),
    "RANDOM_LAYERS": fault(
        augmented(FLIP, TURN), "dropout", QUIET, "in 'flip' (RandomFlip) and 'turn' (RandomRotation), torch has nothing"
    ),
    "RANDOM_FORWARD": fault(
        augmented(noisy=True), "dropout", QUIET, "torch draws in training in the model itself (rand_like), Keras"
    ),
    "OTHER_NUMBERS": fault(
        augmented(FLIP, noisy=True), "dropout", QUIET, "what is random is not the same", "'flip' (RandomFlip)"
    ),
    "OF_BOTH_STATES": _fault(
        recurrent("LSTM", True, dropout=0.1, recurrent_dropout=0.2),
        "of rate 0.2 of the state of 'steps' and of rate 0.1 of what the steps of 'steps' are given",
    ),
    "OF_A_GATED_STATE": _fault(recurrent("GRU", recurrent_dropout=0.3), "dropout of rate 0.3 of the state of 'steps'"),
    "OF_STEPS": _fault(
        recurrent("SimpleRNN", dropout=0.25), "dropout of rate 0.25 of what the steps of 'steps' are given"
    ),
}
