"""The Keras side of the bridge: names, layer paths, types, refusals."""

import pytest

from tests.bridge import tasks


@pytest.fixture(scope="session")
def keras(workers):
    """Return facts by name from the Keras worker."""
    return lambda fact: workers.call("keras:tensorflow", tasks.keras_fact, fact)


@pytest.fixture(scope="session")
def refusals(keras):
    return keras("refusals")


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        ("not built", "the Keras model 'model' has no weights yet; give it an Input, or call it once before"),
        ("subclass not built", "the Keras model 'subclassed' has no weights yet; give it an Input, or call it once"),
        (
            "same name",
            "'model/dense/kernel' and 'model/dense/kernel' of the Keras model would both be the canonical weight "
            "'dense.kernel'; name the layers apart",
        ),
        (
            "missing",
            "the weights do not fit the Keras model; "
            "missing from the weights: dense.bias (3,) (Keras' model/dense/bias (3,))",
        ),
        ("left over", "the weights do not fit the Keras model; unknown to the Keras model: tail.bias (5,)"),
        (
            "misshapen",
            "the weights do not fit the Keras model; misshapen: dense.kernel (6, 3) (Keras' model/dense/kernel (6, 3)) "
            "in the Keras model, (3, 6) in the weights (its transpose would fit)",
        ),
        (
            "misshapen depthwise",
            "the weights do not fit the Keras model; misshapen: conv.kernel (2, 3, 1, 20) (Keras' model/conv/kernel "
            "(2, 3, 4, 5)) in the Keras model, (2, 3, 4, 5) in the weights",
        ),
    ],
)
def test_what_does_not_fit_is_refused_by_name(refusals, call, expected):
    assert refusals[call].startswith(expected)


def test_every_layer_has_one_path_and_wrapped_layers_have_none_of_their_own(keras):
    assert keras("paths") == [
        ["", "Functional"],
        ["both", "Bidirectional"],
        ["both.forward", "LSTM"],
        ["both.backward", "LSTM"],
        ["each", "TimeDistributed"],
        ["block", "Sequential"],
        ["block.shared", "Dense"],
        ["block.dropout", "Dropout"],
    ]


def test_shared_weights_stand_once_and_states_are_no_weights(keras):
    found = keras("names")
    assert found["shared"] == ["shared.kernel", "shared.bias"]
    assert found["stateful"] == ["lstm.kernel", "lstm.recurrent_kernel", "lstm.bias"]
    assert found["trainable"] == ["live.bias", "live.kernel", "norm.beta", "norm.gamma"]


def test_values_keep_their_type_and_loading_casts_to_the_models(keras):
    assert keras("types") == {
        "float16": "float16",
        "bfloat16": "float32",
        "float32": "float32",
        "float64": "float64",
        "loaded": 0.3333333432674408,
        "loaded type": "float32",
    }
