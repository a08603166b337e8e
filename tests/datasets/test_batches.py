"""Training batches: an order fixed by seed and epoch, whole batches, each example at most once."""

import numpy as np
import pytest
import xxhash
from hypothesis import given
from hypothesis import strategies as st

from twotrack.shared.datasets.batches import Batch, TrainingBatches
from twotrack.shared.datasets.spec import Dataset, Split
from twotrack.shared.spec.inputs import ONLY, Inputs


def numbered_dataset(examples: int) -> Dataset:
    """A data set whose example i has input [i, -i] and label i."""
    numbers = np.arange(examples, dtype=np.int32)
    split = Split({ONLY: np.stack([numbers, -numbers], axis=1)}, numbers)
    return Dataset("numbers", "embedded", (), split, split, split, _as_float32)


def _as_float32(inputs: Inputs) -> Inputs:
    return {ONLY: inputs[ONLY].astype(np.float32)}


def batches(examples: int = 50, batch_size: int = 8, seed: int = 0) -> TrainingBatches:
    dataset = numbered_dataset(examples)
    return TrainingBatches(dataset, dataset.train, batch_size, seed, loss="cross_entropy")


def labels(epoch: list[Batch]) -> list[int]:
    return np.concatenate([batch.targets[0] for batch in epoch]).tolist()


@given(st.integers(1, 60), st.integers(1, 60), st.integers(0, 5), st.integers(0, 5))
def test_an_epoch_has_whole_batches_of_different_examples(examples: int, size: int, seed: int, epoch: int):
    made = batches(examples, size, seed)

    found = list(made.epoch(epoch))

    assert len(found) == len(made) == examples // size
    assert {len(batch.targets[0]) for batch in found} <= {size}
    seen = labels(found) if found else []
    assert len(set(seen)) == len(seen)
    assert set(seen) <= set(range(examples))


def test_an_epoch_that_divides_evenly_has_every_example_once():
    assert sorted(labels(list(batches(48, 8).epoch(0)))) == list(range(48))


def test_inputs_are_prepared_and_belong_to_their_labels():
    for batch in batches().epoch(0):
        expected = np.stack([batch.targets[0], -batch.targets[0]], axis=1).astype(np.float32)
        assert (batch.inputs[ONLY].dtype, batch.targets[0].dtype) == (np.float32, np.int32)
        np.testing.assert_array_equal(batch.inputs[ONLY], expected)


def digest(made: TrainingBatches, *epochs: int) -> str:
    found = xxhash.xxh3_128()
    for epoch in epochs:
        list(made.epoch(epoch, found))
    return found.hexdigest()


def test_the_same_seed_gives_the_same_bytes_and_digest():
    first, second = batches(seed=3), batches(seed=3)

    for epoch in (0, 1):
        for one, other in zip(first.epoch(epoch), second.epoch(epoch), strict=True):
            assert one.inputs[ONLY].tobytes() == other.inputs[ONLY].tobytes()
            assert one.targets[0].tobytes() == other.targets[0].tobytes()
    assert digest(first, 0, 1) == digest(second, 0, 1)


def test_the_digest_is_the_hash_of_all_bytes_handed_out():
    made = batches()

    handed_out = b"".join(
        batch.inputs[ONLY].tobytes() + batch.targets[0].tobytes() for epoch in (0, 1) for batch in made.epoch(epoch)
    )

    assert digest(made, 0, 1) == xxhash.xxh3_128_hexdigest(handed_out)


def test_of_features_the_digest_is_that_of_what_the_model_saw():
    """Features differ between tracks by rounding; that says nothing about their data."""
    seen = np.arange(12, dtype=np.uint8)
    labels = np.zeros(12, np.int32)

    def made(scale: float) -> TrainingBatches:
        split = Split({ONLY: scale * seen.astype(np.float32)}, labels, {ONLY: seen})
        dataset = Dataset("made", "embedded", ("a",), split, split, split, prepare=lambda features: features)
        return TrainingBatches(dataset, split, 4, seed=0, loss="cross_entropy")

    assert digest(made(1.0), 0) == digest(made(1.0 + 1e-6), 0)
    assert digest(made(1.0), 0) != digest(made(1.0), 1)


@pytest.mark.parametrize(("seed", "epoch"), [(1, 0), (0, 1)])
def test_another_seed_or_epoch_gives_another_order_and_digest(seed: int, epoch: int):
    first, second = batches(seed=0), batches(seed=seed)

    assert labels(list(first.epoch(0))) != labels(list(second.epoch(epoch)))
    assert digest(first, 0) != digest(second, epoch)


def test_seed_and_epoch_are_not_interchangeable():
    assert labels(list(batches(seed=1).epoch(2))) != labels(list(batches(seed=2).epoch(1)))


def test_the_first_examples_of_a_split_are_its_first_in_stored_order():
    first = numbered_dataset(50).train.first(7)

    assert first.labels.tolist() == list(range(7))
    assert len(first) == len(first.inputs[ONLY]) == 7
