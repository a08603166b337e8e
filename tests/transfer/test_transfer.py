"""Which weights come pretrained and which are trained, by name."""

import numpy as np
import pytest

from twotrack.shared.chapters import CHAPTERS
from twotrack.shared.errors import UserError
from twotrack.shared.spec.transfer import Transfer, chosen
from twotrack.shared.weights import initial

NAMES = [
    "base.block1.kernel",
    "base.block2.kernel",
    "base.norm2.gamma",
    "base.norm2.moving_mean",
    "head.logits.kernel",
]


def transfer(**changes) -> Transfer:
    fields = {
        "names": ("here",),
        "check": lambda config: None,
        "weights": lambda config: {"block1.kernel": np.full((1, 2), 7.0), "pooler.kernel": np.zeros(3)},
        "last_block": lambda config: ("block2",),
        "requires": {"torch": ("json",), "keras": ("json", "no_such_module")},
        "extra": "some",
    }
    return Transfer(**fields | changes)


def test_all_means_all_batch_normalisation_included():
    assert chosen(NAMES, transfer().prefixes(None, "all")) == set(NAMES)


def test_the_head_alone():
    assert chosen(NAMES, transfer().prefixes(None, "head")) == {"head.logits.kernel"}


def test_the_last_block_comes_with_the_head():
    found = chosen(NAMES, transfer().prefixes(None, "last_block"))

    assert found == {"base.block2.kernel", "head.logits.kernel"}


def test_a_block_is_no_other_whose_name_begins_alike():
    names = ["base.block2.kernel", "base.block21.kernel"]

    assert chosen(names, transfer().prefixes(None, "last_block")) == {"base.block2.kernel"}


def test_batch_normalisation_of_a_trained_block_stays():
    prefixes = transfer(last_block=lambda config: ("norm2",)).prefixes(None, "last_block")

    assert chosen(NAMES, prefixes) == {"head.logits.kernel"}


def test_pretrained_weights_go_into_the_base_and_others_are_left_out():
    assert {name: array.tolist() for name, array in transfer().start(None, NAMES).items()} == {
        "base.block1.kernel": [[7.0, 7.0]]
    }


def test_what_is_not_pretrained_is_drawn_by_the_seed():
    from dataclasses import replace

    chapter = replace(CHAPTERS["review_bert"], transfer=transfer())
    shapes = {"base.block1.kernel": (1, 2), "head.logits.kernel": (4, 1)}

    first, again, other = (initial.start(chapter.transfer, None, shapes, seed) for seed in (0, 0, 1))

    np.testing.assert_array_equal(first["head.logits.kernel"], again["head.logits.kernel"])
    assert not np.array_equal(first["head.logits.kernel"], other["head.logits.kernel"])
    np.testing.assert_array_equal(first["base.block1.kernel"], other["base.block1.kernel"])


def test_a_missing_package_is_named_with_the_extra():
    transfer().require(None, ["torch"])
    with pytest.raises(UserError) as refused:
        transfer().require(None, ["torch", "keras:jax"])

    assert str(refused.value) == (
        "track 'keras:jax' needs no_such_module for this chapter, not installed here; "
        "run: pip install -c constraints.txt -e '.[some]'"
    )
