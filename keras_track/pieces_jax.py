"""Counts pieces of what runs on JAX: a function is traced once, and its operations give out what decides in them."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from math import prod
from typing import Any

import jax
import numpy as np
from jax import lax
from jax import numpy as jnp
from jax.extend import core

from twotrack.shared.pieces import frames
from twotrack.shared.pieces.choice import Choice, Window
from twotrack.shared.pieces.recorder import Recorder
from twotrack.shared.pieces.watch import GIVEN, WEIGHT, Fact, Operand, Watch

_SCOPE = re.compile(r"twotrack_layer_(\d+)_")


_QUICK = {"xla_backend_optimization_level": "0", "xla_llvm_disable_expensive_passes": "True"}
"""Numbers are only counted: what is run a few times is compiled as fast as can be."""


def scope(number: int) -> Any:
    """Return what gives operations the number of the layer that they are traced in."""
    return jax.named_scope(f"twotrack_layer_{number}_")


@dataclass(frozen=True)
class _Value:
    """What stands for a variable of a traced function."""

    given: Any
    fact: Fact | None
    """None of a constant, which is concrete."""


@dataclass
class _Site:
    """A place in a traced function: one piecewise operation, or where a layer begins or ends."""

    scopes: tuple[int, ...]
    """Numbers of the layers that it is in, outermost first."""
    choice: Choice | None = None
    """Without its arrays; None where a layer only begins or ends."""
    has_margins: bool = False
    stacked: int = 0
    """How many loops it is in: each puts an axis in front of its arrays."""


@dataclass
class Traced:
    """A function whose pieces can be counted, for inputs of one shape."""

    run: Callable[..., Sequence[Any]]
    """Maps weights and inputs to the arrays of all sites."""
    sites: Sequence[_Site]

    def count(self, recorder: Recorder, paths: Sequence[str], *arguments: Any) -> None:
        """Run, and count every site under its layer."""
        arrays = iter(self.run(*arguments))
        at_work: tuple[int, ...] = ()
        for site in self.sites:
            _move(recorder, paths, at_work, site.scopes)
            at_work = site.scopes
            if site.choice is not None:
                values = np.asarray(next(arrays))
                margins = np.asarray(next(arrays)) if site.has_margins else None
                _count_steps(recorder, site.choice, site.stacked, values, margins)
        _move(recorder, paths, at_work, ())


def _move(recorder: Recorder, paths: Sequence[str], at_work: tuple[int, ...], wanted: tuple[int, ...]) -> None:
    """Leave layers and enter others."""
    common = 0
    while at_work[: common + 1] == wanted[: common + 1] and common < min(len(at_work), len(wanted)):
        common += 1
    for _ in at_work[common:]:
        recorder.leave()
    for number in wanted[common:]:
        recorder.enter(paths[number])


def _count_steps(
    recorder: Recorder, choice: Choice, stacked: int, values: np.ndarray, margins: np.ndarray | None
) -> None:
    """Count a choice once, or once for every step of the loops that it is in, all under one place."""
    place = recorder.next_place(choice.function)
    steps = prod(values.shape[:stacked])
    flat = values.reshape(steps, *values.shape[stacked:])
    flat_margins = [None] * steps if margins is None else margins.reshape(steps, *margins.shape[stacked:])
    for step in range(steps):
        recorder.add(place, replace(choice, values=flat[step], margins=flat_margins[step]))


def traced(function: Callable, weights: Any, inputs: Any) -> Traced:
    """Trace `function(weights, inputs)`; weights and inputs are nested arrays."""
    closed = jax.make_jaxpr(function)(weights, inputs)
    facts = [WEIGHT] * len(jax.tree.leaves(weights)) + [GIVEN] * len(jax.tree.leaves(inputs))
    sites: list[_Site] = []

    def run(weights: Any, inputs: Any) -> list[Any]:
        sites.clear()
        given = map(_Value, jax.tree.leaves((weights, inputs)), facts)
        seen = _Interpreter(sites)
        constants = [_Value(constant, None) for constant in closed.consts]
        seen.run(closed.jaxpr, constants, list(given), _Context())
        return seen.arrays

    return Traced(jax.jit(run, compiler_options=_QUICK), sites)


@dataclass(frozen=True)
class _Context:
    """Where in a traced function its inner functions are."""

    scopes: tuple[int, ...] = ()
    part: frames.Part = frames.NO_PART
    stacked: int = 0

    def of(self, equation: Any) -> "_Context":
        """Return where an equation is."""
        inner = tuple(int(number) for number in _SCOPE.findall(str(equation.source_info.name_stack)))
        part = frames.part_of(_frames(equation)).within(self.part)
        return replace(self, scopes=self.scopes + inner, part=part)


def _frames(equation: Any) -> Iterator[frames.Frame]:
    traceback = equation.source_info.traceback
    for frame in traceback.frames if traceback else ():
        yield frame.file_name, frame.function_name


@dataclass
class _Interpreter:
    """Runs a traced function operation by operation, and collects what decides in the piecewise ones."""

    sites: list[_Site]
    arrays: list[Any] = field(default_factory=list)

    def run(self, jaxpr: Any, constants: Sequence[_Value], given: Sequence[_Value], context: _Context) -> list[_Value]:
        """Return the results."""
        values: dict[Any, _Value] = dict(zip([*jaxpr.constvars, *jaxpr.invars], [*constants, *given], strict=True))

        def read(variable: Any) -> _Value:
            return _Value(variable.val, None) if isinstance(variable, core.Literal) else values[variable]

        for equation in jaxpr.eqns:
            results = self._equation(equation, [read(variable) for variable in equation.invars], context)
            values.update(zip(equation.outvars, results, strict=True))
        return [read(variable) for variable in jaxpr.outvars]

    def _equation(self, equation: Any, given: list[_Value], context: _Context) -> list[_Value]:
        name, inside = equation.primitive.name, context.of(equation)
        if not self.sites or self.sites[-1].scopes != inside.scopes:
            self.sites.append(_Site(inside.scopes))
        is_constant = all(value.fact is None for value in given) and not equation.effects
        if is_constant and all(variable.aval.size == 1 for variable in equation.outvars):  # more is not worth compiling
            with jax.ensure_compile_time_eval():
                return [_Value(result, None) for result in _bound(equation, given)]
        inner = _inner(equation)
        if name == "scan":
            return self._scan(equation, given, inside)
        if inner is not None:
            constants = [_Value(constant, None) for constant in inner.consts]
            return self.run(inner.jaxpr, constants, given, inside)
        fact = self._see(equation, given, inside)
        return [_Value(result, fact) for result in _bound(equation, given)]

    def _see(self, equation: Any, given: list[_Value], context: _Context) -> Fact:
        """Show an operation to the watch; return what is known of its results."""
        seen = _OPERATIONS.get(equation.primitive.name)
        if seen is None:
            return Fact(any(value.fact.varies for value in given if value.fact))
        watch = Watch(partial(self._tell, context), jnp)
        return seen(watch, [Operand(value.given, value.fact) for value in given], equation.params)

    def _tell(self, context: _Context, choice: Choice) -> None:
        named = context.part.named(choice)
        if named is None:
            return
        without_arrays = replace(named, values=None, margins=None)
        self.sites.append(_Site(context.scopes, without_arrays, choice.margins is not None, context.stacked))
        self.arrays += choice.arrays

    def _scan(self, equation: Any, given: list[_Value], context: _Context) -> list[_Value]:
        """Run a loop; what decides in its steps is stacked."""
        settings = equation.params
        number, carried = settings["num_consts"], settings["num_carry"]
        closed = settings["jaxpr"]
        varies = Fact(any(value.fact.varies for value in given if value.fact))
        constants = given[:number]
        inner = _Interpreter([])

        def step(carry: Any, slices: Any) -> Any:
            inner.sites.clear()
            inner.arrays.clear()
            values = [*constants, *(_Value(value, varies) for value in (*carry, *slices))]
            results = inner.run(
                closed.jaxpr,
                [_Value(constant, None) for constant in closed.consts],
                values,
                replace(context, stacked=context.stacked + 1),
            )
            outcome = [result.given for result in results]
            return outcome[:carried], (outcome[carried:], list(inner.arrays))

        start = [value.given for value in given[number : number + carried]]
        start = [
            jnp.asarray(value, variable.aval.dtype) for value, variable in zip(start, equation.outvars, strict=False)
        ]
        slices = [value.given for value in given[number + carried :]]
        ended, (stacked, arrays) = lax.scan(step, start, slices, length=settings["length"], reverse=settings["reverse"])
        self.sites += inner.sites
        self.arrays += arrays
        return [_Value(result, varies) for result in (*ended, *stacked)]


def _inner(equation: Any) -> Any:
    """Return the traced function that an operation only calls; None if it does something else."""
    if equation.primitive.name not in _CALLS:
        return None
    found = equation.params.get("jaxpr", equation.params.get("call_jaxpr", equation.params.get("fun_jaxpr")))
    return found if hasattr(found, "consts") else core.ClosedJaxpr(found, ())


def _bound(equation: Any, given: Sequence[_Value]) -> list[Any]:
    with equation.ctx.manager:
        settings = equation.primitive.get_bind_params(equation.params)
        functions, settings = settings if isinstance(settings, tuple) else ((), settings)  # a pair before JAX 0.10
        result = equation.primitive.bind(*functions, *(value.given for value in given), **settings)
    return list(result) if equation.primitive.multiple_results else [result]


_CALLS = {
    "jit", "pjit", "closed_call", "core_call", "custom_jvp_call", "custom_vjp_call", "custom_vjp_call_jaxpr", "remat2",
    "checkpoint", "custom_lin",
}  # fmt: skip


# === What operations of JAX are called here ===

Given = Mapping[str, Any]
See = Callable[[Watch, Sequence[Operand], Given], Fact]


def _plain(operation: str, name: str = "") -> See:
    return lambda watch, given, settings: watch.see(operation, given, {}, name)


def _first(operation: str) -> See:
    return lambda watch, given, settings: watch.see(operation, given[:1])


def _flags(operation: str) -> See:
    """A combination of flags; of whole numbers, bit by bit, nothing is known."""
    return lambda watch, given, settings: watch.see(operation if given[0].value.dtype == bool else "unknown", given)


def _multiply(watch: Watch, given: Sequence[Operand], settings: Given) -> Fact:
    a, b = given
    return watch.see("multiply itself", [a]) if a.given is b.given else watch.see("multiply", given)


def _power(watch: Watch, given: Sequence[Operand], settings: Given) -> Fact:
    return watch.see("even power" if settings["y"] % 2 == 0 else "unknown", given)


def _cast(watch: Watch, given: Sequence[Operand], settings: Given) -> Fact:
    is_cast = given[0].value.dtype.kind == "b" != np.dtype(settings["new_dtype"]).kind
    return watch.see("cast flags" if is_cast else "same", given, {}, "a mask" if is_cast else "")


def _select(watch: Watch, given: Sequence[Operand], settings: Given) -> Fact:
    """select_n(which, *cases): of two, the first where the flag is false."""
    if given[0].value.dtype == bool:
        condition, where_false, where_true = given
        return watch.see("where", [condition, where_true, where_false], {}, "where")
    return watch.see("unknown", given)


def _clamp(watch: Watch, given: Sequence[Operand], settings: Given) -> Fact:
    low, value, high = given
    return watch.see("clamp", [value, low, high])


def _along(operation: str, name: str = "") -> See:
    def see(watch: Watch, given: Sequence[Operand], settings: Given) -> Fact:
        window = Window.over_axes(given[0].value.shape, tuple(settings["axes"]))
        return watch.see(operation, given[:1], {"window": window}, name)

    return see


def _along_one(name: str, axis: str) -> See:
    def see(watch: Watch, given: Sequence[Operand], settings: Given) -> Fact:
        window = Window.over_axes(given[0].value.shape, (settings[axis],))
        return watch.see("axis max", given[:1], {"window": window}, name)

    return see


def _window(operation: str) -> See:
    def see(watch: Watch, given: Sequence[Operand], settings: Given) -> Fact:
        before, after = zip(*settings["padding"], strict=True)
        window = Window(
            tuple(settings["window_dimensions"]),
            tuple(settings["window_strides"]),
            tuple(before),
            tuple(after),
            tuple(settings["window_dilation"]),
        )
        return watch.see(operation, given[:1], {"window": window})

    return see


def _gather(watch: Watch, given: Sequence[Operand], settings: Given) -> Fact:
    """(table, places (..., axes)): axes of which one place is read have rows."""
    table, places = given
    numbers = settings["dimension_numbers"]
    for column, axis in enumerate(numbers.start_index_map):
        if settings["slice_sizes"][axis] == 1 and places.fact:
            place = Operand(places.value[..., column], places.fact)
            watch.see("rows", [place], {"rows": table.value.shape[axis]}, "take")
    return Fact(any(operand.fact is not None and operand.fact.varies for operand in given), table.bounds)


def _cond(watch: Watch, given: Sequence[Operand], settings: Given) -> Fact:
    """A branch that is chosen while the function runs; what is inside is not looked at."""
    watch.see("rows", given[:1], {"rows": len(settings["branches"])}, "cond")
    return Fact(any(operand.fact is not None and operand.fact.varies for operand in given))


_SAME = (
    "reshape", "squeeze", "expand_dims", "transpose", "broadcast_in_dim", "slice", "dynamic_slice", "rev", "copy",
    "stop_gradient", "split", "copy_p", "reduce_precision", "optimization_barrier", "real",
)  # fmt: skip

_OPERATIONS: Mapping[str, See] = {
    **{name: _first("same") for name in _SAME},
    **{name: _first(name) for name in ("abs", "sign", "floor", "ceil", "round", "tanh", "exp")},
    **{name: _first(name) for name in ("sqrt", "rsqrt", "square")},
    "logistic": _first("sigmoid"), "neg": _first("negate"), "reduce_sum": _first("sum"), "integer_pow": _power,
    "add": _plain("add"), "sub": _plain("subtract"), "mul": _multiply, "div": _plain("divide"),
    "max": _plain("maximum"), "min": _plain("minimum"), "clamp": _clamp, "concatenate": _plain("join"),
    "pad": _plain("join"),
    **{name: _plain(name) for name in ("gt", "ge", "lt", "le", "eq", "ne")},
    "and": _flags("and"), "or": _flags("or"), "not": _flags("not"),
    "is_finite": _plain("is finite"), "select_n": _select, "convert_element_type": _cast,
    "reduce_max": _along("axis max"), "reduce_min": _along("axis min"),
    "argmax": _along("axis max", "argmax"), "argmin": _along("axis min", "argmin"),
    "sort": _along_one("sort", "dimension"), "top_k": _along_one("top_k", "axis"),
    "reduce_window_max": _window("window max"), "reduce_window_min": _window("window min"),
    "gather": _gather, "cond": _cond,
}  # fmt: skip
