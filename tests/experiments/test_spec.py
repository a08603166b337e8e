"""Claims, names of experiments, and the pieces that experiments count with."""

import numpy as np
import pytest

from twotrack.shared.errors import UserError
from twotrack.shared.experiments import EXPERIMENTS, names
from twotrack.shared.experiments.activations import collapse, dead_share
from twotrack.shared.experiments.optimizers import EVERY, STEPS, steps_to
from twotrack.shared.experiments.spec import Claim


@pytest.mark.parametrize(
    ("value", "relation", "bound", "holds"),
    [
        (1.0, "below", 2.0, True),
        (2.0, "below", 2.0, False),
        (3.0, "above", 2.0, True),
        (2.0, "above", 2.0, False),
        (float("nan"), "above", 2.0, False),
        (float("nan"), "below", 2.0, False),
    ],
)
def test_a_claim_holds_strictly_on_its_side_of_the_bound(value: float, relation: str, bound: float, holds: bool):
    assert Claim(text="a number", value=value, relation=relation, bound=bound).holds is holds


def test_no_name_means_all_experiments():
    assert names("activations", []) == list(EXPERIMENTS["activations"])
    assert names("activations", ["vanishing"]) == ["vanishing"]


@pytest.mark.parametrize(
    ("slug", "asked", "message"),
    [
        ("activation", [], "unknown chapter 'activation': did you mean 'activations'?"),
        ("mnist_cnn", [], "'mnist_cnn' has no experiments; these chapters have: neuron,"),
        ("activations", ["vanish"], "unknown experiment of activations 'vanish': did you mean 'vanishing'?"),
    ],
)
def test_what_does_not_exist_is_refused(slug: str, asked: list[str], message: str):
    with pytest.raises(UserError) as caught:
        names(slug, asked)

    assert message in str(caught.value)


def test_a_unit_is_dead_if_no_example_changes_it():
    outputs = {
        "dense1": np.zeros((3, 2)),
        "act1": np.array([[0.0, 1.0], [0.0, 2.0], [0.0, 0.0]]),
        "act2": np.array([[5.0, 5.0], [5.0, 5.0], [5.0, 5.1]]),
    }

    assert dead_share(outputs) == 0.5


def test_steps_to_a_target_count_in_looks():
    assert steps_to([3.0, 2.0, 1.0, 2.0], 2.0) == EVERY
    assert steps_to([3.0, 2.5], 2.0) == STEPS


def test_collapsing_layers_gives_the_same_line():
    generator = np.random.default_rng(0)
    names_ = [*(f"dense{number}" for number in range(1, 11)), "logits"]
    sizes = [3, *[4] * 10, 1]
    weights = {f"{name}.kernel": generator.normal(size=shape) for name, *shape in zip(names_, sizes, sizes[1:])}  # noqa: B905
    weights |= {f"{name}.bias": generator.normal(size=size) for name, size in zip(names_, sizes[1:], strict=True)}
    x = generator.normal(size=(5, 3))

    by_layer = x
    for name in names_:
        by_layer = by_layer @ weights[f"{name}.kernel"] + weights[f"{name}.bias"]

    kernel, bias = collapse(weights)
    np.testing.assert_allclose(x @ kernel + bias, by_layer, rtol=1e-12)
