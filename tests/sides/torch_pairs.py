"""Pairs of two torch models: before and after a refactoring, honest and wrong, and compiled."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from twotrack import SGD, Input, Pair

WIDTH, HEADS, STEPS, TOKENS = 8, 2, 5, 11


class Attention(nn.Module):
    """Self-attention of two heads, written out."""

    def __init__(self) -> None:
        super().__init__()
        self.query_key_value = nn.Linear(WIDTH, 3 * WIDTH)
        self.out = nn.Linear(WIDTH, WIDTH)

    def forward(self, x: Tensor) -> Tensor:
        batch, steps, _ = x.shape
        heads = self.query_key_value(x).view(batch, steps, 3, HEADS, -1).permute(2, 0, 3, 1, 4)
        return self.out(self.weighed(*heads).transpose(1, 2).reshape(batch, steps, WIDTH))

    def weighed(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        scores = query @ key.transpose(-1, -2) / (WIDTH // HEADS) ** 0.5
        return scores.softmax(-1) @ value


class Fused(Attention):
    """The same by torch's own function."""

    scale: float | None = None

    def weighed(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        return functional.scaled_dot_product_attention(query, key, value, scale=self.scale)


class WronglyScaled(Fused):
    scale = 0.4


class Block(nn.Module):
    """A block of a Transformer, pre-norm."""

    def __init__(self, attention: nn.Module, epsilon: float = 1e-5, residual: bool = True, rate: float = 0.0):
        super().__init__()
        self.table = nn.Embedding(TOKENS, WIDTH)
        self.norm = nn.LayerNorm(WIDTH, eps=epsilon)
        self.attention = attention
        self.dropout = nn.Dropout(rate)
        self.final = nn.LayerNorm(WIDTH)
        self.head = nn.Linear(WIDTH, TOKENS)
        self.residual = residual

    def forward(self, ids: Tensor) -> Tensor:
        x = self.table(ids)
        given = self.dropout(self.attention(self.norm(x)))
        return self.head(self.final(x + given if self.residual else given))


def before() -> nn.Module:
    return Block(Attention(), rate=0.2)


def after() -> nn.Module:
    return Block(Fused(), rate=0.2)


def other_epsilon() -> nn.Module:
    return Block(Attention(), epsilon=1e-3, rate=0.2)


def without_residual() -> nn.Module:
    return Block(Attention(), residual=False, rate=0.2)


def other_scale() -> nn.Module:
    return Block(WronglyScaled(), rate=0.2)


def other_rate() -> nn.Module:
    return Block(Attention(), rate=0.3)


def _pair(one: Any, other: Any, **settings: Any) -> Pair:
    return Pair(torch=(one, other), input_shape=Input((STEPS,), "tokens", TOKENS), loss="cross_entropy", **settings)


FUSED = _pair(before, after)
EPSILON = _pair(before, other_epsilon)
RESIDUAL = _pair(before, without_residual)
SCALE = _pair(before, other_scale)
RATE = _pair(before, other_rate)


class Plain(nn.Module):
    """A small network of numbers."""

    def __init__(self, first: str = "first", last: str = "last"):
        super().__init__()
        self.names = first, last
        self.add_module(first, nn.Linear(6, 5))
        self.add_module(last, nn.Linear(5, 3))

    def forward(self, x: Tensor) -> Tensor:
        first, last = (self.get_submodule(name) for name in self.names)
        return last(torch.tanh(first(x)))


def plain() -> nn.Module:
    return Plain()


def renamed() -> nn.Module:
    return Plain("encoder", "decoder")


RENAMED = Pair(
    torch=(plain, renamed),
    input_shape=(6,),
    optimizer=SGD(learning_rate=0.1, momentum=0.9),
    rename={"first": "encoder", "last": "decoder"},
)


def compiled() -> nn.Module:
    return torch.compile(Block(Fused(), rate=0.2), backend="aot_eager")


def compiled_inside() -> nn.Module:
    block = Block(Attention(), rate=0.2)
    block.attention = torch.compile(block.attention, backend="eager")
    return block


def miscompiling(graph: Any, given: Any) -> Any:
    """A backend that forgets the first addition or activation."""
    for node in graph.graph.nodes:
        if node.op == "call_function" and any(name in str(node.target) for name in ("add", "relu")):
            node.replace_all_uses_with(node.args[0])
            break
    graph.recompile()
    return graph.forward


def miscompiled() -> nn.Module:
    return torch.compile(Block(Attention(), rate=0.2), backend=miscompiling)


def without_compiler(graph: Any, given: Any) -> Any:
    raise RuntimeError("No working C++ compiler found")


def not_compiled() -> nn.Module:
    return torch.compile(Block(Attention()), backend=without_compiler)


def of_torchs_layers() -> nn.Module:
    return nn.Sequential(nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 3))


def miscompiled_layers() -> nn.Module:
    return torch.compile(of_torchs_layers(), backend=miscompiling)


COMPILED = _pair(before, compiled)
COMPILED_INSIDE = _pair(before, compiled_inside)
MISCOMPILED = _pair(before, miscompiled)
MISCOMPILED_LAYERS = Pair(torch=(of_torchs_layers, miscompiled_layers), input_shape=(6,))
NOT_COMPILED = _pair(before, not_compiled)
