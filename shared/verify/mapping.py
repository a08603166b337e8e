"""Which weights of a user's pair are each other's: by name, by a map's file beside the pair, or found."""

import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from twotrack.shared.errors import UserError, as_user_error
from twotrack.shared.matching.result import Match
from twotrack.shared.spec.sides import TORCH, Sides
from twotrack.shared.spec.track import OwnWeights
from twotrack.shared.verify.exercise import loaded
from twotrack.shared.verify.inspecting import inspecting
from twotrack.shared.verify.matching import find_match
from twotrack.shared.verify.request import SideRequest, VerifyRequest
from twotrack.shared.verify.showing import Showing
from twotrack.shared.verify.user_pair import NamedPair
from twotrack.shared.weights.bridge import BridgeError
from twotrack.shared.weights.bridge.names import listed
from twotrack.shared.weights.correspondence import map_file
from twotrack.shared.weights.correspondence.weight_map import NO_MAP, WeightMap
from twotrack.shared.workers.door import open_track
from twotrack.shared.workers.task import Report, task


def with_map(request: VerifyRequest, sides: Sides, showing: Showing, folder: Path) -> VerifyRequest:
    """Return the request with what is known of the pair's weights.

    That is what a map's file says, or what a search finds where names do not tell: it goes to a file beside the pair.
    Raises UserError for a file that is no map, or one that does not fit the models any more.
    """
    if request.pair is None or request.weight_map is not None:
        return request
    file = _file(request)
    if file is None and not request.use_map:
        return request
    if not sides.builds.is_mixed:
        if file is not None:
            wanted = "a weight map is for a Keras model and one of torch; give Pair(rename=...) instead"
            raise UserError(f"'{file}': {wanted}.")
        return request
    torch, other = own_weights_of(request, sides, showing, folder)
    if file is not None:
        weight_map = _checked(request, file, torch, other)
    elif one_to_one(torch, other):
        weight_map = NO_MAP
    else:
        request = found_map(request, sides.candidates[0].track, torch, other, showing, folder)
        weight_map = request.weight_map or NO_MAP
    weight_map = with_kept(weight_map, torch, other)
    return request.model_copy(update={"weight_map": weight_map}) if weight_map else request


def with_kept(weight_map: WeightMap, torch: OwnWeights, keras: OwnWeights) -> WeightMap:
    """Return the map that also keeps torch's buffers of which it says nothing, and for which Keras has no weight."""
    said = {*weight_map.sources, *weight_map.unused_torch, *weight_map.kept_torch}
    missing = (name for canonical, name in torch.buffers.items() if canonical not in keras.canonical)
    return replace(weight_map, kept_torch=(*weight_map.kept_torch, *(name for name in missing if name not in said)))


def found_map(
    request: VerifyRequest, track: str, torch: OwnWeights, keras: OwnWeights, showing: Showing, folder: Path
) -> VerifyRequest:
    """Search which weight is which; return the request with the map, if it says something of every weight.

    A whole map is written beside the pair. Else names decide, and a note says where the search got stuck. What Keras
    trains and torch has not is no constant, and a bias that only torch's layer has is in no rule: either stays without
    a partner, which the rung parameters tells.
    """
    try:
        match = search(request, track, showing, folder)
    except UserError as error:  # the rung parameters tells of the names
        return request.model_copy(update={"map_notes": (f"no map was found: {error}",)})
    known, file = with_match(request, match, torch, keras), map_beside(request)
    if known.weight_map is None or file is None or match.recorded_surplus or known.weight_map != as_map(match):
        return known
    map_file.write(file, known.weight_map)
    return known.model_copy(update={"map_notes": (f"{known.map_notes[0]}, and is in '{file}'",)})


def with_match(request: VerifyRequest, match: Match, torch: OwnWeights, keras: OwnWeights) -> VerifyRequest:
    """Return the request with the map that a search found, if it says something of every weight; else with a note."""
    if not match.is_proved and nested(torch, keras):
        told = "a search found no map with which the outputs are the same; names decide"
        return request.model_copy(update={"map_notes": (told,)})
    surplus = match.recorded_surplus
    if match.live_left or set(match.recorded_left) - set(surplus):
        return request.model_copy(update={"map_notes": (_stuck(match),)})
    weight_map = as_map(match)
    if in_both := _unused_in_both(weight_map, torch):
        told = f"no map was found: the outputs that were looked at depend on '{in_both}' on neither side"
        return request.model_copy(update={"map_notes": (told,)})
    alone = [name for name, rule in weight_map.rules.items() if rule.constant is not None and name in keras.trained]
    if alone:
        weight_map = replace(weight_map, rules={n: rule for n, rule in weight_map.rules.items() if n not in alone})
    note = f"no names: the map of {len(weight_map.rules)} weights was found in {match.seconds:.0f} s"
    if alone:
        note += f"; torch has none of {listed(alone)}, which Keras trains"
    if surplus:
        note += f"; Keras has none of torch's {listed(list(surplus))}"
    return request.model_copy(update={"weight_map": weight_map, "map_notes": (note,)})


def _unused_in_both(weight_map: WeightMap, torch: OwnWeights) -> str:
    """Return a weight that both sides have under one name, in other shapes, and that has no effect; empty for none.

    One that is said to be unused would hide that the shapes differ.
    """
    idle = set(weight_map.unused_torch)
    names = (name for name in weight_map.unused_keras if idle & {*torch.aliases.get(name, ())})
    return next(names, "")


def search(request: VerifyRequest, keras: str, showing: Showing, folder: Path) -> Match:
    """Find which of torch's weights is which of a Keras track's; UserError if a side does not run."""
    pair = request.located().pair
    if pair is None:
        raise UserError(f"expected a pair of your own, 'module:NAME', found '{request.name}'.")
    place = Path(tempfile.mkdtemp(dir=folder))
    return find_match(
        pair, showing.pool, place, keras, TORCH, on_progress=lambda one: showing.on_phase(keras, one.phase)
    )


def as_map(match: Match) -> WeightMap:
    """Return what a search found as a map."""
    rules = {name: found.rule for name, found in match.weights.items()}
    told = {"names": "by name: values do not tell", "nearest": "the nearest: the models differ here"}
    notes = {name: told[found.how] for name, found in match.weights.items() if found.how in told}
    return WeightMap(rules, match.recorded_unused, match.live_unused, notes)


def _stuck(match: Match) -> str:
    """Return how far a search came, in words."""
    left = listed([*match.live_left, *match.recorded_left])
    place = f" it got stuck at torch's '{match.stuck}'; " if match.stuck else " "
    return f"a search found {len(match.weights)} weights of Keras in torch's, and not {left};{place}names decide"


def _checked(request: VerifyRequest, file: Path, torch: OwnWeights, keras: OwnWeights) -> WeightMap:
    """Return the map of a file; UserError if it does not fit the two sides."""
    weight_map = map_file.read(file)
    kept = with_kept(weight_map, torch, keras)
    problems = [*weight_map.problems(torch.sources, keras.canonical), *_uncovered(kept, torch, keras)]
    if problems:
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        raise UserError(
            f"the weight map '{file}' does not fit the models: {problems[0]}{more}; edit it, "
            f"or remove it and run: twotrack match {request.name}"
        )
    return with_shapes(weight_map, keras.canonical)


def own_weights_of(
    request: VerifyRequest, sides: Sides, showing: Showing, folder: Path
) -> tuple[OwnWeights, OwnWeights]:
    """Return what torch's side and the first Keras track call their weights, without a map's file."""
    asked = {side: SideRequest(verify=request, side=side, folder=folder) for side in sides.all[:2]}
    found = showing.pool.each(list(asked), lambda side: showing.call(side.track, own_weights, asked[side]))
    torch, other = found.values()
    return torch, other


@task
def own_weights(request: SideRequest, report: Report) -> OwnWeights:
    """Build a side, and return what it calls its weights."""
    pair = loaded(request.verify).side(request.side)
    try:
        with inspecting(request, report) as tell:
            tell("weights")
            return open_track(request.side.track, "auto").own_weights(pair)
    except BridgeError as error:
        raise UserError(f"{request.verify.name}: {error}") from error


def one_to_one(torch: OwnWeights, keras: OwnWeights) -> bool:
    """Tell whether every weight, but for buffers of the user's, has one counterpart of its name and size."""
    own, other = ({name: sorted(shape) for name, shape in side.canonical.items()} for side in (torch, keras))
    return {name: shape for name, shape in own.items() if name in other or name not in torch.buffers} == other


def nested(torch: OwnWeights, keras: OwnWeights) -> bool:
    """Tell whether one side has every weight of the other, by name and size, and more: then names tell enough."""
    own, other = ({name: sorted(shape) for name, shape in side.canonical.items()} for side in (torch, keras))
    return _holds(own, other) or _holds(other, own)


def _holds(one: Mapping[str, list[int]], other: Mapping[str, list[int]]) -> bool:
    return all(one.get(name) == shape for name, shape in other.items())


def with_shapes(weight_map: WeightMap, canonical: Mapping[str, tuple[int, ...]]) -> WeightMap:
    """Return the map with the shapes of its constants, which its file need not say."""
    rules = {
        name: replace(rule, shape=tuple(canonical[name])) if rule.constant is not None and rule.shape is None else rule
        for name, rule in weight_map.rules.items()
    }
    return replace(weight_map, rules=rules)


def _uncovered(weight_map: WeightMap, torch: OwnWeights, keras: OwnWeights) -> Iterator[str]:
    """Yield a sentence for the weights of either side of which the map, and names, say nothing."""
    left = {
        name
        for name, aliases in torch.aliases.items()
        if not {*aliases} & {*weight_map.sources, *weight_map.unused_torch, *weight_map.kept_torch}
    }
    known = {*weight_map.rules, *weight_map.unused_keras}
    for side, names in (
        ("Keras", sorted(set(keras.canonical) - known - left)),
        ("torch", sorted(left - (set(keras.canonical) - known))),
    ):
        if names:
            yield f"{side} has {listed(names)}, of which it says nothing"


def _file(request: VerifyRequest) -> Path | None:
    """Return the map's file that is asked for, or that lies beside the pair; None if there is none."""
    if request.map_file is not None:
        return request.map_file
    beside = map_beside(request)
    return beside if beside and request.use_map and beside.is_file() else None


def map_beside(request: VerifyRequest) -> Path | None:
    """Return where the map of a pair that is named as text lies, if its module's file is found."""
    if not isinstance(request.pair, NamedPair):
        return None
    module = _module_file(request.pair.module, (*request.pair.folders, *map(Path, filter(None, sys.path))))
    return module and map_file.beside(module, request.pair.name)


def _module_file(module: str, folders: Sequence[Path]) -> Path | None:
    inner = Path(*module.split("."))
    candidates = (folder / place for folder in folders for place in (inner.with_suffix(".py"), inner / "__init__.py"))
    with as_user_error(f"looking for '{module}' failed"):
        return next((file for file in candidates if file.is_file()), None)
