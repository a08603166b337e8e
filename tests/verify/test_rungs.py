"""The comparisons by themselves, on traces made by hand."""

import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from twotrack.shared.base.tolerances import ENLARGED_AT_MOST
from twotrack.shared.spec.probe import LayerTrace
from twotrack.shared.verify import evidence
from twotrack.shared.verify.digests import digest
from twotrack.shared.verify.draws import SideDraws
from twotrack.shared.verify.enlarged import Enlarged, allowance
from twotrack.shared.verify.observation import Observation
from twotrack.shared.verify.request import VerifyRequest
from twotrack.shared.verify.result import FailurePlace, GapKind, relative
from twotrack.shared.verify.rungs.data import check_data
from twotrack.shared.verify.rungs.dropout import compare_in_training
from twotrack.shared.verify.rungs.forward import compare_forward, layer_differences
from twotrack.shared.verify.rungs.gradients import check_gradients, compare_gradients
from twotrack.shared.verify.rungs.parameters import check_parameters
from twotrack.shared.verify.rungs.training import check_training, compare_training
from twotrack.shared.verify.trace import Trace


def layer(path: str, output: np.ndarray, given: np.ndarray | None = None) -> LayerTrace:
    return LayerTrace(path, "Dense", True, {}, [given if given is not None else np.ones(3)], [output])


def trace(**changes: object) -> Trace:
    fields = {
        "layers": [layer("first", np.arange(3.0)), layer("second", np.arange(4.0))],
        "outputs": [np.arange(4.0)],
        "gradients": {"first.kernel": np.ones((2, 2)), "second.kernel": np.ones((2, 2))},
        "batches": "f00d",
        "epochs": [0, 1],
        "losses": [1.0, 0.5],
        "weights": [{"first.kernel": np.ones((2, 2))}, {"first.kernel": np.full((2, 2), 0.9)}],
        "validation": [0.7, 0.6],
        "trained_outputs": [np.ones(4)],
    }
    return Trace(**(fields | changes))


def side(double: Trace | None = None, single: Trace | None = None, **changes: object) -> Observation:
    fields = {"parameters": {"first.kernel": (2, 2)}, "without_counterpart": [], "folders": {}}
    said = {"input_kinds": ["real"], "loss": {"kind": "mse"}, "optimizer": {"kind": "Adam"}}
    made = Observation(**(fields | said | changes))
    made.__dict__["draws"] = SideDraws()
    made.__dict__["traces"] = {"float64": double or trace(), "float32": single or trace()}
    return made


@pytest.mark.parametrize(
    ("values", "limit", "shown"), [(2_000_000, 10**7, True), (2_000_001, 10**7, False), (9, 8, False)]
)
def test_float32_figures_are_of_models_of_up_to_two_million_weights(values: int, limit: int, shown: bool) -> None:
    model = side(parameters={"first.kernel": (values,)})

    assert model.is_shown_in_float32(VerifyRequest(name="any", large_from=limit)) == shown


@pytest.mark.parametrize("kinds", [(float, float), (np.float32, float), (np.int64, np.int64)], ids=str)
def test_arrays_are_compared_part_by_part_in_little_memory(kinds: tuple[type, type]) -> None:
    drawn = np.random.default_rng(0)
    ours, theirs = (drawn.normal(size=(3, 1_000_000), scale=1e6).astype(kind) for kind in kinds)
    expected = np.abs(theirs.astype(float) - ours.astype(float)).max() / np.abs(ours).max()
    tracemalloc.start()
    try:
        found = relative(ours, theirs)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert found == expected
    assert peak < 0.3 * theirs.nbytes


def test_relative_difference_is_measured_against_the_largest_value() -> None:
    assert relative(np.array([1.0, 5.0]), np.array([1.0, 4.0])) == pytest.approx(0.2)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("both", [True, False])
def test_a_value_that_is_not_finite_is_an_infinite_difference_even_on_both_sides(bad: float, both: bool) -> None:
    ours = np.array([1.0, bad])
    assert relative(ours, ours if both else np.ones(2)) == np.inf


def test_equal_traces_pass_every_rung() -> None:
    assert check_data(side(), side()).passed
    assert check_parameters(side(), side()).passed
    assert compare_forward(trace(), trace()).passed
    assert compare_gradients(trace(), trace()).passed
    assert check_training(side(), side()).passed


def in_training(output: float) -> SideDraws:
    return SideDraws(trace=trace(layers=[], outputs=[np.array([1.0, output])]))


@pytest.mark.parametrize(("off", "in_doubt", "passed"), [(1e-9, True, True), (1e-7, True, False), (1e-3, False, False)])
def test_in_training_mode_two_sides_may_part_by_what_rounding_is_enlarged_to(
    off: float, in_doubt: bool, passed: bool
) -> None:
    ours, theirs = in_training(0.5), in_training(0.5 + off)

    alone, measured = compare_in_training(ours, theirs), compare_in_training(ours, theirs, Enlarged(outputs=1e-8))

    assert (alone.passed, alone.in_doubt) == (False, in_doubt)
    assert (measured.passed, measured.in_doubt) == (passed, False)


@pytest.mark.parametrize(("off", "passed"), [(1e-9, True), (1e-7, False)])
def test_a_gradient_may_part_by_what_rounding_is_enlarged_to(off: float, passed: bool) -> None:
    ours, theirs = (trace(gradients={"first.kernel": np.array([1.0, 0.5 + one])}) for one in (0.0, off))
    enlarged = Enlarged(gradients={"first.kernel": 1e-8})

    assert check_gradients(side(ours), side(theirs)).in_doubt
    assert compare_gradients(ours, theirs, rounding=enlarged).passed == passed


def test_what_is_no_rounding_any_more_is_not_allowed() -> None:
    assert allowance(1e-9) == pytest.approx(8e-9)
    assert allowance(0.5) == ENLARGED_AT_MOST
    assert allowance(np.inf) == 0.0


def test_a_trace_is_the_same_after_it_was_written_and_read(tmp_path: Path) -> None:
    made = trace(losses=[1.0, np.inf])
    back = evidence.load(Trace, evidence.save(made, tmp_path / "trace"))
    assert (back.epochs, back.losses, back.batches, back.validation) == ([0, 1], [1.0, np.inf], "f00d", [0.7, 0.6])
    assert [(one.path, one.kind, one.leaf) for one in back.layers] == [
        (one.path, one.kind, one.leaf) for one in made.layers
    ]
    for name, array in made.weights[1].items():
        np.testing.assert_array_equal(back.weights[1][name], array)
    np.testing.assert_array_equal(back.layers[1].outputs[0], made.layers[1].outputs[0])
    np.testing.assert_array_equal(back.trained_outputs[0], made.trained_outputs[0])
    np.testing.assert_array_equal(back.gradients["second.kernel"], made.gradients["second.kernel"])


def test_data_tells_a_side_that_was_fed_less() -> None:
    result = check_data(side(), side(trace(epochs=[0], losses=[1.0])))
    assert (result.passed, result.detail) == (False, "Keras was fed 1 batches in 1 epoch, torch 2 batches in 2 epochs")


def test_data_tells_other_bytes() -> None:
    assert check_data(side(), side(trace(batches="beef"))).detail == "the two sides were fed different bytes"


def test_training_compares_what_validation_saw() -> None:
    result = compare_training(trace(), trace(validation=[0.7, 0.61]))
    assert (result.passed, result.place) == (False, FailurePlace.VALIDATION)
    assert result.detail.startswith("epoch 2: the validation loss is 0.61 in Keras, 0.6 in torch")


def test_training_compares_the_outputs_of_the_trained_model() -> None:
    result = compare_training(trace(), trace(trained_outputs=[np.full(4, 1.01)]))
    assert (result.passed, result.place) == (False, FailurePlace.OUTPUTS)


def test_forward_names_the_first_layer_that_diverges_not_the_last() -> None:
    off = trace(layers=[layer("first", np.arange(3.0) + 1e-3), layer("second", np.zeros(4))], outputs=[np.zeros(4)])
    result = compare_forward(trace(), off)
    assert (result.passed, result.where, result.layer_inputs_agree) == (False, "first", True)


def test_every_layer_has_its_difference_in_both_precisions() -> None:
    off = trace(layers=[layer("first", np.arange(3.0)), layer("second", np.array([0.0, 1.0, 2.0, 3.3]))])
    unpaired = trace(layers=[layer("first", np.arange(3.0)), layer("other", np.zeros(4))])

    found = layer_differences(side(), side(off, unpaired))

    assert [(one.path, one.kind, one.float32) for one in found] == [("first", "Dense", 0.0), ("second", "Dense", None)]
    assert [one.float64 for one in found] == [0.0, pytest.approx(0.1)]


def test_forward_says_when_a_layer_was_given_other_inputs_already() -> None:
    layers = [layer("first", np.arange(3.0)), layer("second", np.zeros(4), np.zeros(3))]
    result = compare_forward(trace(), trace(layers=layers, outputs=[np.zeros(4)]))
    assert (result.where, result.layer_inputs_agree) == ("second", False)


def test_forward_names_the_layer_with_nan() -> None:
    broken = trace(layers=[layer("first", np.array([0.0, np.nan, 2.0]))], outputs=[np.full(4, np.nan)])
    result = compare_forward(broken, broken)
    assert (result.passed, result.where) == (False, "first")
    assert "NaN or infinity in Keras and torch" in result.detail


def test_gradients_blame_the_loss_if_equal_outputs_give_another_loss() -> None:
    result = compare_gradients(trace(), trace(losses=[1.1, 0.5]))
    assert (result.passed, result.place) == (False, FailurePlace.LOSS)


def test_gradients_name_the_diverging_weight_nearest_to_the_loss() -> None:
    off = trace(gradients={"first.kernel": np.zeros((2, 2)), "second.kernel": np.full((2, 2), 1.001)})
    assert compare_gradients(trace(), off).where == "second.kernel"


@pytest.mark.parametrize(("row", "passes"), [(None, True), (2, False)])
def test_gradients_of_rows_that_no_batch_asks_for_are_compared(row: int | None, passes: bool) -> None:
    rows = np.random.default_rng(0).normal(size=(5, 3))
    other = rows.copy()
    if row is not None:
        other[row] = 0.0
    torch, keras = (trace(rows={"table.embeddings": digest(array, 5)}) for array in (other, rows))
    result = check_gradients(side(torch), side(keras))
    assert result.passed is passes
    if row is not None:
        assert (result.place, result.where) == (FailurePlace.WEIGHT, "table.embeddings")
        assert "the gradient of row 2 of 'table.embeddings' differs" in result.detail


def test_gradients_name_a_table_that_could_not_be_read_alone() -> None:
    torch, keras = trace(unmet_rows={"table.embeddings": 700}), trace(rows={"table.embeddings": np.ones((5, 8))})
    (gap,) = check_gradients(side(torch), side(keras)).gaps
    assert (gap.kind, gap.where) == (GapKind.NOT_RUN, "table.embeddings")
    assert gap.detail.startswith("no training batch asks for 700 of its rows")


def test_gradients_name_a_layer_that_adds_to_the_loss() -> None:
    keras = trace(added={"first": 0.0}, added_at_most={"first": 12.5})
    (gap,) = check_gradients(side(), side(keras)).gaps
    assert (gap.kind, gap.where) == (GapKind.NOT_RUN, "first")
    assert gap.detail.startswith("it adds 0 to the loss for what it computes on the first batch, up to 12.5 on wide")


def test_gradients_require_the_same_weights_to_be_trained() -> None:
    result = compare_gradients(trace(), trace(gradients={"first.kernel": np.ones((2, 2))}))
    assert (result.passed, result.where) == (False, "second.kernel")


def test_training_names_step_and_weight() -> None:
    off = trace(weights=[{"first.kernel": np.ones((2, 2))}, {"first.kernel": np.full((2, 2), 0.8)}])
    result = compare_training(trace(), off)
    assert (result.passed, result.where) == (False, "first.kernel")
    assert result.detail.startswith("step 2:")


def test_training_fails_on_a_loss_that_is_not_finite() -> None:
    result = compare_training(trace(losses=[np.nan, 0.5]), trace(losses=[np.nan, 0.5]))
    assert not result.passed
    assert "the loss is nan in Keras, nan in torch" in result.detail


@pytest.mark.parametrize(
    ("keras", "torch", "named"),
    [
        ({"a.kernel": [2, 2]}, {}, "'a.kernel' is in Keras only"),
        ({}, {"a.kernel": [2, 2]}, "'a.kernel' is in torch only"),
        ({"a.kernel": [2, 3]}, {"a.kernel": [3, 2]}, "'a.kernel' has shape (2, 3) in Keras, (3, 2) in torch"),
    ],
)
def test_parameters_name_what_has_no_counterpart(keras: dict, torch: dict, named: str) -> None:
    result = check_parameters(side(parameters=torch), side(parameters=keras))
    assert not result.passed
    assert named in result.detail


def test_parameters_report_a_weight_that_only_torch_trains() -> None:
    result = check_parameters(side(without_counterpart=["lstm.bias_hh_l0"]), side())
    assert (result.passed, result.where) == (False, "lstm.bias_hh_l0")
