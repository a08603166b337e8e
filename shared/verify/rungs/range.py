"""The rung range: what the ordinary inputs of the rung forward do not show."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from math import prod

from pydantic import with_config

from twotrack.shared.base.records import WITH_ARRAYS
from twotrack.shared.base.tolerances import TOLERANCES
from twotrack.shared.precision.rounding import Rounding
from twotrack.shared.spec.track import Precision
from twotrack.shared.verify import evidence, wide
from twotrack.shared.verify.alignment import (
    IN_TRAINING,
    NOTHING_HIDDEN,
    ORDINARY,
    Alignment,
    Difference,
    Passes,
    layer_of,
)
from twotrack.shared.verify.digests import LARGEST, SMALLEST
from twotrack.shared.verify.observation import Observation
from twotrack.shared.verify.passes import (
    EMPTY,
    HIDES_ALL,
    MASKED,
    NOT_ALLOWED,
    ROUNDINGS,
    SHAKES,
    WEIGHED,
    WIDE,
    Pass,
    Runner,
    is_not_finite,
    is_same,
    open_sizes,
    rounded,
    shaken,
)
from twotrack.shared.verify.result import FailurePlace, Gap, GapKind, RungResult
from twotrack.shared.verify.rungs.probe_rung import ProbeRung
from twotrack.shared.verify.side import ObservedSide


@with_config(WITH_ARRAYS)
@dataclass
class RangeEvidence:
    """What one side did in every pass, by its name."""

    passes: dict[str, Pass] = field(default_factory=dict)
    is_random: bool = False
    """In training mode it gives something else every time."""
    kept: list[str] = field(default_factory=list)
    """Settings that inputs of other sizes changed for good, and that were put back."""
    left_out: str = ""
    """Why it ran on few rows; empty if it ran on all."""


class RangeRung(ProbeRung[RangeEvidence]):
    """Runs both models on wide inputs, in other sizes and modes, and all that is in them on wide values."""

    name = "range"
    evidence = RangeEvidence

    def observe(self, side: ObservedSide) -> RangeEvidence:
        """Run every pass."""
        pair, found = side.exercise.pair, RangeEvidence()
        runner = _runner(side)
        found.left_out = _left_out(side.shapes) if runner.is_large else ""
        ways = _ways(side, runner)
        found.passes = {name: ways.pop(name)() for name in (ORDINARY, NOTHING_HIDDEN) if name in ways}
        found.passes["second call"] = runner.on(side.exercise.inputs())
        put_back = side.probe.settings()
        found.passes |= dict(_sizes(runner))
        if not is_same(runner.again(side.exercise.inputs()), found.passes[ORDINARY]):
            found.kept = put_back()
        if not side.exercise.has_data and any(spec.kind != "real" for spec in pair.specs.values()):
            found.passes |= {name: runner.masked(name) for name in MASKED}
        found.passes |= {name: run() for name, run in ways.items()}
        side.reset()
        found.is_random = not is_same(_in_training(side, runner), found.passes[IN_TRAINING])
        return found

    def measure(self, side: ObservedSide, doubts: Collection[str]) -> RangeEvidence:
        """Run the passes that are in doubt, those on wide rows also on rows that are rounded another way."""
        runner = _runner(side)
        runs = {name: run for name, run in _ways(side, runner).items() if name in {ORDINARY, *doubts}}
        for replaced, name in WIDE.items():
            for draw in _shakes(runner) if name in doubts else ():
                runs[shaken(name, draw)] = partial(runner.wide, replaced, draw)
        return RangeEvidence({name: run() for name, run in runs.items()})

    def enlarge(self, side: ObservedSide, doubts: Collection[str]) -> RangeEvidence:
        """Run the passes that are in doubt: float32 shows no rounding where it has lost all digits of a value."""
        runs: dict[str, Pass] = {}
        for draw in range(ROUNDINGS):
            side.reset()
            ways = _ways(side, _runner(side))
            with side.probe.rounded(Rounding("float64", draw)):
                runs |= {rounded(name, draw): run() for name, run in ways.items() if name in doubts}
        return RangeEvidence(runs)

    def check(self, torch: Observation, keras: Observation) -> RungResult:
        """Compare two sides, with what rounding at random was found to do, if that was looked at."""
        found = [side.probe(self.name, self.evidence) for side in (torch, keras)]
        return self.compare(found[0], found[1], _rounded(torch), _rounded(keras))

    def compare(
        self,
        torch: Mapping[Precision, RangeEvidence],
        keras: Mapping[Precision, RangeEvidence],
        *at_random: Mapping[str, Pass],
    ) -> RungResult:
        """Compare in float64; what float32 and, of either side, rounding `at_random` move says what rounding does."""
        doubles = {"torch": torch["float64"], "Keras": keras["float64"]}
        gaps = [_random(name) for name, side in doubles.items() if side.is_random]
        gaps += [_kept(name, side.kept) for name, side in doubles.items() if side.kept]
        gaps += [Gap(GapKind.NOT_RUN, "range", side.left_out) for side in [keras["float64"]] if side.left_out]
        shown = at_random or ({}, {})
        return compare_passes(_passes(torch, shown[0]), _passes(keras, shown[1]), gaps)


def _runner(side: ObservedSide) -> Runner:
    pair = side.exercise.pair
    return Runner(side.probe, pair.specs, pair.batch_size, side.shapes)


def _ways(side: ObservedSide, runner: Runner) -> dict[str, Callable[[], Pass]]:
    """Return how to run each pass of which float32 may be asked, too, in an order in which none disturbs the next."""
    inputs = side.exercise.inputs()
    ways: dict[str, Callable[[], Pass]] = {ORDINARY: partial(runner.ordinary, inputs)}
    if any(spec.kind != "real" for spec in side.exercise.pair.specs.values()):
        ways[NOTHING_HIDDEN] = partial(runner.whole, inputs)
    ways |= {WIDE[replaced]: partial(runner.wide, replaced) for replaced in WIDE}
    if any(spec.kind == "tokens" for spec in side.exercise.pair.specs.values()):
        ways[EMPTY] = runner.empty
    ways[IN_TRAINING] = partial(_in_training, side, runner)
    ways["wide values in training mode"] = runner.in_training
    return ways | {name: partial(_weighed, side, runner, factor) for name, factor in WEIGHED.items()}


def _weighed(side: ObservedSide, runner: Runner, factor: float) -> Pass:
    """Run with all weights so many times as large, and leave them so."""
    side.reset(factor)
    return runner.weighed()


def _passes(side: Mapping[Precision, RangeEvidence], rounded: Mapping[str, Pass]) -> Passes:
    return Passes(side["float64"].passes, side["float32"].passes if "float32" in side else {}, rounded)


def _rounded(side: Observation) -> Mapping[str, Pass]:
    """Return the passes whose every operation rounded at random; none if that was not looked at."""
    folder = side.rounded.get(RangeRung.name)
    return evidence.load(RangeEvidence, folder).passes if folder else {}


def _shakes(runner: Runner) -> Iterable[int]:
    return range(1, 2 if runner.is_large else SHAKES + 1)


def _left_out(shapes: Mapping[str, tuple[int, ...]]) -> str:
    values = sum(map(prod, shapes.values()))
    return f"{len(wide.FEW)} of {len(wide.KINDS)} kinds of wide rows, for {values:,} weights"


def _random(name: str) -> Gap:
    detail = f"{name} gives something else every time, so both sides are compared in inference mode only"
    return Gap(GapKind.RANDOM, "training mode", detail)


def _kept(name: str, changed: Sequence[str]) -> Gap:
    more = f", and {len(changed) - 1} more" if len(changed) > 1 else ""
    return Gap(GapKind.KEPT, "range", f"inputs of another size change {name}'s model for good: {changed[0]}{more}")


def _in_training(side: ObservedSide, runner: Runner) -> Pass:
    """Run in training mode on ordinary inputs, and undo what that moves."""
    ran = runner.on(side.exercise.inputs(), training=True)
    side.reset()
    return ran


def _sizes(runner: Runner) -> Iterator[tuple[str, Pass]]:
    """Run in other batch sizes, and with each axis that may be open in other sizes, as far as it is."""
    for batch in runner.batch_sizes:
        yield f"batch size {batch}", runner.sized(batch)
    for size, others in open_sizes(runner.inputs):
        for other in others:
            ran = runner.sized(runner.batch, {size: other})
            yield f"an axis of {other} in place of {size}", ran
            if ran.error:
                break


def compare_passes(torch: Passes, keras: Passes, known: Sequence[Gap] = ()) -> RungResult:
    """Compare every pass; name the first value that differs."""
    alignment = Alignment(torch, keras)
    result = _compared(alignment, torch, keras, known)
    return replace(result, in_doubt=alignment.in_doubt, doubts=alignment.doubts())


def _compared(alignment: Alignment, torch: Passes, keras: Passes, known: Sequence[Gap]) -> RungResult:
    is_random = any(gap.kind is GapKind.RANDOM for gap in known)
    gaps = [*known, *map(_unlike, alignment.unlike), *([] if is_random else _unlike_in_training(alignment))]
    largest = 0.0
    for name in keras.float64:
        if name == ORDINARY or name not in torch.float64 or (is_random and name.endswith(IN_TRAINING)):
            continue
        refused = _refused(name, torch.float64[name], keras.float64[name])
        gaps += refused
        if refused or keras.float64[name].error:
            continue
        if name in MASKED:
            gaps += _unlike_masks(name, alignment, torch, keras)
            continue
        difference, size = alignment.first_difference(name)
        largest = max(largest, size)
        if difference is None:
            continue
        if keras.float64[name].replaced and alignment.may_come_from_unmatched(difference):
            gaps += _unclear(alignment.unmatched_points)
            continue
        found = _failure(name, difference, alignment, torch, keras)
        return replace(found, detail="; ".join([found.detail, *map(_before_already, alignment.unlike[:1])]))
    gaps += [_undefined(*one) for one in list(alignment.undefined.items())[:1]]
    gaps += [_enlarged(*one) for one in list(alignment.enlarged.items())[:1]]
    gaps += [_strained(*one) for one in list(alignment.strained.items())[:1]]
    return _pass(alignment, torch, keras, list(dict.fromkeys(gaps)), largest)


def _refused(name: str, torch: Pass, keras: Pass) -> list[Gap]:
    """Return a gap if one side does not take what the other does."""
    if bool(torch.error) == bool(keras.error):
        is_axis = name.startswith("an axis") or not torch.error
        return [] if is_axis else [Gap(GapKind.NOT_RUN, name, f"neither side takes it ({keras.error})")]
    takes, refuses, error = ("torch", "Keras", keras.error) if keras.error else ("Keras", "torch", torch.error)
    if keras.error == NOT_ALLOWED:  # torch, which states nothing, may take more
        return []
    return [Gap(GapKind.NOT_RUN, name, f"{takes} takes it and {refuses} does not ({error})")]


def _unlike(path: str) -> Gap:
    detail = "it has other values on the two sides, though the outputs agree, so it was compared with what is around it"
    return Gap(GapKind.PARTNER, path, detail)


def _unlike_in_training(alignment: Alignment) -> list[Gap]:
    """Return a gap for each layer that has other values in training mode only."""
    paths = dict.fromkeys(layer_of(pair.keras.path) for pair in alignment.apart_in_training)
    detail = "it has other values on the two sides in training mode, though the outputs agree, so it was compared there"
    detail += " with what is around it"
    return [Gap(GapKind.PARTNER, path, detail) for path in paths if path not in alignment.unlike]


def _unlike_masks(name: str, alignment: Alignment, torch: Passes, keras: Passes) -> list[Gap]:
    """Return a gap if the outputs differ for masks that may not be meant; where all is hidden, NaN says so."""
    outputs = [pair for pair in alignment.matched if not pair.keras.path]
    undefined = name == HIDES_ALL and any(is_not_finite(side.float64[name]) for side in (torch, keras))
    difference, _ = alignment.first_difference(name)
    if undefined or difference is None or all(alignment.compare(name, pair).row is None for pair in outputs):
        return []
    found = _failure(name, difference, alignment, torch, keras)
    where = layer_of(difference.where.keras.path) or "the outputs"
    return [Gap(GapKind.MASK, where, f"{found.detail}; masks that hide the end of a sequence make no difference")]


def _undefined(path: str, is_keras: bool) -> Gap:
    side, other = ("Keras", "torch") if is_keras else ("torch", "Keras")
    detail = f"where all tokens are 0, as of padding alone, {side} has NaN or infinity and {other} has not"
    return Gap(GapKind.MASK, layer_of(path) or "the outputs", detail)


def _strained(path: str, size: float) -> Gap:
    detail = "where scores of a softmax in front of it are beyond 1e8, as large as the -1e9 by which some models hide "
    detail += f"others, its values differ by {size:.1e}"
    return Gap(GapKind.EXTREME, layer_of(path) or "the outputs", detail)


def _enlarged(path: str, share: float) -> Gap:
    detail = f"rounding is enlarged where digits cancel: on extreme values it was compared to {share:.0e} at worst"
    return Gap(GapKind.ROUNDING, layer_of(path) or "the outputs", detail)


def _before_already(path: str) -> str:
    return f"'{path}' has other values on the two sides on ordinary inputs already, though the outputs agree"


def _unclear(paths: list[str]) -> list[Gap]:
    detail = "its output is not the same thing on both sides, so what comes behind it ran on no values of its own"
    return [Gap(GapKind.PARTNER, path, detail) for path in paths]


def _failure(name: str, difference: Difference, alignment: Alignment, torch: Passes, keras: Passes) -> RungResult:
    where, ran = difference.where.keras, keras.float64[name]
    how = f"differs by {difference.size:.1e}" if difference.size < float("inf") else "has NaN or infinity on one side"
    on = _on(name, ran.rows[difference.row])
    limit = TOLERANCES["range"].limit
    if where.role == "outputs" and where.path:
        kinds = " against ".join(
            next(call.kind for call in side.float64[ORDINARY].calls if call.path == path)
            for side, path in ((keras, where.path), (torch, difference.where.torch.path))
        )
        path = layer_of(where.path)
        in_front = "" if _has_inputs(where.path, alignment) else ", or what is in front of it,"
        detail = f"layer '{path}' ({kinds}){in_front} {how} {on}"
        return RungResult("range", False, detail, difference.size, limit=limit, place=FailurePlace.LAYER, where=path)
    target = f"'{layer_of(where.path)}'" if where.path else "the outputs"
    detail = f"between {_before(difference, alignment)} and {target}: what comes out {how} {on}"
    return RungResult("range", False, detail, difference.size, limit=limit, place=FailurePlace.OUTPUTS)


def _has_inputs(path: str, alignment: Alignment) -> bool:
    """Return whether a call has inputs that were compared, and agree."""
    return any(pair.keras.path == path and pair.keras.role == "inputs" for pair in alignment.matched)


def _before(difference: Difference, alignment: Alignment) -> str:
    """Return the last layer in front of a value whose outputs agree."""
    before = "the inputs"
    for pair in alignment.matched:
        if pair == difference.where:
            return before
        if pair.keras.role == "outputs" and pair.keras.path:
            before = f"'{layer_of(pair.keras.path)}'"
    return before


def _on(name: str, row: str) -> str:
    if name in {"wide inputs", "wide values"}:
        return f"on values {row}" if name == "wide values" else f"on inputs {row}"
    if name == "wide values in training mode":
        return f"in training mode on values {row}"
    if name in WEIGHED:
        return f"with {name}"
    if name in {*MASKED, EMPTY}:
        return f"where {name}"
    if name == NOTHING_HIDDEN:
        return "where nothing is hidden"
    return f"in {name}" if name == IN_TRAINING else f"in a {name}" if name == "second call" else f"at {name}"


def _pass(alignment: Alignment, torch: Passes, keras: Passes, gaps: list[Gap], largest: float) -> RungResult:
    both = [name for name in keras.float64 if name in torch.float64]
    done = [name for name in both if not keras.float64[name].error and not torch.float64[name].error]
    rows = sum(len(keras.float64[name].rows) for name in done if name.startswith("wide"))
    layers = {pair.keras.path for pair in alignment.matched if pair.keras.path}
    sizes = [name for name in done if name.startswith(("batch size", "an axis"))]
    counts = {"rows of wide values": rows, "layers on wide values": len(layers), "other sizes": len(sizes)}
    return RungResult(
        "range",
        True,
        f"{rows} rows of wide values through the model and {len(layers)} layers, {len(sizes)} other sizes",
        largest,
        limit=TOLERANCES["range"].limit,
        counts=counts,
        ranges=_ranges(keras),
        gaps=tuple(gaps),
    )


def _ranges(side: Passes) -> dict[str, tuple[float, float]]:
    """Return the smallest and largest number that each layer was given."""
    found: dict[str, tuple[float, float]] = {}
    for call in (call for ran in side.float64.values() for call in ran.calls):
        for given in call.inputs:
            low, high = found.get(layer_of(call.path), (float("inf"), float("-inf")))
            found[layer_of(call.path)] = (
                min(low, float(given[:, SMALLEST].min())),
                max(high, float(given[:, LARGEST].max())),
            )
    return found
