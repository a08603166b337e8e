"""What a ladder feeds to both sides: inputs, targets and weights, the same in every process."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod, sqrt
from zlib import crc32

import numpy as np
import xxhash

from twotrack.shared.verify.pair import Input, Pair


@dataclass(frozen=True)
class Material:
    """Batches for the ladder: the first also serves forward and gradients."""

    inputs: list[dict[str, np.ndarray]]
    """Per batch, by input name: (batch, ...), channels last."""
    known_targets: list[np.ndarray] | None
    """Real targets of the model's only output per batch; None where they are drawn to fit the outputs."""

    @property
    def fingerprint(self) -> str:
        """XXH3-128 of all bytes."""
        digest = xxhash.xxh3_128()
        for batch in self.inputs:
            for name in sorted(batch):
                digest.update(np.ascontiguousarray(batch[name]))
        for targets in self.known_targets or []:
            digest.update(targets)
        return digest.hexdigest()

    def targets(self, step: int, output_shapes: Sequence[tuple[int, ...]], kind: str) -> list[np.ndarray]:
        """Return one target per output of the model, for the batch at `step`."""
        if self.known_targets is not None:
            return [self.known_targets[step]]
        generator = np.random.default_rng([step, crc32(b"targets")])
        return [_draw_target(generator, shape, kind) for shape in output_shapes]


def _draw_target(generator: np.random.Generator, shape: tuple[int, ...], kind: str) -> np.ndarray:
    if kind == "classes":
        return generator.integers(0, shape[-1], shape[:-1])
    return generator.integers(0, 2, shape).astype(float) if kind == "binary" else generator.normal(size=shape)


def draw_material(pair: Pair, batches: int) -> Material:
    """Draw random batches for a pair that has no data of its own."""
    return Material(
        [
            {name: _draw_input(one, pair.batch_size, [step, crc32(name.encode())]) for name, one in pair.inputs.items()}
            for step in range(batches)
        ],
        None,
    )


def _draw_input(one: Input, batch_size: int, seed: list[int]) -> np.ndarray:
    generator = np.random.default_rng(seed)
    shape = (batch_size, *one.shape)
    if one.kind == "tokens":
        return generator.integers(0, one.size, shape)
    if one.kind == "mask":  # a different number of real entries per example, at least one, at the front
        lengths = generator.integers(1, one.shape[-1] + 1, (*shape[:-1], 1))
        return np.arange(one.shape[-1]) < lengths
    return generator.normal(size=shape)


def draw_weights(shapes: Mapping[str, tuple[int, ...]]) -> dict[str, np.ndarray]:
    """Draw float64 weights for which no term of a layer is zero or one, so that none can be left out unseen.

    Each name has a stream of its own: two models agree on every weight that has one name and shape.
    """
    return {name: _draw_weight(name, shape) for name, shape in shapes.items()}


def _draw_weight(name: str, shape: tuple[int, ...]) -> np.ndarray:
    generator = np.random.default_rng([crc32(name.encode()), len(shape)])
    kind = name.rpartition(".")[2]
    if kind == "moving_variance":
        return generator.uniform(0.5, 1.5, shape)
    centre = {"gamma": 1.0, "alpha": 0.25}.get(kind, 0.0)
    if len(shape) < 2 or kind in {"bias", "alpha"}:
        return centre + 0.1 * generator.normal(size=shape)
    return generator.normal(size=shape) / sqrt(max(1, prod(shape[:-1])))
