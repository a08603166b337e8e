"""The same weights give the same outputs: between tracks, and as the equations say."""

import numpy as np
import pytest

from tests.support import reference_network
from tests.support.cases import Case, real_images
from tests.support.models import Models
from tests.support.tolerances import FORWARD

IMAGES, EXACT_IMAGES = 64, 2


def test_outputs_on_real_images_are_those_of_the_equations(models: Models, track: str, case: Case):
    weights = models.weights(case)
    images, _ = real_images(case.chapter, IMAGES)

    outputs = models.forward(track, case, weights, IMAGES)

    exact = reference_network.outputs(weights, images[:EXACT_IMAGES])
    assert outputs.dtype == np.float32
    np.testing.assert_allclose(outputs[:EXACT_IMAGES], exact, rtol=0, atol=FORWARD)


def test_tracks_agree_on_a_batch_of_real_images(models: Models, keras_track: str, case: Case):
    weights = models.weights(case)

    ours, theirs = (models.forward(track, case, weights, IMAGES) for track in ("torch", keras_track))

    assert np.ptp(theirs, axis=0).min() > 0.01, "the outputs must depend on the image"
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=FORWARD)


@pytest.mark.parametrize("weight", ["conv1.kernel", "conv2.bias", "dense1.kernel", "logits.bias"])
def test_outputs_depend_on_every_kind_of_weight(models: Models, case: Case, weight: str):
    weights = models.weights(case)

    before = models.forward("torch", case, weights, EXACT_IMAGES)
    after = models.forward("torch", case, weights | {weight: 1.1 * weights[weight]}, EXACT_IMAGES)

    assert np.abs(after - before).max() > 100 * FORWARD
