"""A pair's module, as its build function or the chapter makes it."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import nn

from twotrack.shared.errors import UserError, as_user_error
from twotrack.shared.spec.objective import (
    Objective,
    objective,
)
from twotrack.shared.spec.pair import ChapterBuild, Pair
from twotrack.shared.workers.imports import import_kept
from twotrack.torch_track import compiled, outputs
from twotrack.torch_track.precision import building


def built(pair: Pair) -> nn.Module:
    """Build the pair's module alone, as it takes the pair's inputs in evaluation mode."""
    module, _ = model_of(pair)
    return outputs.adapted(module, pair.specs, tuple(pair.outputs.values())).eval()


def shapes_only(pair: Pair) -> nn.Module:
    """Build the pair's module without memory for its weights; with it, if its build function needs numbers."""
    try:
        with torch.device("meta"):
            return model_of(pair)[0]
    except Exception:  # the user's own code may need numbers
        return model_of(pair)[0]


def model_of(pair: Pair) -> tuple[nn.Module, bool]:
    """Build the pair's module; tell whether it has a base."""
    build = pair.build("torch")
    if isinstance(build, ChapterBuild):
        return _chapter_module(build), build.has_base
    return _users_module(build), False


def goal(pair: Pair, names: Sequence[str], is_plain: bool) -> Objective:
    """Return the losses in the order of the outputs; those of a tuple have no names that a pair's could be held to."""
    if pair.train:
        return pair.objective
    return objective(pair.loss, tuple(pair.outputs) or names, known=bool(pair.outputs) or not is_plain)


def _chapter_module(build: ChapterBuild) -> nn.Module:
    return import_kept(f"twotrack.torch_track.models.{build.slug}").build(build.config)


def _users_module(build: Callable[[], Any]) -> nn.Module:
    with as_user_error("the torch build function failed"), building():
        module = build()
    if not isinstance(module, nn.Module):
        raise UserError(f"the torch build function must return an nn.Module, found {type(module).__name__}.")
    compiled.begin()
    return compiled.unwrapped(module)
