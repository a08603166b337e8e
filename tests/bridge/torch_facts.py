"""Single facts about the torch side of the bridge."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn.utils import parametrizations

from tests.bridge.torch_models import Layers, Scale, Tied
from twotrack.shared.spec.profiles import Switches
from twotrack.shared.weights.bridge import BridgeError
from twotrack.shared.weights.bridge.layouts import Rearrangement
from twotrack.torch_track import checkpoints, weights
from twotrack.torch_track.track_model import TorchModel


def refusals() -> dict[str, str | None]:
    """Return the message of every call that must be refused."""
    dense, turned = Layers(dense=nn.Linear(6, 3)), Rearrangement((0, 1), (None, (5, 4, 3, 2, 1, 0)))
    good = weights.weights(dense, {})
    return {
        name: _message(call)
        for name, call in {
            "rename": lambda: weights.name_table(dense, {}, {"dens": "x"}),
            "collision": lambda: weights.name_table(
                Layers(a=nn.Linear(2, 2), b=nn.Linear(2, 2)), {}, {"a": "x", "b": "x"}
            ),
            "order of nothing": lambda: weights.name_table(dense, {"flat.weight": turned}),
            "order of other axes": lambda: weights.name_table(dense, {"dense.bias": turned}),
            "lazy": lambda: weights.name_table(Layers(dense=nn.LazyLinear(3)), {}),
            "no gradients": lambda: weights.gradients(dense, {}),
            "missing": lambda: weights.load_weights(dense, {}, {"dense.kernel": good["dense.kernel"]}),
            "left over": lambda: weights.load_weights(dense, {}, good | {"tail.bias": np.zeros(5)}),
            "misshapen": lambda: weights.load_weights(dense, {}, good | {"dense.kernel": np.zeros((3, 6))}),
        }.items()
    }


def _message(call: Callable[[], object]) -> str | None:
    try:
        call()
    except BridgeError as error:
        return str(error)
    return None


def names() -> dict[str, list[str]]:
    """Return the canonical names of modules, in order."""
    modules = {
        "order": Layers(upper=nn.Linear(2, 3), lower=nn.Linear(3, 2, bias=False), norm=nn.LayerNorm(2)),
        "root": nn.Linear(2, 3),
        "tied": Tied(),
        "own": Layers(scale=Scale()),
        "projection": Layers(lstm=nn.LSTM(4, 3, proj_size=2, bias=False)),
        "weight_norm": Layers(dense=parametrizations.weight_norm(nn.Linear(2, 3))),
        "list": Layers(inside=nn.ParameterList([torch.zeros(2), torch.zeros(3)])),
    }
    return {name: list(weights.name_table(module, {})) for name, module in modules.items()}


def second_biases() -> dict[str, list[str]]:
    """Return the second biases that the bridge reports as trainable, and as merged."""
    lstm = Layers(lstm=nn.LSTM(2, 3, num_layers=2, bidirectional=True))
    frozen = Layers(rnn=nn.RNN(2, 3), cell=nn.LSTMCell(2, 3))
    frozen.rnn.bias_hh_l0.requires_grad_(False)
    with torch.no_grad():
        frozen.rnn.bias_hh_l0.zero_()
        frozen.cell.bias_hh.zero_()[1] = 5.0
    return {
        "lstm": weights.second_biases(lstm),
        "lstm merged": weights.merged_biases(lstm),
        "frozen": weights.second_biases(frozen),
        "frozen merged": weights.merged_biases(frozen),
        "gru": weights.second_biases(nn.GRU(2, 3)) + weights.merged_biases(nn.GRU(2, 3)),
    }


def merging() -> dict[str, float | bool]:
    """Load the canonical weights of an LSTM with two live biases back into it."""
    torch.manual_seed(0)
    lstm, x = nn.LSTM(2, 3).double(), torch.randn(5, 1, 2, dtype=torch.float64)
    expected, canonical = lstm(x)[0], weights.weights(lstm, {})
    summed = lstm.bias_ih_l0 + lstm.bias_hh_l0
    weights.load_weights(lstm, {}, canonical)
    return {
        "canonical is the sum": bool((canonical["bias"] == summed.detach().numpy()).all()),
        "the first takes the sum": torch.equal(lstm.bias_ih_l0, summed),
        "the second is zero": not lstm.bias_hh_l0.any(),
        "output difference": float((lstm(x)[0] - expected).abs().max()),
    }


def gradients() -> dict[str, Any]:
    """Return gradients with NaN, of an unused layer, of a sparse embedding, and which names have any."""
    module = Layers(
        embedding=nn.Embedding(4, 2, sparse=True), dense=nn.Linear(2, 3), unused=nn.Linear(2, 2), frozen=nn.Linear(2, 2)
    )
    module.frozen.requires_grad_(False)
    outputs = module.dense(module.embedding(torch.tensor([1, 1, 3])))
    (outputs.sum(0) * torch.tensor([1.0, float("nan"), 1.0])).sum().backward()
    found = weights.gradients(module, {})
    return {
        "names": list(found),
        "bias": [str(value) for value in found["dense.bias"]],
        "unused": found["unused.kernel"].tolist(),
        "rows": np.isnan(found["embedding.embeddings"]).any(axis=1).tolist(),
    }


def checkpoint_keys(folder: Path) -> dict[str, Any]:
    """Read checkpoints that a state_dict of today would not be; return notes and refusals."""
    model = Layers(norm=nn.BatchNorm1d(2), lstm=nn.LSTM(2, 3))
    model.norm.num_batches_tracked.fill_(7)
    with torch.no_grad():
        model.lstm.bias_hh_l0.fill_(0.5)
    old = {key: tensor for key, tensor in model.state_dict().items() if not key.endswith("tracked")}
    tied = Tied().state_dict()
    one_of_two = {"logits.weight": tied["logits.weight"]}
    given = {"whole": (model, model.state_dict()), "old": (model, old), "tied": (Tied(), one_of_two)}
    found = {}
    for name, (module, state) in given.items():
        torch.save(state, folder / f"{name}.pt")
        canonical, notes = checkpoints.read(folder / f"{name}.pt", lambda _, module=module: _track_model(module))
        found[name] = {"notes": notes, "names": list(canonical)}
    found["tied"]["loaded"] = bool((canonical["embedding.embeddings"] == tied["logits.weight"].numpy()).all())
    return found


def _track_model(module: nn.Module) -> TorchModel:
    return TorchModel(module, {}, "mean_squared_error", "cpu", torch.float32, Switches())


def types() -> dict[str, Any]:
    """Return the types of canonical weights, and a float64 value after loading it into float32."""
    kinds = {"float16": torch.float16, "bfloat16": torch.bfloat16, "float32": torch.float32, "float64": torch.float64}
    single, third = nn.Linear(1, 1), np.full((1, 1), 1 / 3)
    weights.load_weights(single, {}, {"kernel": third, "bias": third[0]})
    return {
        name: str(weights.weights(nn.Linear(2, 2).to(kind), {})["kernel"].dtype) for name, kind in kinds.items()
    } | {
        "loaded": weights.weights(single, {})["kernel"].item(),
        "loaded type": str(weights.weights(single, {})["kernel"].dtype),
    }


def views() -> dict[str, Any]:
    """Copy into an entry's tensor, a view of a part of a parameter; return what the parameter then holds."""
    attention = nn.MultiheadAttention(4, 2)
    table = weights.name_table(attention, {})
    with torch.no_grad():
        attention.in_proj_weight.zero_()
        table["key.kernel"].tensor.copy_(torch.ones(4, 4))
    return {
        "rows": attention.in_proj_weight.detach().any(dim=1).nonzero().flatten().tolist(),
        "torch names": [entry.torch_name for entry in table.values()],
        "trainable": [entry.trainable and entry.tensor.requires_grad for entry in table.values()],
        "shapes agree": all(entry.shape == entry.value().shape for entry in table.values()),
    }


FACTS: dict[str, Callable[[], Any]] = {
    "refusals": refusals,
    "names": names,
    "second_biases": second_biases,
    "merging": merging,
    "gradients": gradients,
    "types": types,
    "views": views,
}
