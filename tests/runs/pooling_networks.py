"""Small networks with ReLU and pooling in many orders."""

from torch import Tensor, nn


class Plain(nn.Module):
    def __init__(self, pool: nn.Module | None = None, activation: nn.Module | None = None):
        super().__init__()
        self.conv, self.relu = nn.Conv2d(1, 3, 3), activation or nn.ReLU()
        self.pool = pool or nn.MaxPool2d(2)

    def forward(self, x: Tensor) -> Tensor:
        return self.pool(self.relu(self.conv(x)))


class Shifted(nn.ReLU):
    """Not monotonic."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) - 2 * x


class WithPlaces(Plain):
    """Where the largest number was is asked for."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x)[0]


class LookedAt(Plain):
    """What ReLU gives goes elsewhere too."""

    def forward(self, x: Tensor) -> Tensor:
        active = self.relu(self.conv(x))
        return self.pool(active) + active.mean()


class Twice(Plain):
    """One ReLU and one pooling, called twice."""

    def forward(self, x: Tensor) -> Tensor:
        return self.pool(self.relu(self.pool(self.relu(self.conv(x)))))


class Branching(Plain):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) if x.sum() > 0 else self.conv(x)


class Nested(nn.Module):
    """What lies in a layer of the user's own stays as it is."""

    def __init__(self) -> None:
        super().__init__()
        self.inner, self.pool = Plain(), nn.MaxPool2d(2)

    def forward(self, x: Tensor) -> Tensor:
        return self.pool(self.inner(x))


NETWORKS: dict[str, type[nn.Module] | object] = {
    "plain": Plain,
    "padded": lambda: Plain(nn.MaxPool2d(3, stride=2, padding=1, ceil_mode=True)),
    "twice": Twice,
    "looked at": LookedAt,
    "average": lambda: Plain(nn.AvgPool2d(2)),
    "another activation": lambda: Plain(activation=nn.GELU()),
    "derived": lambda: Plain(activation=Shifted()),
    "with places": lambda: WithPlaces(nn.MaxPool2d(2, return_indices=True)),
    "branching": Branching,
    "nested": Nested,
}
