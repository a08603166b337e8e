"""Same count, names and shapes of weights in every track; the bridge loses nothing and refuses what does not fit."""

from math import prod

import numpy as np

from tests.support.cases import Case
from tests.support.models import Models

TRAINABLE = {
    # convolutions 9*1*32 + 32 and 9*32*64 + 64, dense 7*7*64*128 + 128 and 128*10 + 10
    "mnist_cnn-flatten": 421_642,
    # the same convolutions, batch norms 2*32 and 2*64, dense 64*128 + 128 and 128*10 + 10
    "mnist_cnn-bn_gap": 28_618,
}
NAMES = {
    "torch": "the torch model",
    "keras:tensorflow": "the Keras model",
    "keras:jax": "the Keras model",
    "keras:torch": "the Keras model",
}


def test_every_track_trains_the_published_number_of_parameters(models: Models, track: str, case: Case):
    described = models.describe(track, case)

    assert sum(prod(described.shapes[name]) for name in described.trainable) == TRAINABLE[str(case)]


def test_all_tracks_have_the_same_canonical_names_shapes_and_trainable_weights(
    models: Models, keras_track: str, case: Case
):
    assert models.describe(keras_track, case) == models.describe("torch", case)


def test_weights_are_float32(models: Models, track: str, case: Case):
    assert set(models.describe(track, case).types.values()) == {"float32"}


def test_only_moving_statistics_are_not_trained(models: Models, track: str, case: Case):
    described = models.describe(track, case)

    untrained = described.shapes.keys() - set(described.trainable)
    assert untrained == {name for name in described.shapes if ".moving_" in name}


def test_weights_come_back_from_a_model_bit_for_bit(models: Models, track: str, case: Case):
    weights = models.weights(case)

    returned = models.round_trip(track, case, weights)

    assert list(returned) == list(weights)
    for name, array in weights.items():
        np.testing.assert_array_equal(returned[name], array, err_msg=name)


def test_a_missing_weight_is_refused_by_name(models: Models, track: str, case: Case):
    shapes = models.shapes(case)
    del shapes["conv2.kernel"]

    told = models.refusal(track, case, shapes)
    assert all(part in told for part in (NAMES[track], "missing", "conv2.kernel")), told


def test_a_weight_that_the_model_lacks_is_refused_by_name(models: Models, track: str, case: Case):
    shapes = models.shapes(case) | {"conv3.kernel": (3, 3, 64, 64)}

    told = models.refusal(track, case, shapes)
    assert all(part in told for part in (NAMES[track], "conv3.kernel")), told


def test_a_misshapen_weight_is_refused_with_both_shapes(models: Models, track: str, case: Case):
    shapes = models.shapes(case) | {"conv1.kernel": (32, 1, 3, 3)}

    told = models.refusal(track, case, shapes)
    assert all(part in told for part in (NAMES[track], "conv1.kernel", "(3, 3, 1, 32)", "(32, 1, 3, 3)")), told


def test_fitting_weights_are_not_refused(models: Models, track: str, case: Case):
    assert models.refusal(track, case, models.shapes(case)) is None


def test_the_number_of_filters_reaches_every_layer_that_depends_on_it(models: Models, track: str, case: Case):
    shapes = models.describe(track, case.but(filters="8")).shapes

    inputs_of_dense = 16 * (49 if case.config.architecture == "flatten" else 1)
    assert shapes["conv2.kernel"] == (3, 3, 8, 16)
    assert shapes["dense1.kernel"] == (inputs_of_dense, 128)
