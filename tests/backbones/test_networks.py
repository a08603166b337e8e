"""Every backbone is one network in both tracks, on every backend if slow."""

import pytest

from tests.backbones import tasks
from tests.support.turns import QUICKEST, in_turn, quickest_alone
from twotrack.shared.verify.ladder import Ladder
from twotrack.shared.verify.request import VerifyRequest
from twotrack.shared.weights.pretrained.backbones import FAMILIES

NETWORKS = ("RESNET_18", "VISION_TRANSFORMER", "EFFICIENTNET_LITE", "RESNET_50", "CONVNEXT_TINY")


@pytest.mark.parametrize(("name", "track"), in_turn(NETWORKS, order=[QUICKEST]))
def test_parameters_layers_gradients_and_training_are_the_same(name: str, track: str, ladder: Ladder):
    (result,) = ladder.climb(VerifyRequest(name=f"tests.backbones.pairs:{name}"), lambda *_: None, [track])

    assert (result.passed, result.rungs[-1].rung) == (True, "training"), result.rungs[-1].detail


@pytest.mark.parametrize("track", quickest_alone())
def test_as_a_base_under_a_head_it_can_be_trained_in_part(track: str, ladder: Ladder):
    (found,) = ladder.climb(VerifyRequest(name="tests.backbones.pairs:FINE_TUNED"), lambda *_: None, [track])

    assert found.passed, found.rungs[-1].detail
    gradients = next(one for one in found.rungs if one.rung == "gradients")
    assert gradients.detail == "6 gradients compared"  # three kernels of the block, head_conv, and logits' two


@pytest.mark.parametrize("backbone", FAMILIES)
def test_every_variable_in_keras_has_a_path_of_its_own(workers, backbone: str):
    """Keras on torch would add up the gradients of all but one of those that share a path."""
    paths = workers.call("keras:tensorflow", tasks.variable_paths, backbone)

    assert paths
    assert len(set(paths)) == len(paths)
