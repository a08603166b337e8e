"""The comparisons by themselves, on traces made by hand."""

import numpy as np
import pytest

from twotrack.shared.verify.rungs import (
    check_forward,
    check_gradients,
    check_parameters,
    check_training,
    layer_differences,
    relative,
)
from twotrack.shared.verify.trace import LayerTrace, Trace


def layer(path: str, output: np.ndarray, given: np.ndarray | None = None) -> LayerTrace:
    return LayerTrace(path, "Dense", True, {}, [given if given is not None else np.ones(3)], [output])


def trace(**changes: object) -> Trace:
    fields = {
        "layers": [layer("first", np.arange(3.0)), layer("second", np.arange(4.0))],
        "outputs": [np.arange(4.0)],
        "gradients": {"first.kernel": np.ones((2, 2)), "second.kernel": np.ones((2, 2))},
        "losses": [1.0, 0.5],
        "weights": [{"first.kernel": np.ones((2, 2))}, {"first.kernel": np.full((2, 2), 0.9)}],
    }
    return Trace(**(fields | changes))


FACTS = {"parameters": {"first.kernel": [2, 2]}, "without_counterpart": [], "dropout": {}}


def test_relative_difference_is_measured_against_the_largest_value() -> None:
    assert relative(np.array([1.0, 4.0]), np.array([1.0, 5.0])) == pytest.approx(0.2)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("both", [True, False])
def test_a_value_that_is_not_finite_is_an_infinite_difference_even_on_both_sides(bad: float, both: bool) -> None:
    ours = np.array([1.0, bad])
    assert relative(ours, ours if both else np.ones(2)) == np.inf


def test_equal_traces_pass_every_rung() -> None:
    assert check_forward(trace(), trace()).passed
    assert check_gradients(trace(), trace()).passed
    assert check_training(FACTS, FACTS, trace(), trace()).passed


def test_forward_names_the_first_layer_that_diverges_not_the_last() -> None:
    off = trace(layers=[layer("first", np.arange(3.0) + 1e-3), layer("second", np.zeros(4))], outputs=[np.zeros(4)])
    verdict = check_forward(trace(), off)
    assert (verdict.passed, verdict.where, verdict.layer_inputs_agree) == (False, "first", True)


def test_every_layer_has_its_difference_in_both_precisions() -> None:
    off = trace(layers=[layer("first", np.arange(3.0)), layer("second", np.array([0.0, 1.0, 2.0, 3.3]))])
    unpaired = trace(layers=[layer("first", np.arange(3.0)), layer("other", np.zeros(4))])

    found = layer_differences({"float64": trace(), "float32": trace()}, {"float64": off, "float32": unpaired})

    assert [(one.path, one.kind, one.float32) for one in found] == [("first", "Dense", 0.0), ("second", "Dense", None)]
    assert [one.float64 for one in found] == [0.0, pytest.approx(0.1)]


def test_forward_says_when_a_layer_was_given_other_inputs_already() -> None:
    layers = [layer("first", np.arange(3.0)), layer("second", np.zeros(4), np.zeros(3))]
    verdict = check_forward(trace(), trace(layers=layers, outputs=[np.zeros(4)]))
    assert (verdict.where, verdict.layer_inputs_agree) == ("second", False)


def test_forward_names_the_layer_with_nan() -> None:
    broken = trace(layers=[layer("first", np.array([0.0, np.nan, 2.0]))], outputs=[np.full(4, np.nan)])
    verdict = check_forward(broken, broken)
    assert (verdict.passed, verdict.where) == (False, "first")
    assert "NaN or infinity in Keras and torch" in verdict.detail


def test_gradients_blame_the_loss_if_equal_outputs_give_another_loss() -> None:
    verdict = check_gradients(trace(), trace(losses=[1.1, 0.5]))
    assert (verdict.passed, verdict.where) == (False, "loss")


def test_gradients_name_the_diverging_weight_nearest_to_the_loss() -> None:
    off = trace(gradients={"first.kernel": np.zeros((2, 2)), "second.kernel": np.full((2, 2), 1.001)})
    assert check_gradients(trace(), off).where == "second.kernel"


def test_gradients_require_the_same_weights_to_be_trained() -> None:
    verdict = check_gradients(trace(), trace(gradients={"first.kernel": np.ones((2, 2))}))
    assert (verdict.passed, verdict.where) == (False, "second.kernel")


def test_training_names_step_and_weight() -> None:
    off = trace(weights=[{"first.kernel": np.ones((2, 2))}, {"first.kernel": np.full((2, 2), 0.8)}])
    verdict = check_training(FACTS, FACTS, off, trace())
    assert (verdict.passed, verdict.where) == (False, "first.kernel")
    assert verdict.detail.startswith("step 2:")


def test_training_fails_on_a_loss_that_is_not_finite() -> None:
    verdict = check_training(FACTS, FACTS, trace(losses=[np.nan, 0.5]), trace(losses=[np.nan, 0.5]))
    assert not verdict.passed
    assert "the loss is nan in Keras, nan in torch" in verdict.detail


@pytest.mark.parametrize(
    ("keras", "torch", "named"),
    [
        ({"a.kernel": [2, 2]}, {}, "'a.kernel' is in Keras only"),
        ({}, {"a.kernel": [2, 2]}, "'a.kernel' is in torch only"),
        ({"a.kernel": [2, 3]}, {"a.kernel": [3, 2]}, "'a.kernel' has shape (2, 3) in Keras, (3, 2) in torch"),
    ],
)
def test_parameters_name_what_has_no_counterpart(keras: dict, torch: dict, named: str) -> None:
    verdict = check_parameters(FACTS | {"parameters": torch}, FACTS | {"parameters": keras})
    assert not verdict.passed
    assert named in verdict.detail


def test_parameters_report_a_weight_that_only_torch_trains() -> None:
    verdict = check_parameters(FACTS | {"without_counterpart": ["lstm.bias_hh_l0"]}, FACTS)
    assert (verdict.passed, verdict.where) == (False, "lstm.bias_hh_l0")
