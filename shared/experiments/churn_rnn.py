"""Experiment of the chapter churn_rnn: what is left of the gradient on its way back through time."""

import numpy as np

from twotrack.shared import chapters
from twotrack.shared.experiments.lab import Lab, Specimen, norm
from twotrack.shared.experiments.series import series_lab
from twotrack.shared.experiments.spec import Claim, Curves, Finding, Progress, Table

CUSTOMERS, REPEATS = 64, (1, 8)
HALVED = "RNN, recurrent kernels halved"


def through_time(lab: Lab, progress: Progress) -> Finding:
    """Measure the norm of the loss's gradient in what enters at each step, before training, on 12 and on 96 steps.

    It passes one recurrent kernel and one tanh' per step (Bengio et al. 1994). The kernels start orthogonal
    here; halved, they are near what nn.RNN itself starts with: uniform from +-1/sqrt(64), a spectral radius of 0.58.
    """
    norms = {repeats: _norms(lab, repeats, progress) for repeats in REPEATS}
    short, long = ({name: shares(values) for name, values in of.items()} for of in norms.values())
    steps = {repeats: len(of["RNN"]) for repeats, of in norms.items()}
    text = "gradient norm of the first of %d steps, as a share of the last, %s"
    claims = [
        Claim(text=text % (months, name), value=first_shares[name], relation=relation, bound=bound)
        for months, first_shares, name, relation, bound in (
            (steps[1], short, "RNN", "above", 0.1),
            (steps[1], short, "LSTM", "above", 0.1),
            (steps[1], short, HALVED, "below", 0.01),
            (steps[8], long, "RNN", "below", 0.01),
            (steps[8], long, "LSTM", "above", 0.05),
            (steps[8], long, HALVED, "below", 1e-20),
        )
    ]
    rows = [[name, short[name], long[name]] for name in short]
    columns = ["model", *(f"{count} steps" for count in steps.values())]
    table = Table(title="Gradient norm of the first step, as a share of the last", columns=columns, rows=rows)
    return Finding(claims=claims, tables=[table], curves=[step_curves(of) for of in norms.values()])


def _norms(lab: Lab, repeats: int, progress: Progress) -> dict[str, list[float]]:
    """Return the gradient norm of each step by model."""
    norms_by_model = {}
    for name, slug in (("RNN", "churn_rnn"), ("LSTM", "churn_lstm")):
        series = series_lab(lab, chapters.get(slug), repeats)
        progress(f"{name}, {series.chapter.config.months} steps")
        model = series.model()
        norms_by_model[name] = step_norms(model, series)
        if name == "RNN":
            weights = model.weights
            model.load(
                {path: array / 2 if path.endswith("recurrent_kernel") else array for path, array in weights.items()}
            )
            norms_by_model[HALVED] = step_norms(model, series)
    return norms_by_model


def step_norms(model: Specimen, lab: Lab) -> list[float]:
    """Return for each step the norm of the loss's gradient in all that enters there, over the first customers."""
    months = model.input_gradients(lab.dataset.train.first(CUSTOMERS))["months"]  # (customers, step, features)
    return [norm([step]) for step in np.moveaxis(months, 1, 0)]


def shares(norms: list[float]) -> float:
    """Return the first step's norm as a share of the last one's."""
    return norms[0] / norms[-1]


def step_curves(norms: dict[str, list[float]]) -> Curves:
    """Draw the norms by step."""
    count = len(next(iter(norms.values())))
    steps = [float(step) for step in range(1, count + 1)]
    return Curves(
        name=f"steps{count}",
        title=f"Gradient norm of what enters at each of {count} steps, before training",
        x_label="step",
        y_label="gradient norm",
        log_y=True,
        lines={name: (steps, values) for name, values in norms.items()},
    )
