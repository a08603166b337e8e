"""The torch side of the bridge: names, second biases, gradients, types, refusals."""

import pytest

from tests.bridge import tasks


@pytest.fixture(scope="session")
def torch(workers):
    """Return facts by name from the torch worker."""
    return lambda fact: workers.call("torch", tasks.torch_fact, fact)


@pytest.fixture(scope="session")
def refusals(torch):
    return torch("refusals")


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        ("rename", "rename names 'dens', which the torch model does not have; did you mean 'dense'?"),
        ("collision", "'a.kernel' and 'b.kernel' of the torch model would both be the canonical weight 'x.kernel'"),
        ("order of nothing", "an order is given for 'flat.weight', which the torch model does not have"),
        ("order of other axes", "'dense.bias' of the torch model cannot be put in canonical order"),
        ("lazy", "'dense.weight' of the torch model has no shape yet; call the module once before"),
        ("no gradients", "the torch model has no gradients; call backward() on a loss first"),
        (
            "missing",
            "the weights do not fit the torch model; "
            "missing from the weights: dense.bias (3,) (torch's dense.bias (3,))",
        ),
        ("left over", "the weights do not fit the torch model; unknown to the torch model: tail.bias (5,)"),
        (
            "misshapen",
            "the weights do not fit the torch model; misshapen: dense.kernel (6, 3) (torch's dense.weight (3, 6)) "
            "in the torch model, (3, 6) in the weights (its transpose would fit)",
        ),
    ],
)
def test_what_does_not_fit_is_refused_by_name(refusals, call, expected):
    assert refusals[call] == expected


def test_names_follow_the_modules_order_and_what_no_rule_covers_keeps_its_own(torch):
    assert torch("names") == {
        "order": ["upper.kernel", "upper.bias", "lower.kernel", "norm.gamma", "norm.beta"],
        "root": ["kernel", "bias"],
        "tied": ["embedding.embeddings"],
        "own": ["scale.factor", "scale.matrix", "scale.offset"],
        "projection": ["lstm.kernel", "lstm.recurrent_kernel", "lstm.weight_hr_l0"],
        "weight_norm": [
            "dense.bias",
            "dense.parametrizations.weight.original0",
            "dense.parametrizations.weight.original1",
        ],
        "list": ["inside.0", "inside.1"],
    }


def test_live_second_biases_are_reported_and_frozen_ones_are_not(torch):
    found = torch("second_biases")
    all_four = [f"lstm.bias_hh_l{level}{ending}" for level in (0, 1) for ending in ("", "_reverse")]
    assert found["lstm"] == found["lstm merged"] == all_four
    assert found["frozen"] == ["cell.bias_hh"]
    assert found["frozen merged"] == ["cell.bias_hh"]
    assert found["gru"] == []


def test_two_live_biases_become_their_sum_and_the_layer_computes_the_same(torch):
    found = torch("merging")
    assert found.pop("output difference") <= 1e-15
    assert found == {"canonical is the sum": True, "the first takes the sum": True, "the second is zero": True}


def test_gradients_pass_nan_on_and_are_zero_where_the_loss_does_not_depend_on_a_weight(torch):
    assert torch("gradients") == {
        "names": ["embedding.embeddings", "dense.kernel", "dense.bias", "unused.kernel", "unused.bias"],
        "bias": ["3.0", "nan", "3.0"],
        "unused": [[0.0, 0.0], [0.0, 0.0]],
        "rows": [False, True, False, True],
    }


def test_values_keep_their_type_and_loading_casts_to_the_models(torch):
    assert torch("types") == {
        "float16": "float16",
        "bfloat16": "float32",
        "float32": "float32",
        "float64": "float64",
        "loaded": 0.3333333432674408,
        "loaded type": "float32",
    }


def test_an_entrys_tensor_is_a_view_of_its_part_of_the_parameter(torch):
    found = torch("views")
    assert found["rows"] == [4, 5, 6, 7]
    assert found["torch names"] == ["in_proj_weight", "in_proj_bias"] * 3 + ["out_proj.weight", "out_proj.bias"]
    assert all(found["trainable"])
    assert found["shapes agree"]


def test_a_checkpoint_may_lack_counters_and_the_second_name_of_a_tied_weight(workers, tmp_path):
    found = workers.call("torch", tasks.checkpoint_keys, tmp_path)
    merged = "lstm.bias_hh_l0: added to the first bias"
    assert found["whole"]["notes"] == [merged, "norm.num_batches_tracked: not kept"]
    assert found["old"]["notes"] == [merged]
    assert found["tied"] == {"notes": [], "names": ["embedding.embeddings"], "loaded": True}
