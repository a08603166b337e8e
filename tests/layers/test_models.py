"""The chapters' dense models: weights counted by formula, the same on every track, and outputs composed by hand."""

from collections.abc import Iterator
from math import prod
from typing import Any

import numpy as np
import pytest

from tests.layers import tasks
from tests.layers.cases import KINDS
from twotrack.shared.by_hand import activations
from twotrack.shared.spec.track import TRACKS
from twotrack.shared.weights import initial
from twotrack.shared.workers.pool import WorkerPool

Settings = dict[str, str]
NO_DROPOUT = {"dropout": "0", "num_layers": "1", "hidden_size": "5"}
MODELS: list[tuple[str, Settings]] = [
    ("neuron", {}),
    ("backprop", {}),
    ("backprop", {"hidden_size": "7", "activation": "sigmoid"}),
    ("churn_mlp", {}),
    ("churn_mlp", NO_DROPOUT),
    *(("churn_mlp", {"activation": kind, "num_layers": "3"}) for kind in KINDS),
    ("activations", {}),
    ("activations", {"activation": "swiglu", "hidden_size": "3"}),
    ("optimizers", {}),
    ("optimizers", {"hidden_size": "8", "num_layers": "4"}),
]
DEFAULT_SIZES = {"backprop": (4, 1), "churn_mlp": (64, 2), "activations": (32, 10), "optimizers": (32, 2)}
"""hidden_size and num_layers."""
DEFAULT_PARAMETERS = {"neuron": 3, "backprop": 17, "churn_mlp": 6849, "activations": 10_849, "optimizers": 2401}
"""As the model files say."""
EXAMPLES = 9


def layers(slug: str, settings: Settings) -> Iterator[tuple[str, int, int, str]]:
    """Yield the dense layers as name, inputs, units and the activation behind."""
    if slug == "neuron":
        yield "neuron", 2, 1, "none"
        return
    default_hidden, default_depth = DEFAULT_SIZES[slug]
    hidden, depth = int(settings.get("hidden_size", default_hidden)), int(settings.get("num_layers", default_depth))
    kind = settings.get("activation", "tanh" if slug == "backprop" else "relu")
    width = 2 if slug == "backprop" else 40
    for number in range(1, depth + 1):
        name = "hidden" if slug == "backprop" else f"dense{number}"
        yield name, width, 2 * hidden if kind == "swiglu" else hidden, kind
        width = hidden
    yield "logits", width, 1, "none"


def count(slug: str, settings: Settings) -> int:
    """Sum (inputs + 1) * units over the layers, and one alpha per unit of a PReLU."""
    return sum((inputs + 1) * units + units * (kind == "prelu") for _, inputs, units, kind in layers(slug, settings))


def shapes(slug: str, settings: Settings) -> dict[str, tuple[int, ...]]:
    found: dict[str, tuple[int, ...]] = {}
    for name, inputs, units, kind in layers(slug, settings):
        found |= {f"{name}.kernel": (inputs, units), f"{name}.bias": (units,)}
        if kind == "prelu":
            found[f"act{name.removeprefix('dense')}.alpha"] = (units,)
    return found


def outputs(slug: str, settings: Settings, weights: dict[str, np.ndarray], x: np.ndarray) -> np.ndarray:
    """Return the logits from the equations."""
    values = {name: value for name, (value, _) in activations.ELEMENTWISE.items()}
    values |= {"softmax": activations.softmax, "swiglu": activations.swiglu}
    for name, _, _, kind in layers(slug, settings):
        x = x @ weights[f"{name}.kernel"] + weights[f"{name}.bias"]
        if kind == "prelu":
            x = activations.prelu(x, weights[f"act{name.removeprefix('dense')}.alpha"])
        else:
            x = values[kind](x)
    return x


def draw(number: int) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Return weights and inputs (examples, features) for the model at `number`."""
    generator = np.random.default_rng(number)
    slug, settings = MODELS[number]
    weights = {
        name: array + 0.1 * generator.normal(size=array.shape)
        for name, array in initial.draw(shapes(slug, settings), seed=number).items()
    }
    return weights, generator.normal(size=(EXAMPLES, next(layers(slug, settings))[1]))


@pytest.fixture(scope="module")
def observed(workers: WorkerPool, tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[dict[str, Any]]]:
    """What every track says of every model, and its outputs."""
    found = {}
    for track in TRACKS:
        folder = tmp_path_factory.mktemp("models")
        for number in range(len(MODELS)):
            weights, x = draw(number)
            np.savez(folder / f"{number}.npz", x=x, **weights)
        found[track] = workers.call(track, tasks.observe, tasks.Models(track=track, models=MODELS, folder=folder))
        for number, model in enumerate(found[track]):
            model["outputs"] = np.load(folder / f"{number}.outputs.npy")
    return found


@pytest.mark.parametrize("slug", DEFAULT_PARAMETERS)
def test_the_formula_gives_the_number_in_the_model_files(slug: str):
    assert count(slug, {}) == DEFAULT_PARAMETERS[slug]


@pytest.mark.parametrize("track", TRACKS)
def test_weights_have_the_names_shapes_and_number_of_the_formula(observed, track: str):
    for (slug, settings), found in zip(MODELS, observed[track], strict=True):
        expected = shapes(slug, settings)
        assert {name: tuple(shape) for name, shape in found["shapes"].items()} == expected, (slug, settings)
        assert sum(map(prod, expected.values())) == count(slug, settings)


@pytest.mark.parametrize("track", [track for track in TRACKS if track != "torch"])
def test_tracks_have_the_same_layers_in_the_same_order_with_the_same_dropout(observed, track: str):
    for model, ours, theirs in zip(MODELS, observed["torch"], observed[track], strict=True):
        assert (theirs["layers"], theirs["dropout"]) == (ours["layers"], ours["dropout"]), model


def test_every_hidden_layer_has_an_activation_and_dropout_only_at_a_rate_above_0(observed):
    with_dropout, without = (
        observed["torch"][MODELS.index(model)] for model in (("churn_mlp", {}), ("churn_mlp", NO_DROPOUT))
    )

    assert with_dropout["layers"] == ["dense1", "act1", "dropout1", "dense2", "act2", "dropout2", "logits"]
    assert with_dropout["dropout"] == {"dropout1": 0.2, "dropout2": 0.2}
    assert (without["layers"], without["dropout"]) == (["dense1", "act1", "logits"], {})


@pytest.mark.parametrize("track", TRACKS)
def test_outputs_are_those_of_the_equations(observed, track: str):
    for number, ((slug, settings), found) in enumerate(zip(MODELS, observed[track], strict=True)):
        expected = outputs(slug, settings, *draw(number))
        assert found["outputs"].shape == (EXAMPLES, 1)
        np.testing.assert_allclose(found["outputs"], expected, rtol=0, atol=1e-12, err_msg=f"{slug} {settings}")


def test_a_cumulative_average_is_refused_as_keras_has_none(workers: WorkerPool):
    expected = "momentum: expected a number, found None; Keras has no cumulative average."

    assert workers.call("torch", tasks.train_batch_norm, None) == expected
    assert workers.call("torch", tasks.train_batch_norm, 0.1) == ""
