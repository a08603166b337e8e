"""What is changed on Keras' side where no change of torch's removes a difference: parts of a model that do nothing.

Keras runs in another process than the search, so only the climb that follows tells what is left with such a change.
What it proves is where the difference comes from; what torch has to do to be as Keras is the part that was left out.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence

from twotrack.shared.spec.candidates import Candidate
from twotrack.shared.spec.changes import AddNoLoss, Change, DrawNothing, UsePlainMethod
from twotrack.shared.spec.draws import Draw
from twotrack.shared.verify.diagnosis.findings import SearchRequest
from twotrack.shared.verify.draws import DROPOUT
from twotrack.shared.verify.rungs.dropout import drawn_alike


def candidates(request: SearchRequest) -> Iterator[Candidate]:
    """Yield what may be left out in Keras, the least first."""
    if propose := _PROPOSALS.get(request.rung):
        yield from propose(request)


# === Random layers ===


def _random_layers(request: SearchRequest) -> Iterator[Candidate]:
    """Yield layers that draw nothing: one alone, all, then those of both sides where none of them is a dropout."""
    own, other = request.torch.draws, request.keras.draws
    torch = list({draw.layer: draw for draw in own.draws}.values())
    keras = list({draw.layer: draw for draw in other.draws if draw.layer}.values())
    for quiet in [*([one] for one in keras), *([keras] if len(keras) > 1 else [])]:
        if drawn_alike(own, other.without([draw.layer for draw in quiet])):
            yield without(quiet, is_keras=True)
    if torch and keras and not any(draw.is_dropout for draw in (*torch, *keras)):
        yield _other_numbers(torch, keras)


def without(draws: Sequence[Draw], is_keras: bool) -> Candidate:
    """Return that layers of one side, each with one of its draws, do in training what they do in inference mode."""
    side, other = ("Keras", "torch") if is_keras else ("torch", "Keras")
    told = " and ".join(map(_drawing, draws))
    left_out = f"without the random part of {told}: out of the model, or on the batches that both sides are given"
    added = f"the random part of {told} too"
    return Candidate(
        changes=tuple(DrawNothing(path=draw.layer, is_keras=is_keras) for draw in draws),
        what=f"{side} draws in training in {told}, {other} has nothing there",
        torch_fix=added if is_keras else left_out,
        keras_fix=left_out if is_keras else added,
        entry="random_layers" if is_keras else "",
        where=draws[0].layer,
    )


def _other_numbers(torch: Sequence[Draw], keras: Sequence[Draw]) -> Candidate:
    """Return that both sides draw, and do not do the same with it: without it nothing differs."""
    own, other = (
        " and ".join(f"{draw.base or 'other'} numbers {draw.shape} in {_drawing(draw)}" for draw in draws)
        for draws in (torch, keras)
    )
    return Candidate(
        changes=(*without(keras, is_keras=True).changes, *without(torch, is_keras=False).changes),
        what=f"what is random is not the same: Keras draws {other}, torch draws {own}",
        torch_fix=f"what Keras does with {other}",
        keras_fix=f"what torch does with {own}",
        entry="random_layers",
        where=keras[0].layer,
    )


def _drawing(draw: Draw) -> str:
    """Say which layer draws."""
    rate = "" if draw.rate is None else f" of rate {draw.rate:g}"
    return f"'{draw.layer}' ({draw.kind}{rate})" if draw.layer else f"the model itself ({draw.function}{rate})"


# === Weights that act in training alone ===


def _own_weights(request: SearchRequest) -> Iterator[Candidate]:
    """Yield layers in inference mode whose own weights, which torch lacks, change what they do in training."""
    kinds = {layer.path: layer.kind for layer in request.keras.traces["float64"].layers}
    names = [name for name, depends in request.keras.unused.items() if depends]
    paths = [path for path in dict.fromkeys(name.rpartition(".")[0] for name in names) if path in kinds]
    if paths:
        told = " and ".join(f"'{path}' ({kinds[path]})" for path in paths)
        yield Candidate(
            changes=tuple(DrawNothing(path=path, is_keras=True) for path in paths),
            what=f"{told} changes in Keras' training what it does by {' and '.join(names)}, torch has nothing of it",
            torch_fix=f"what {told} does in training, such as nn.utils.parametrizations.spectral_norm",
            keras_fix=f"the layer inside without {told}",
            entry="spectral_normalization" if {kinds[path] for path in paths} == {"SpectralNormalization"} else "",
            where=paths[0],
        )


# === Losses ===


def _losses(request: SearchRequest) -> Iterator[Candidate]:
    """Yield layers that add to the loss, and methods of the model's own that make up a step."""
    added = list(request.keras.traces["float64"].added)
    if added:
        told = " and ".join(f"'{path}'" if path else "the model itself" for path in added)
        yield _candidate(
            [AddNoLoss(path=path) for path in added],
            f"{told} adds to Keras' loss for what it computes (add_loss), torch's loss has nothing of it",
            f"what {told} adds, in the loss",
            f"no add_loss in {told}",
            added[0],
        )
    methods = request.keras.own_methods
    for names in [*((name,) for name in methods), *([methods] if len(methods) > 1 else [])]:
        told = " and ".join(f"{name}()" for name in names)
        yield _candidate(
            [UsePlainMethod(name=name) for name in names],
            f"Keras' model has its own {told}, which does something else than torch; by Keras' own both agree",
            f"what the model's {told} does beside Keras' own",
            f"no {told} of the model's own",
        )


def _candidate(changes: Sequence[Change], what: str, torch_fix: str, keras_fix: str, where: str = "") -> Candidate:
    return Candidate(changes=tuple(changes), what=what, torch_fix=torch_fix, keras_fix=keras_fix, where=where)


_PROPOSALS: Mapping[str, Callable[[SearchRequest], Iterator[Candidate]]] = {
    DROPOUT: _random_layers,
    "parameters": _own_weights,
    "gradients": _losses,
    "training": _losses,
}
"""By rung."""
