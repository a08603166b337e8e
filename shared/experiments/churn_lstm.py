"""Experiment of the chapter churn_lstm: what the forget gate does to the gradient on its way back through time."""

import numpy as np

from twotrack.shared.experiments.churn_rnn import shares, step_curves, step_norms
from twotrack.shared.experiments.lab import Lab
from twotrack.shared.experiments.series import series_lab
from twotrack.shared.experiments.spec import Claim, Finding, Progress, Table
from twotrack.shared.weights.initial import FORGET_GATE, LSTM_GATES

REPEATS, BIASES = 8, (0.0, 1.0, 3.0)


def forget_gate(lab: Lab, progress: Progress) -> Finding:
    """Measure the gradient in what enters at each of 96 steps, before training, for three biases of the forget gate."""
    series = series_lab(lab, lab.chapter, REPEATS)
    model = series.model()
    start, norms = model.weights, {}
    for bias in BIASES:
        progress(f"bias {bias:g}")
        model.load(with_forget_bias(start, bias))
        norms[f"bias {bias:g}"] = step_norms(model, series)
    first_shares = {name: shares(values) for name, values in norms.items()}
    text = "gradient norm of the first of 96 steps, as a share of the last, %s"
    claims = [
        Claim(text=text % name, value=first_shares[name], relation=relation, bound=bound)
        for name, relation, bound in (("bias 0", "below", 1e-6), ("bias 1", "above", 0.05), ("bias 3", "above", 1))
    ]
    rows = [
        [name, float(1 / (1 + np.exp(-bias))), first_shares[name]] for name, bias in zip(norms, BIASES, strict=True)
    ]
    columns = ["forget gate", "sigmoid of the bias", "first step / last step"]
    table = Table(title="Gradient norm of the first of 96 steps", columns=columns, rows=rows)
    return Finding(claims=claims, tables=[table], curves=[step_curves(norms)])


def with_forget_bias(weights: dict[str, np.ndarray], bias: float) -> dict[str, np.ndarray]:
    """Return an LSTM's weights with every forget gate's bias at one value."""
    changed = {name: array.copy() for name, array in weights.items()}
    for name in weights:
        if name.endswith(".recurrent_kernel"):
            gates = np.split(changed[name.replace("recurrent_kernel", "bias")], LSTM_GATES)
            gates[FORGET_GATE][:] = bias
    return changed
