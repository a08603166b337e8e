"""The gate: what a version folder must show in the server's own runtime before it is called an export.

Runs in a process that has not imported TensorFlow in Python, with XLA switched off, as in the stock server.
"""

import sys
from collections.abc import Callable, Mapping
from fnmatch import fnmatch
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from google.protobuf.message import DecodeError

from twotrack.shared.base.tolerances import EXPORT_LIMIT
from twotrack.shared.export.check import NOT_REACHED, PASSED, REFUSED, Check, Compared
from twotrack.shared.export.tf_serving import expected, loaded, prediction_log
from twotrack.shared.export.tf_serving.expected import Expected, NothingExpectedError
from twotrack.shared.export.tf_serving.folders import WARM_UP
from twotrack.shared.export.tf_serving.loader import LoadedModel, ServingError, known_operations
from twotrack.shared.export.tf_serving.names import (
    CLASS_NAME,
    CLASSIFY_METHOD,
    DEFAULT,
    PREDICT_METHOD,
    PROBABILITIES,
    SCORES,
)
from twotrack.shared.export.tf_serving.prediction_log import LoggedRequest
from twotrack.shared.workers.task import task

BATCH_SIZES = (1, 2, 7, 32)
MOST_WARM_UP_REQUESTS = 1000
"""The server refuses a longer file."""
FOREIGN = {
    "*PyFunc*": "calls Python, which the server does not have",
    "Xla*": "needs XLA compilation, which the stock server switches off",
    "Cudnn*": "needs a GPU",
}
"""Operations by pattern, and why a stock server cannot run them."""


class RefusedError(Exception):
    """A check failed; the message says what was expected and what was found."""


@task
def check_folder(version: Path) -> Compared:
    """Check a version folder."""
    return check_version(version)


def check_version(version: Path) -> Compared:
    """Do every check of a version folder in turn; after one that refuses the others are not reached."""
    with _Candidate(version) as candidate:
        checks: list[Check] = []
        for name, run_check in CHECKS.items():
            refused = any(check.state == REFUSED for check in checks)
            state, detail = (NOT_REACHED, "") if refused else _outcome(run_check, candidate)
            checks.append(Check(name=name, state=state, detail=detail))
        return Compared(differences=candidate.differences, checks=checks)


def _outcome(run_check: "Callable[[_Candidate], str]", candidate: "_Candidate") -> tuple[str, str]:
    """Return the state and detail of one check."""
    try:
        return PASSED, run_check(candidate)
    except (RefusedError, ServingError, NothingExpectedError) as error:
        return REFUSED, str(error)


class _Candidate:
    """A version folder, read and loaded as far as the checks have come."""

    def __init__(self, version: Path):
        self.version = version
        self.differences: dict[int, float] = {}
        """The largest of a probability so far, by batch size."""

    def __enter__(self) -> "_Candidate":
        return self

    def __exit__(self, *_: object) -> None:
        if "model" in vars(self):
            self.model.close()

    @cached_property
    def meta_graph(self) -> Any:
        return loaded.meta_graph((self.version / "saved_model.pb").read_bytes())

    @cached_property
    def signatures(self) -> Mapping[str, loaded.LoadedSignature]:
        return loaded.signatures(self.meta_graph)

    @cached_property
    def model(self) -> LoadedModel:
        return LoadedModel(self.version)

    @cached_property
    def expected(self) -> Expected:
        return expected.read(self.version)


def _files(candidate: _Candidate) -> str:
    """saved_model.pb can be read, and the variables are there."""
    if not candidate.version.name.isdecimal():
        raise RefusedError(f"expected a whole number as the name of the version, found '{candidate.version.name}'")
    for name in ("saved_model.pb", "variables/variables.index"):
        if not (candidate.version / name).is_file():
            raise RefusedError(f"expected a file {name}, found none")
    try:
        nodes = len(candidate.meta_graph.graph_def.node)
    except (DecodeError, IndexError) as error:
        raise RefusedError(f"saved_model.pb is damaged: {error}") from error
    size = sum(file.stat().st_size for file in candidate.version.rglob("*") if file.is_file())
    return f"{nodes:,} nodes, {size / 1e6:.1f} MB"


def _operations(candidate: _Candidate) -> str:
    """No operation that the stock server lacks."""
    graph = candidate.meta_graph.graph_def
    own = {function.signature.name for function in graph.library.function}
    nodes = [*graph.node, *(node for function in graph.library.function for node in function.node_def)]
    used = {node.op for node in nodes} - own
    for operation in sorted(used):
        for pattern, reason in FOREIGN.items():
            if fnmatch(operation, pattern):
                raise RefusedError(f"operation {operation} {reason}")
    if strange := sorted(used - known_operations()):
        raise RefusedError(f"operation {strange[0]} is none of the server's")
    return f"{len(used)} kinds, all the server's own"


def _signatures(candidate: _Candidate) -> str:
    """There is a serving_default, and every input takes any number of examples."""
    signatures = candidate.signatures
    if DEFAULT not in signatures:
        raise RefusedError(f"expected a signature {DEFAULT}, found {', '.join(signatures) or 'none'}")
    for name, signature in signatures.items():
        if signature.method not in (PREDICT_METHOD, CLASSIFY_METHOD):
            raise RefusedError(f"{name}: the server has no method '{signature.method}'")
        for tensor_name, tensor in [*signature.inputs.items(), *signature.outputs.items()]:
            if not tensor.shape or tensor.shape[0] != -1:
                raise RefusedError(
                    f"{name}: {tensor_name} has shape {tensor.shape}; expected any number of examples (-1) first"
                )
    return ", ".join(signatures)


def _loads(candidate: _Candidate) -> str:
    """The C++ runtime loads it."""
    if "tensorflow" in sys.modules:
        raise RefusedError("TensorFlow's Python is in this process: the check would prove nothing")
    _ = candidate.model
    return "in the C++ runtime, XLA switched off"


def _predictions(candidate: _Candidate) -> str:
    """Every signature gives the run's probabilities, whatever the batch size."""
    largest = {request.signature: _largest(candidate, request) for request in candidate.expected.requests}
    sizes = ", ".join(map(str, BATCH_SIZES))
    differences = ", ".join(f"{name} {difference:.1e}" for name, difference in largest.items())
    return f"batches of {sizes}; largest difference of {EXPORT_LIMIT:.0e}: {differences}"


def _largest(candidate: _Candidate, request: LoggedRequest) -> float:
    """Return the largest difference of a probability over the batch sizes."""
    signature, largest = _signature(candidate, request.signature), 0.0
    for size in BATCH_SIZES:
        difference = _difference(candidate.expected, signature.ask(candidate.model, request.first(size).inputs), size)
        candidate.differences[size] = max(difference, candidate.differences.get(size, 0.0))
        if not difference <= EXPORT_LIMIT:  # NaN is refused too
            raise RefusedError(
                f"{request.signature}, batch of {size}: probabilities differ from the run's by {difference:.1e}, "
                f"limit {EXPORT_LIMIT:.0e}"
            )
        largest = max(largest, difference)
    return largest


def _difference(expectation: Expected, answers: Mapping[str, np.ndarray], size: int) -> float:
    """Return the largest difference of a probability; RefusedError if the answers have another form."""
    expected_probabilities, answered = expectation.probabilities[:size], answers.get(PROBABILITIES, answers.get(SCORES))
    if answered is None or answered.shape != expected_probabilities.shape:
        shapes = ", ".join(f"{name} {array.shape}" for name, array in answers.items())
        raise RefusedError(f"expected {PROBABILITIES} or {SCORES} {expected_probabilities.shape}, found {shapes}")
    best = np.array(expectation.origin.class_names)[answered.argmax(axis=1)].tolist()
    if CLASS_NAME in answers and [name.decode() for name in answers[CLASS_NAME]] != best:
        raise RefusedError(f"{CLASS_NAME} is not the class of the largest probability")
    return float(np.abs(answered - expected_probabilities).max())


def _warm_up(candidate: _Candidate) -> str:
    """The warm-up file's requests are answered."""
    path = candidate.version / WARM_UP
    try:
        requests = prediction_log.read(path)
    except (OSError, prediction_log.DamagedLogError) as error:
        raise RefusedError(f"{WARM_UP}: {error}") from error
    if not 0 < len(requests) <= MOST_WARM_UP_REQUESTS:
        raise RefusedError(f"{WARM_UP}: expected 1 to {MOST_WARM_UP_REQUESTS:,} requests, found {len(requests):,}")
    for request in requests:
        _signature(candidate, request.signature).ask(candidate.model, request.inputs)
    return f"{len(requests)} requests replayed"


def _signature(candidate: _Candidate, name: str) -> loaded.LoadedSignature:
    if name not in candidate.signatures:
        raise RefusedError(f"expected a signature {name}, found {', '.join(candidate.signatures)}")
    return candidate.signatures[name]


CHECKS: Mapping[str, Callable[[_Candidate], str]] = {
    "files": _files,
    "operations": _operations,
    "signatures": _signatures,
    "loads": _loads,
    "predictions": _predictions,
    "warm-up": _warm_up,
}
