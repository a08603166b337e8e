"""Evidence on its way to the parent: what is written is what is read, and each array once."""

from pathlib import Path

import numpy as np

from twotrack.shared.spec.probe import LayerTrace
from twotrack.shared.verify import evidence
from twotrack.shared.verify.trace import Trace


def test_what_a_layer_gives_and_the_next_one_takes_is_written_once(tmp_path: Path) -> None:
    given, between, last = (np.random.default_rng(seed).normal(size=1000) for seed in range(3))
    layers = [
        LayerTrace("a", "Dense", True, {}, [given], [between]),
        LayerTrace("b", "Dense", True, {}, [between], [last]),
    ]

    folder = evidence.save(Trace(layers=layers), tmp_path / "trace")
    read = evidence.load(Trace, folder).layers

    assert (folder / evidence.ARRAYS).stat().st_size < 3 * given.nbytes + 300
    for one, other in zip(layers, read, strict=True):
        for own, found in zip((*one.inputs, *one.outputs), (*other.inputs, *other.outputs), strict=True):
            np.testing.assert_array_equal(found, own)
