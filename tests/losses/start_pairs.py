"""A pair of layers whose initial weights both frameworks draw by rules of their own."""

from typing import Any

from tests.conformance.planted import sequential
from twotrack import Pair

keras = sequential(lambda k: k.Input((5, 20)), lambda k: k.LSTM(24, name="lstm"), lambda k: k.Dense(30, name="dense"))


def torch() -> Any:
    from torch import nn

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.lstm, self.dense = nn.LSTM(20, 24, batch_first=True), nn.Linear(24, 30)
            nn.init.zeros_(self.lstm.bias_hh_l0)
            self.lstm.bias_hh_l0.requires_grad_(False)

        def forward(self, x: Any) -> Any:
            return self.dense(self.lstm(x)[0][:, -1])

    return Net()


PAIR = Pair(keras, torch, (5, 20))
