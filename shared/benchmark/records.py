"""What a benchmark measures and leaves as JSON."""

from pathlib import Path
from typing import Any, Literal, get_args

from pydantic import ValidationError

from twotrack.shared.base import ordinary
from twotrack.shared.base.records import FrozenRecord
from twotrack.shared.errors import UserError, first_error, unknown
from twotrack.shared.spec.track import RunPrecision
from twotrack.shared.spec.tuning import Tuning

BASELINE = "torch script"
"""Name of the chapter's training as a learner writes it in torch, with which all others are compared."""
Form = Literal["script", "plain", "run", "tuned"]
"""As a learner writes it; the recipe's steps with nothing switched on, as a run does them, with all switched on."""
FORMS: tuple[Form, ...] = get_args(Form)


def named_form(name: str) -> Form:
    """Return the form of that name; UserError, with the nearest name, if there is none."""
    for known in FORMS:
        if name == known:
            return known
    raise unknown("form", name, FORMS)


class Contestant(FrozenRecord):
    """One way to train."""

    name: str
    track: str
    form: Form
    recipe: str
    """Empty for a script, which has its own."""
    precision: RunPrecision = "float32"
    tuning: Tuning = Tuning()


class Interval(FrozenRecord):
    """A mean over rounds, with its 95 % interval by Student's t; of one round that has no width."""

    mean: float
    low: float
    high: float


class Pace(FrozenRecord):
    """Training steps of one contestant, after the warm-up."""

    contestant: Contestant
    batch_size: int
    rounds: list[float]
    """Examples per second of each."""
    examples_per_second: Interval
    peak_memory: int
    """Bytes: the largest of its processes, one for each round."""
    share_of_peak: float | None
    """Of `matmul`, by the operations of a step as torch counts them; None without torch."""


class Trial(FrozenRecord):
    """One training up to the target, or to its end."""

    seed: int
    score: float
    """On the test split, in the chapter's metric."""
    seconds: float
    """Of training steps and of feeding them, without imports, warm-up and validation."""


class Reached(FrozenRecord):
    """All trainings of one contestant."""

    contestant: Contestant
    trials: list[Trial]
    score: Interval
    seconds: Interval
    times_as_fast: float | None
    """As the baseline: its mean seconds over these; None without one, or where a mean score is below the target."""


class Benchmark(FrozenRecord):
    """All of it."""

    chapter: str
    metric: str
    steps: int
    """Of a round."""
    rounds: int
    matmul: float
    """Floating-point operations per second of a float32 product of matrices in NumPy: the best of its repetitions."""
    paces: list[Pace]
    target: float | None
    reached: list[Reached]
    device: str
    """auto, cpu or cuda, as it was asked for."""
    command: list[str]
    environment: dict[str, Any]


def read(path: Path) -> Benchmark:
    """Read what a benchmark left as JSON; UserError if it is something else."""
    try:
        return Benchmark.model_validate_json(ordinary.text_of(path))
    except OSError as error:
        raise UserError(f"cannot read '{path}': {(error.strerror or str(error)).lower()}.") from error
    except ValidationError as error:
        raise UserError(f"'{path}' is not what 'benchmark --out' writes: {first_error(error)}.") from error
    except UnicodeDecodeError as error:
        raise UserError(f"'{path}' is not what 'benchmark --out' writes: {error}.") from error
