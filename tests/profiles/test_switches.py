"""Each switch changes what it says, to what the framework itself does, and nothing else."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.profiles import tasks
from tests.support.jobs import train
from tests.support.runs import make_run
from twotrack.shared.errors import UserError
from twotrack.shared.ledger.ledger import LEDGER
from twotrack.shared.ledger.spec import Makeup, Switch, Weight, always, never_used
from twotrack.shared.runs import warm_start
from twotrack.shared.runs.comparison import TrainingRequest, plan
from twotrack.shared.runs.prediction import SplitRequest
from twotrack.shared.spec import profiles
from twotrack.shared.spec.profiles import INITIALISATION, SWITCHES
from twotrack.shared.workers.pool import WorkerPool

ENTRIES = {entry.slug: entry for entry in LEDGER}
BN_GAP = {"architecture": "bn_gap", "filters": "4", "hidden_size": "8"}
KERAS = "keras:torch"
"""The Keras track whose framework is there already."""


def test_every_entry_that_touches_chapters_is_switched_or_says_why_not():
    touching = {entry.slug for entry in LEDGER if entry.touches is not never_used}

    kept = {entry.slug for entry in LEDGER if entry.kept}
    assert set(SWITCHES) | kept == touching
    assert not set(SWITCHES) & kept


@pytest.mark.parametrize(
    ("touches", "stated", "expected"),
    [
        (always, {}, "expected 1 of `switch` and `kept`, found 0"),
        (always, {"switch": Switch(), "kept": "why"}, "expected 1 of `switch` and `kept`, found 2"),
        (never_used, {"kept": "why"}, "expected 0 of `switch` and `kept`, found 1"),
    ],
)
def test_an_entry_that_does_not_say_whether_it_is_switched_is_refused(
    touches: Callable[[Makeup], bool], stated: dict[str, Any], expected: str
):
    with pytest.raises(ValueError, match=f"entry adam_epsilon of the ledger: {expected}"):
        replace(ENTRIES["adam_epsilon"], touches=touches, **({"switch": None} | stated))


def test_switches_are_in_the_order_of_their_places_which_are_all_different():
    places = [ENTRIES[slug].switch.place for slug in SWITCHES]

    assert places == list(range(1, len(SWITCHES) + 1))


def test_no_weight_is_of_two_entries():
    kernel, recurrent = np.zeros((2, 2)), {"lstm.kernel": np.zeros((2, 8)), "lstm.recurrent_kernel": np.zeros((2, 8))}
    weights = recurrent | {"conv.kernel": np.zeros((3, 3, 1, 1)), "table.embeddings": kernel, "norm.gamma": kernel[0]}
    weights |= {"dense.kernel": kernel, "dense.bias": kernel[0], "attention.query.kernel": np.zeros((2, 1, 2))}
    starts = {slug: ENTRIES[slug].switch for slug in INITIALISATION}

    claimed = {name: [slug for slug in starts if starts[slug].concerns(Weight(name, weights))] for name in weights}

    assert claimed == {
        "lstm.kernel": ["recurrent_start"],
        "lstm.recurrent_kernel": ["recurrent_start"],
        "conv.kernel": ["convolution_start"],
        "table.embeddings": ["embedding_start"],
        "norm.gamma": [],
        "dense.kernel": ["dense_start"],
        "dense.bias": ["dense_start"],
        "attention.query.kernel": ["attention_start"],
    }


def test_every_switch_is_a_function_of_a_track_or_a_kind_of_initial_weights(workers: WorkerPool):
    found = [workers.call(track, tasks.functions, track) for track in ("torch", KERAS)]

    assert sorted(found[0] + found[1]) == sorted(set(SWITCHES) - set(INITIALISATION))


@pytest.mark.parametrize(("slug", "name"), [("batch_norm_epsilon", "epsilon"), ("batch_norm_momentum", "momentum")])
def test_a_keras_layer_gets_one_value_of_keras_own_layer(workers: WorkerPool, slug: str, name: str):
    found = workers.call(
        KERAS, tasks.keras_layers, tasks.Model(track=KERAS, chapter="mnist_cnn", settings=BN_GAP, switched=[slug])
    )

    (default,), changed = found["default"], 0
    for aligned, switched in zip(found["aligned"], found["switched"], strict=True):
        different = {key for key in aligned if aligned[key] != switched[key]}
        changed += len(different)
        assert different <= {name}
        assert not different or switched[name] == default[name]
    assert changed == 2  # bn1 and bn2


def test_torchs_running_variance_is_that_of_its_own_layer(workers: WorkerPool):
    model = tasks.Model("torch", "mnist_cnn", BN_GAP)

    aligned = workers.call("torch", tasks.torch_batch_norm, model)
    switched = workers.call("torch", tasks.torch_batch_norm, replace(model, switched=["batch_norm_variance"]))

    assert switched["switched"] == switched["torchs"]
    assert aligned["switched"] != aligned["torchs"]


def test_the_second_bias_is_drawn_and_trained(workers: WorkerPool):
    model = tasks.Model("torch", "churn_lstm")

    aligned = workers.call("torch", tasks.torch_second_bias, model)
    switched = workers.call("torch", tasks.torch_second_bias, replace(model, switched=["second_recurrent_bias"]))

    assert set(switched["trained"]) - set(aligned["trained"]) == {"bias_hh_l0"}
    assert 0.5 * switched["limit"] < switched["largest"] <= switched["limit"]
    assert (aligned["largest"], switched["apart"]) == (0.0, 0.0)


@pytest.mark.parametrize(
    ("name", "changes", "switched", "torchs", "scale"),
    [
        ("adam", {}, ["adam_epsilon", "adam_epsilon_place"], ("Adam", {}), 1e-7),
        ("adam", {}, ["adam_epsilon_place"], ("Adam", {"eps": 1e-7}), 1e-7),
        ("adamw", {}, ["adam_epsilon", "adam_epsilon_place"], ("AdamW", {"weight_decay": 0.004}), 1e-7),
        (
            "adam",
            {"weight_decay": 0.1},
            ["adam_epsilon", "adam_epsilon_place", "weight_decay"],
            ("Adam", {"weight_decay": 0.1}),
            1.0,
        ),
        ("momentum", {}, ["momentum_under_schedule"], ("SGD", {"momentum": 0.9}), 1.0),
        (
            "nesterov",
            {"weight_decay": 0.1},
            ["momentum_under_schedule", "weight_decay"],
            ("SGD", {"momentum": 0.9, "nesterov": True, "weight_decay": 0.1}),
            1.0,
        ),
        ("rmsprop", {}, ["rmsprop_epsilon"], ("RMSprop", {"alpha": 0.9}), 1e-7),
    ],
)
def test_torchs_optimizer_is_its_own_with_its_switches_and_not_without(
    workers: WorkerPool, name: str, changes: dict, switched: list[str], torchs: tuple, scale: float
):
    optimizer = tasks.Optimizer(name, changes, torchs, scale, switched)

    on = workers.call("torch", tasks.torch_optimizer, optimizer)
    off = workers.call("torch", tasks.torch_optimizer, replace(optimizer, switched=[]))

    assert on["switched"] == pytest.approx(on["torchs"], rel=1e-6)
    assert np.abs(np.subtract(off["switched"], off["torchs"])).max() > 1e-4
    assert (on["acted"], off["acted"]) == (sorted(switched), [])


@pytest.mark.parametrize(
    ("name", "slug"), [("adamw", "weight_decay"), ("adam", "weight_decay"), ("sgd", "adam_epsilon")]
)
def test_a_switch_without_anything_to_change_does_not_act(workers: WorkerPool, name: str, slug: str):
    optimizer = tasks.Optimizer(name, {}, ("SGD", {}), 1.0, [])

    on, off = (
        workers.call("torch", tasks.torch_optimizer, replace(optimizer, switched=names)) for names in ([slug], [])
    )

    assert on["acted"] == []
    assert on["switched"] == off["switched"]


@pytest.mark.parametrize("track", ["torch", KERAS])
def test_with_its_own_start_a_run_begins_with_what_the_framework_draws(workers: WorkerPool, tmp_path: Path, track: str):
    run = train(workers, tmp_path / "own", track, settings=BN_GAP, own_start=True)

    built = workers.call(track, tasks.own_weights, tasks.Model(track=track, chapter="mnist_cnn", settings=BN_GAP))
    assert run.record.initial_weights == built
    assert run.record.switched == ["dense_start", "convolution_start"]


def test_a_native_run_predicts_again_what_it_has_predicted_and_not_on_another_framework(
    workers: WorkerPool, tmp_path: Path
):
    run = train(workers, tmp_path / "native", KERAS, settings=BN_GAP, profile="native")
    asked = SplitRequest(run.folder, KERAS, "cpu", tmp_path / "again.npy")

    workers.call(KERAS, tasks.predict, asked)

    assert np.array_equal(np.load(tmp_path / "again.npy"), run.logits)
    with pytest.raises(UserError, match="batch_norm_epsilon"):
        workers.call("torch", tasks.predict, replace(asked, track="torch"))
    with pytest.raises(UserError, match="--profile aligned"):
        warm_start.find(run.folder, "mnist_cnn")


def test_one_kind_of_weights_starts_from_the_frameworks_own_and_the_others_do_not(workers: WorkerPool):
    weights = workers.call("torch", tasks.own_weights, tasks.Model(track="torch", chapter="mnist_cnn"))

    switches = profiles.Switches(["dense_start"])
    shapes = {name: np.zeros((1,) * (4 if name.startswith("conv") else 2)) for name in weights}

    assert sorted(switches.own_weights(shapes)) == ["dense1.bias", "dense1.kernel", "logits.bias", "logits.kernel"]


@pytest.mark.parametrize(
    ("profile", "own_start", "words"),
    [
        ("aligned", None, "aligned, same start"),
        ("aligned", True, "aligned, own start"),
        ("native", None, "native, own start"),
        ("native", False, "native, same start"),
    ],
)
def test_a_profile_is_told_from_its_switches(profile: str, own_start: bool | None, words: str):
    assert profiles.describe(profiles.switched(profile, own_start)) == words


def test_a_run_that_continues_another_one_has_its_start(tmp_path: Path):
    run = make_run(tmp_path / "run")
    request = TrainingRequest("mnist_cnn", ("torch",), start=run.folder)

    (job,) = plan(replace(request, profile="native"), lambda *_: tmp_path)

    assert job.switched == list(profiles.switched("native", own_start=False))
    with pytest.raises(UserError, match="--warm-start and --own-start"):
        plan(replace(request, own_start=True), lambda *_: tmp_path)


def test_a_single_switch_is_named():
    assert profiles.describe(["adam_epsilon"]) == "aligned but for adam_epsilon"


def test_an_unknown_profile_is_refused():
    with pytest.raises(UserError, match="'nativ': did you mean 'native'"):
        profiles.switched("nativ", None)


def test_weights_that_answer_otherwise_elsewhere_are_refused_there():
    with pytest.raises(UserError, match="batch_norm_epsilon"):
        profiles.require_outputs(["batch_norm_epsilon"], "keras:jax", "torch")
    profiles.require_outputs(["batch_norm_epsilon"], "keras:jax", "keras:torch")
    profiles.require_outputs(["adam_epsilon"], "torch", "keras:jax")
