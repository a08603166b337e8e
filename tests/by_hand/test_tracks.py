"""The gradients worked out by hand are those of automatic differentiation, on every track, in float64."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from tests.by_hand import tasks
from tests.by_hand.cases import Case, cases
from twotrack.shared.by_hand import neuron, two_layer
from twotrack.shared.spec.track import TRACKS
from twotrack.shared.workers.pool import WorkerPool

TOLERANCE = 1e-12
"""Measured: 1.8e-15."""


def two_layer_network(case: Case) -> tuple[tasks.Network, dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Return what the worker builds, what it gets and what it must find."""
    names = ("hidden.kernel", "hidden.bias", "logits.kernel", "logits.bias")
    arguments = (case.weights, case.x, case.y[:, None], case.activation)
    settings = {"hidden_size": str(case.hidden_size), "activation": case.activation}
    return (
        tasks.Network("backprop", settings),
        dict(zip(names, case.weights, strict=True)),
        dict(zip(names, two_layer.backward(*arguments), strict=True))
        | {"outputs": two_layer.forward(case.weights, case.x, case.activation).z2},
    )


def one_neuron(case: Case) -> tuple[tasks.Network, dict[str, np.ndarray], dict[str, np.ndarray]]:
    w, b = case.neuron
    dw, db = neuron.gradient(w, b, case.x, case.y)
    return (
        tasks.Network("neuron", {}),
        {"neuron.kernel": w[:, None], "neuron.bias": np.array([b])},
        {
            "neuron.kernel": dw[:, None],
            "neuron.bias": np.array([db]),
            "outputs": neuron.logit(w, b, case.x)[:, None],
        },
    )


@pytest.mark.parametrize("track", TRACKS)
@settings(max_examples=2, phases=[Phase.generate])  # few, and none to shrink: a call compiles every network
@given(drawn=st.lists(cases, min_size=3, max_size=3, unique_by=lambda case: (case.examples, case.hidden_size)))
def test_gradients_by_hand_are_those_of_the_track(
    track: str, drawn: list[Case], workers: WorkerPool, tmp_path_factory: pytest.TempPathFactory
):
    folder = tmp_path_factory.mktemp("by_hand")
    networks = [(drawn[0], one_neuron(drawn[0])), *((case, two_layer_network(case)) for case in drawn)]
    for number, (case, (_, weights, _)) in enumerate(networks):
        np.savez(folder / f"{number}.npz", x=case.x, y=case.y[:, None], **weights)

    described = [what for _, (what, _, _) in networks]
    workers.call(track, tasks.backward, tasks.Networks(track=track, networks=described, folder=folder))

    for number, (_, (what, _, expected)) in enumerate(networks):
        check(folder / f"{number}.found.npz", expected, str(what))


def check(path: Path, expected: dict[str, np.ndarray], message: str) -> None:
    found = dict(np.load(path))
    assert found.keys() == expected.keys()
    for name, array in expected.items():
        assert found[name].dtype == np.float64
        np.testing.assert_allclose(found[name], array, rtol=TOLERANCE, atol=TOLERANCE, err_msg=f"{message} {name}")
