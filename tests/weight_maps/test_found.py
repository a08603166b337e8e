"""A pair whose names tell nothing: the map is found, written beside it, used again, and checked."""

import json
from pathlib import Path
from typing import Literal

import pytest

from tests.support.command_line import in_process
from tests.weight_maps.naming_tasks import Names, names_of_parts
from twotrack import UserError
from twotrack.shared.verify import user_pair
from twotrack.shared.verify.diagnosis.cause import Status
from twotrack.shared.verify.ladder import Ladder, TrackResult
from twotrack.shared.verify.request import VerifyRequest
from twotrack.shared.weights.correspondence import map_file
from twotrack.shared.workers.pool import WorkerPool

PAIR = """
from twotrack import Pair

def build_keras():
    import keras
    from keras import layers
    return keras.Sequential([keras.Input((5,)), layers.Dense(6, activation="relu", name="hidden"),
                             layers.LayerNormalization(name="norm"), layers.Dense(3, name="logits")])

def build_torch():
    from torch import nn
    first, scale, last = nn.Linear(5, 6), nn.LayerNorm(6, eps=1e-3), nn.Linear(6, 3)
    return nn.Sequential(first, nn.ReLU(), scale, last)

def build_other():
    from torch import nn
    return nn.Sequential(nn.Linear(5, 6), nn.Tanh(), nn.Linear(6, 3))

def keras_without(bias=True, center=True):
    def build():
        import keras
        from keras import layers
        return keras.Sequential([keras.Input((5,)), layers.Dense(6, activation="relu", name="hidden", use_bias=bias),
                                 layers.LayerNormalization(name="norm", center=center), layers.Dense(3, name="logits")])
    return build

def build_bare():
    from torch import nn
    return nn.Sequential(nn.Linear(5, 6), nn.ReLU(), nn.LayerNorm(6, eps=1e-3), nn.Linear(6, 3, bias=False))

def build_places(scale):
    def build():
        import torch
        from torch import nn
        class Places(nn.Module):
            def __init__(self):
                super().__init__()
                self.dense = nn.Linear(5, 6)
                self.register_buffer("places", scale * torch.linspace(0, 1, 6))
            def forward(self, x):
                return self.dense(x) + self.places
        return Places()
    return build

def keras_places():
    import keras, numpy as np
    x = keras.Input((5,))
    y = keras.layers.Dense(6, name="dense")(x)
    return keras.Model(x, y + keras.ops.cast(np.linspace(0, 1, 6)[None], y.dtype))

SAME = Pair(build_keras, build_torch, (5,))
OTHER = Pair(build_keras, build_other, (5,))
TORCH_BIAS = Pair(keras_without(bias=False), build_torch, (5,))
TORCH_BETA = Pair(keras_without(center=False), build_torch, (5,))
KERAS_BIAS = Pair(build_keras, build_bare, (5,))
PLACES = Pair(keras_places, build_places(1.0), (5,))
OTHER_PLACES = Pair(keras_places, build_places(2.0), (5,))
"""


def climb(
    ladder: Ladder,
    folder: Path,
    name: str,
    use_map: bool = True,
    until: str = "gradients",
    causes: Literal["all", "none"] = "none",
) -> TrackResult:
    pair = user_pair.named(f"unnamed_pair:{name}", (folder,))
    request = VerifyRequest(name=pair.label, pair=pair, use_map=use_map, until=until, causes=causes)
    (result,) = ladder.climb(request, lambda *_: None, ["keras:torch"])
    return result


@pytest.fixture(scope="module")
def module_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A module is imported once in a worker, so all tests name it in one place."""
    folder = tmp_path_factory.mktemp("unnamed")
    (folder / "unnamed_pair.py").write_text(PAIR)
    return folder


def test_a_map_is_found_written_used_again_and_checked_again(ladder: Ladder, module_folder: Path) -> None:
    file = module_folder / "unnamed_pair.SAME.map.toml"
    assert not climb(ladder, module_folder, "SAME", use_map=False).passed
    assert not file.exists()

    found = climb(ladder, module_folder, "SAME")
    assert found.passed, found.rungs[-1].detail
    (note,) = found.notes
    assert note.startswith("no names: the map of 6 weights was found in ")
    assert str(file) in note
    assert {name: rule.sources for name, rule in map_file.read(file).rules.items()} == {
        "hidden.kernel": ("0.weight",),
        "hidden.bias": ("0.bias",),
        "norm.gamma": ("2.weight",),
        "norm.beta": ("2.bias",),
        "logits.kernel": ("3.weight",),
        "logits.bias": ("3.bias",),
    }

    again = climb(ladder, module_folder, "SAME")
    assert again.passed
    assert again.notes == ()

    file.write_text(file.read_text().replace('"3.bias"', '"4.bias"'))
    with pytest.raises(UserError, match=r"it names rules made of 4\.bias, which torch does not have"):
        climb(ladder, module_folder, "SAME")
    file.unlink()


def test_where_the_models_differ_nothing_is_written_and_a_note_says_how_far_it_came(
    ladder: Ladder, module_folder: Path
) -> None:
    result = climb(ladder, module_folder, "OTHER")
    assert not result.passed
    assert result.rungs[-1].rung == "parameters"
    (note,) = result.notes
    assert "norm.gamma" in note
    assert "names decide" in note
    assert not (module_folder / "unnamed_pair.OTHER.map.toml").exists()


@pytest.mark.parametrize(
    ("pair", "weight", "told", "note"),
    [
        ("TORCH_BIAS", "hidden.bias", "'hidden' has a bias in torch and none in Keras", "none of torch's 0.bias"),
        ("TORCH_BETA", "norm.beta", "'norm' has a beta in torch and none in Keras", "none of torch's 2.bias"),
        (
            "KERAS_BIAS",
            "logits.bias",
            "'logits' has a bias in Keras and none in torch",
            "torch has none of logits.bias, which Keras trains",
        ),
    ],
)  # fmt: skip
def test_a_bias_on_one_side_fails_at_parameters_with_its_cause_proved_and_the_rest_found(
    pair: str, weight: str, told: str, note: str, ladder: Ladder, module_folder: Path
) -> None:
    result = climb(ladder, module_folder, pair, until="forward", causes="all")
    assert (result.rungs[-1].rung, result.rungs[-1].where) == ("parameters", weight)
    (cause,) = result.diagnosis.causes
    assert (cause.status, cause.what) == (Status.PROVED, told)
    assert result.notes[0].endswith(note)
    assert not (module_folder / f"unnamed_pair.{pair}.map.toml").exists()


def test_a_buffer_that_only_torch_has_is_a_constant_that_its_outputs_depend_on(
    ladder: Ladder, module_folder: Path
) -> None:
    result = climb(ladder, module_folder, "PLACES")
    assert result.passed, result.rungs[-1].detail
    (parameters,) = (rung for rung in result.rungs if rung.rung == "parameters")
    assert parameters.detail.endswith("in torch only, and constant: 'places'")
    assert climb(ladder, module_folder, "OTHER_PLACES").rungs[-1].rung == "forward"


def test_the_command_prints_a_table_and_writes_the_file(tmp_path: Path, workers: WorkerPool) -> None:
    (tmp_path / "told_pair.py").write_text(PAIR)
    done = in_process("match", "told_pair:SAME", "--json", folder=tmp_path, workers=workers)
    told = json.loads(done.stdout)
    assert [row["weight"] for row in told["weights"]][:2] == ["hidden.kernel", "hidden.bias"]
    assert told["is_proved"]
    assert Path(told["map"]) == tmp_path / "told_pair.SAME.map.toml"
    shown = in_process("match", "told_pair:SAME", "--no-write", folder=tmp_path, workers=workers)
    assert "6 weights in" in shown.stdout
    assert "with these weights the outputs are the same" in shown.stdout


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("match", "mnist_cnn"), "expected a pair of your own as MODULE:PAIR, found 'mnist_cnn'"),
        (("verify", "mnist_cnn", "--no-map"), "--map and --no-map are for a pair of your own"),
        (("verify", "a:B", "--no-map", "--map", "x.toml"), "--map and --no-map: give one of them"),
        (("convert", "w.pt", "--to", "keras", "--out", "x.weights.h5"), "say whose weights they are"),
        (("convert", "a:B", "w.pt", "--chapter", "c", "--to", "keras", "--out", "x.weights.h5"), "are for a chapter"),
        (("convert", "a:B", "w.pt", "--to", "keras", "--out", "x.weights.h5"), "there is no file 'w.pt'"),
    ],
)
def test_options_that_do_not_go_together_are_refused(arguments, problem: str, tmp_path: Path) -> None:
    done = in_process(*arguments, folder=tmp_path, check=False)
    assert done.code == 2
    assert problem in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_map_can_call_what_is_made_of_two_weights_or_of_a_part_of_one_by_its_canonical_name(
    workers: WorkerPool,
) -> None:
    aliases = workers.call("torch", names_of_parts, Names()).aliases
    assert {"gru.kernel", "gru.bias", "attention.query.kernel", "attention.value.bias", "dense.bias"} <= {*aliases}
    assert all(name in called for name, called in aliases.items())
