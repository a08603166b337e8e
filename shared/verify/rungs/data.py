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
    detail = f"same bytes, {torch_trace.batches[:12]}" if same else _fed_otherwise(torch_trace, keras_trace)
    return RungResult("data", same, detail)


def _fed_otherwise(torch: Trace, keras: Trace) -> str:
    """Say why targets differ: what the models give has other shapes; or that they do."""
    given = [", ".join(str(one.shape) for one in side.outputs) for side in (keras, torch)]
    if given[0] == given[1]:
        return "the two sides were fed different bytes"
    return f"the model gives {given[0]} in Keras and {given[1]} in torch for the same inputs: no targets fit both"


def _fed(trace: Trace) -> str:
    return f"{len(trace.epochs)} batches in {epochs_in_words(trace)}"
