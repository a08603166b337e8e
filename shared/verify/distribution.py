"""Outputs of models that are random beyond control: whether both sides' have one distribution."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from twotrack.shared.spec.draws import SharedDraws
from twotrack.shared.verify.exercise import find_exercise
from twotrack.shared.verify.material import draw_weights
from twotrack.shared.verify.request import SideRequest
from twotrack.shared.workers.door import open_track
from twotrack.shared.workers.task import Report, task

SAMPLES = 600
"""Forward passes in training mode of either side."""
EXAMPLES, VALUES = 2, 12
"""Examples of the batch, and outputs of each, that are compared: what examples share shows between two of them."""
FALSE_ALARM = 1e-6
"""Chance that two sides with one distribution are told apart."""
_DIGITS = 9
"""Of the largest output, that are compared: the rest is rounding."""


@task
def sample(request: SideRequest, report: Report) -> Path:
    """Draw the outputs in training mode of one batch again and again; return the file."""
    exercise, track = find_exercise(request.verify, request.side).drawn, open_track(request.side.track, "auto")
    model = track.build(exercise.pair, 0, "float64")
    model.load_weights(draw_weights(model.shapes(), exercise.pair.weight_map.constants))
    model.load_unused(draw_weights({name: array.shape for name, array in model.unused().items()}))
    # Independent of the other side: distributions are compared, not numbers.
    source = SharedDraws(sum(request.side.slug.encode()))
    model.draw_from(source)
    probe, inputs, outputs = model.probe(), exercise.inputs(), []
    for number in range(SAMPLES):
        if number % 50 == 0:
            report(f"distribution {number}/{SAMPLES}", {})
        outputs.append(_compared_values(probe.drawn_pass(inputs).outputs))
        source.advance()
    file = request.folder / "samples.npy"
    np.save(file, np.stack(outputs))
    return file


def _compared_values(outputs: list[np.ndarray]) -> np.ndarray:
    """Return some outputs of the first examples (values,)."""
    examples = np.concatenate([output[:EXAMPLES].reshape(min(EXAMPLES, len(output)), -1) for output in outputs], axis=1)
    places = np.unique(np.linspace(0, examples.shape[1] - 1, VALUES).astype(int))
    return examples[:, places].ravel()


@dataclass(frozen=True)
class Samples:
    """Outputs (samples, values) of both sides."""

    torch: np.ndarray
    keras: np.ndarray

    def smallest_p(self) -> float:
        """Return the smallest p-value of tests of every output, and of every two of them, times the tests' number.

        Each output by Kolmogorov and Smirnov's test; spread, and what outputs do together, by Welch's test of products
        of normal scores, which heavy tails do not disturb.
        """
        if self.torch.shape[1:] != self.keras.shape[1:]:
            return 0.0
        scale = np.abs(self.torch).max(initial=0.0) or 1.0
        torch, keras = (np.round(side / scale, _DIGITS) for side in (self.torch, self.keras))
        p_values = np.concatenate([_alone(torch, keras), _together(torch, keras)])
        return min(1.0, float(p_values.min()) * len(p_values))


def _alone(torch: np.ndarray, keras: np.ndarray) -> np.ndarray:
    from scipy.stats import ks_2samp

    return np.array([ks_2samp(*columns).pvalue for columns in zip(torch.T, keras.T, strict=True)])


def _together(torch: np.ndarray, keras: np.ndarray) -> np.ndarray:
    from scipy.stats import norm, rankdata, ttest_ind

    pooled = np.concatenate([torch, keras])
    scores = norm.ppf(rankdata(pooled, axis=0) / (len(pooled) + 1))
    first, second = np.triu_indices(scores.shape[1])
    products = scores[:, first] * scores[:, second]
    moving = products.std(axis=0) > 1e-12  # what is constant on both sides is for the test of each output
    ours, theirs = products[: len(torch), moving], products[len(torch) :, moving]
    return np.nan_to_num(np.asarray(ttest_ind(ours, theirs, equal_var=False).pvalue), nan=1.0)
