"""A pair's Keras model, as its build function or the chapter makes it."""

from collections.abc import Callable
from typing import Any

import keras

from twotrack.keras_track import (
    outputs,
)
from twotrack.keras_track.inputs import given_example, stated_rows, takes_names
from twotrack.keras_track.session import start_afresh
from twotrack.shared.errors import UserError, as_user_error
from twotrack.shared.spec.objective import (
    Objective,
    objective,
)
from twotrack.shared.spec.outputs import Outputs
from twotrack.shared.spec.pair import ChapterBuild, Pair
from twotrack.shared.spec.track import TrackModel
from twotrack.shared.workers.imports import import_kept


def built(pair: Pair) -> keras.Model:
    """Build the pair's network alone."""
    return model_of(pair)[0]


def shapes_only(pair: Pair) -> keras.Model:
    """Build the pair's network, on PyTorch without memory for its weights; with it, if it needs numbers."""
    if keras.backend.backend() == "torch":
        try:
            with keras.device("meta"):
                return built(pair)
        except Exception:  # the user's own code may need numbers
            start_afresh(0)
    return built(pair)


def model_of(pair: Pair) -> tuple[keras.Model, bool, Outputs]:
    """Build the pair's network; tell whether it has a base, and how it gives its outputs."""
    build = pair.build("keras")
    if isinstance(build, ChapterBuild):
        return _chapter_network(build), build.has_base, TrackModel.given
    network, given = _users_network(build, pair)
    return network, False, given


def goal(pair: Pair, network: keras.Model, given: Outputs) -> Objective:
    """Return the losses in the order of the outputs, by the names that Keras has for them."""
    if pair.train:
        return pair.objective
    if pair.outputs:
        return objective(pair.loss, tuple(pair.outputs), known=True)
    own = getattr(network, "output_names", None) if given.is_plain else None
    return objective(pair.loss, own or given.names, known=bool(own) or not given.is_plain)


def _chapter_network(build: ChapterBuild) -> keras.Model:
    return import_kept(f"twotrack.keras_track.models.{build.slug}").build(build.config)


def _called(network: keras.Model, build: Callable[[], Any], pair: Pair) -> tuple[keras.Model, Any]:
    """Call a model on zeros; return it and what it gives.

    Nothing says whether a subclassed model takes several inputs in a list or by name. If not the one, the other is
    tried, on a model that is built anew.
    """
    network = outputs.adapted(network, tuple(pair.outputs))
    try:
        return network, network(given_example(network, pair.specs), training=False)
    except Exception as error:
        if len(pair.specs) == 1 or getattr(network, "inputs", None):
            raise
        again = outputs.adapted(build(), tuple(pair.outputs))
        takes_names(again)
        try:
            return again, again(given_example(again, pair.specs), training=False)
        except Exception:
            raise error from None


def _users_network(build: Callable[[], Any], pair: Pair) -> tuple[keras.Model, Outputs]:
    """Call the user's build function, and the model once: that builds a subclassed one, and shows a wrong shape.

    Return the model, and what it gives.
    """
    with as_user_error("the Keras build function failed"):
        network = build()
    if not isinstance(network, keras.Model):
        raise UserError(f"the Keras build function must return a keras.Model, found {type(network).__name__}.")
    with as_user_error(f"the Keras model does not take inputs of {pair.shapes}"):
        network, given = _called(network, build, pair)
    if (rows := stated_rows(network)) not in (None, pair.batch_size):
        told = f"the Keras model states batches of {rows} and takes no other, the pair has batch_size={pair.batch_size}"
        with as_user_error(f"{told}; say batch_size={rows}, or leave the batch open"):
            network(given_example(network, pair.specs, pair.batch_size), training=False)
    return network, outputs.outputs_of(given)
