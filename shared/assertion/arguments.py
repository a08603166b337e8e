"""What a test gives for a pair: a Pair, its name, or two models, each as a build function or as an object."""

from collections.abc import Callable, Mapping
from dataclasses import fields
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, NamedTuple

from twotrack.shared.errors import UserError
from twotrack.shared.spec.inputs import ONLY, Input, InputShape
from twotrack.shared.spec.pair import ChapterBuild, Pair
from twotrack.shared.workers import door

if TYPE_CHECKING:
    import numpy as np

SIDES = {"keras": "a keras.Model", "torch": "an nn.Module"}
_NOT_OF_A_PAIR = {"keras", "torch", "input_shape", "inputs"}
"""Fields of Pair that have an argument of their own."""


class Subject(NamedTuple):
    """What an assertion is about."""

    pair: str | Pair
    """A pair, or the name of one or of a chapter."""
    inputs: "Mapping[str, np.ndarray] | None" = None
    """Arrays (rows, ...) by input name, on which to compare; None for what the pair says."""


def given(subject: object, torch: object, inputs: object, keras: object, options: Mapping[str, Any]) -> Subject:
    """Return what the arguments of an assertion give.

    `subject` is a Pair, the name of one, or the Keras side, which `keras` may be instead. Raises UserError if they do
    not fit, TypeError for one that is unknown.
    """
    _require_known(options)
    if isinstance(subject, str | Pair):
        _require_alone(subject, {"keras": keras, "torch": torch, "inputs": inputs, **options})
        return Subject(subject)
    if subject is not None and keras is not None:
        raise UserError("the Keras model is given twice: as the first argument and as keras=.")
    sides = {"keras": subject if keras is None else keras, "torch": torch}
    for side, model in sides.items():
        _require_side(side, model, sides)
    pair = Pair(keras=sides["keras"], torch=sides["torch"], input_shape=_inputs(inputs), **options)  # type: ignore[arg-type]
    return Subject(pair, _values(inputs, pair.batch_size))


def _require_known(options: Mapping[str, Any]) -> None:
    known = {field.name for field in fields(Pair)} - _NOT_OF_A_PAIR
    for name in options:
        if name not in known:
            near = get_close_matches(name, known, n=1)
            hint = f"did you mean '{near[0]}'?" if near else f"a Pair's are: {', '.join(sorted(known))}."
            raise TypeError(f"unexpected argument '{name}': {hint}")


def _require_alone(subject: str | Pair, others: Mapping[str, Any]) -> None:
    more = [name for name, value in others.items() if value is not None]
    if more:
        kind = "a Pair" if isinstance(subject, Pair) else f"the name '{subject}'"
        raise UserError(f"{kind} says all of a pair itself: leave out {', '.join(f'{name}=' for name in more)}.")


def _require_side(side: str, model: object, sides: Mapping[str, object]) -> None:
    """Raise UserError for what cannot be a side: nothing, the other framework's model, or neither's."""
    wanted = f"expected {SIDES[side]}, or a function without arguments that builds one"
    if isinstance(model, tuple):
        for one in model:
            _require_side(side, one, sides)
        return
    if model is None and any(isinstance(other, tuple) for other in sides.values()):
        return  # two models of the other framework are a pair by themselves
    if model is None:
        found = [f"only {name}=" for name, other in sides.items() if other is not None]
        raise UserError(f"{side}=: {wanted}, found {found[0] if found else 'neither side'}.")
    framework = door.framework_of(model)
    if framework == side or isinstance(model, ChapterBuild):
        return
    if framework:
        raise UserError(
            f"{side}=: {wanted}, found {_kind(model)}, which is {SIDES[framework]}; give it as {framework}=."
        )
    if _is_of_keras_2(model):
        raise UserError(f"{side}=: {wanted}, found a {_kind(model)} of Keras 2; twotrack takes models of Keras 3.")
    if not callable(model) or hasattr(model, "signatures"):  # a SavedModel can be called
        raise UserError(f"{side}=: {wanted}, found {_described(model)}.")


def _is_of_keras_2(model: object) -> bool:
    return any(base.__module__.partition(".")[0] == "tf_keras" for base in type(model).__mro__)


def _kind(thing: object) -> str:
    return type(thing).__name__


def _described(thing: object) -> str:
    text = f" ({str(thing)[:40]!r})" if isinstance(thing, str | int | float) else ""
    return f"an object of neither framework, {type(thing).__module__}.{type(thing).__qualname__}{text}"


def _inputs(inputs: Any) -> InputShape:
    """Return the description of the inputs; that of arrays is their shapes and kinds."""
    one = "the shape that Keras gets, without the batch axis, an Input or an array (batch, ...)"
    wanted = f"inputs=: expected {one}, or a mapping of these by name"
    if inputs is None:
        raise UserError(f"{wanted}, found nothing.")
    named = inputs if isinstance(inputs, Mapping) else {ONLY: inputs}
    if not named:
        raise UserError(f"{wanted}, found an empty mapping.")
    arrays = {name: array for name, value in named.items() if (array := _array(value)) is not None}
    if arrays and len(arrays) < len(named):
        raise UserError(f"{wanted}, found arrays and others together: {', '.join(named)}.")
    if arrays:
        _require_one_batch(arrays)
    for name, value in named.items():
        if name not in arrays and not _is_shape(value):
            raise UserError(f"{wanted}, found {_kind(value)} {str(value)[:60]!r} for '{name}'.")
    described = {name: _input(name, array) for name, array in arrays.items()}
    if not arrays:
        own: InputShape = inputs
        return own
    return described if isinstance(inputs, Mapping) else described["input"]


def _values(inputs: Any, batch_size: int) -> "dict[str, np.ndarray] | None":
    """Return the arrays among what was checked, with rows again from the first where a batch has more; None if none."""
    import numpy as np

    named = inputs if isinstance(inputs, Mapping) else {ONLY: inputs}
    arrays = {name: array for name, value in named.items() if (array := _array(value)) is not None}
    if not arrays:
        return None
    rows = len(next(iter(arrays.values())))
    numbers = np.arange(max(rows, batch_size)) % rows
    return {name: array[numbers] for name, array in arrays.items()}


def _is_shape(value: object) -> bool:
    sizes = value if isinstance(value, tuple | list) else None
    return isinstance(value, Input) or (
        sizes is not None and all(isinstance(size, int) and not isinstance(size, bool) and size > 0 for size in sizes)
    )


def _array(value: Any) -> "np.ndarray | None":
    """Return the array that an array of NumPy or of a framework is; None for anything else."""
    import numpy as np

    if isinstance(value, Input | tuple | list | str) or not (hasattr(value, "shape") and hasattr(value, "dtype")):
        return None
    if hasattr(value, "detach"):
        value = value.detach().cpu()
    return np.asarray(value)


def _require_one_batch(arrays: "Mapping[str, np.ndarray]") -> None:
    batches = {name: array.shape[0] if array.ndim else 0 for name, array in arrays.items()}
    if len(set(batches.values())) > 1 or not all(batches.values()):
        told = ", ".join(f"'{name}' {array.shape}" for name, array in arrays.items())
        raise UserError(f"inputs=: expected arrays of one batch (batch, ...), found {told}.")


def _input(name: str, array: "np.ndarray") -> Input:
    kinds: dict[str, Callable[[], Input]] = {
        "f": lambda: Input(array.shape[1:]),
        "b": lambda: Input(array.shape[1:], kind="mask"),
        "i": lambda: Input(array.shape[1:], kind="tokens", size=int(array.max()) + 1),
        "u": lambda: Input(array.shape[1:], kind="tokens", size=int(array.max()) + 1),
    }
    if array.dtype.kind not in kinds:
        raise UserError(f"inputs=: expected numbers, ids or masks, found {array.dtype} for '{name}'.")
    if array.dtype.kind == "i" and array.size and array.min() < 0:
        raise UserError(f"inputs=: expected ids from 0 on, found {array.min()} in '{name}'.")
    return kinds[array.dtype.kind]()
