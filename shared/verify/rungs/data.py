"""The rung data: both sides were trained on the same bytes, in as many batches."""

from twotrack.shared.verify.observation import Observation
from twotrack.shared.verify.result import RungResult
from twotrack.shared.verify.trace import Trace, epochs_in_words


def check_data(torch: Observation, keras: Observation) -> RungResult:
    """Compare how many batches both sides were trained on, and the hashes of their bytes."""
    torch_trace, keras_trace = torch.traces["float64"], keras.traces["float64"]
    if torch_trace.epochs != keras_trace.epochs and not torch.has_own_loop:  # which may end early
        detail = f"Keras was fed {_fed(keras_trace)}, torch {_fed(torch_trace)}"
        return RungResult("data", False, detail)
    same = torch_trace.batches == keras_trace.batches
    detail = f"same bytes, {torch_trace.batches[:12]}" if same else "the two sides were fed different bytes"
    return RungResult("data", same, detail)


def _fed(trace: Trace) -> str:
    return f"{len(trace.epochs)} batches in {epochs_in_words(trace)}"
