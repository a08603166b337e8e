"""The state of Keras' own optimizers in its files, in canonical form and back; see shared/spec/optimizer_files.py."""

import json
import zipfile
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np

from twotrack.keras_track import optimizer_state
from twotrack.keras_track.checkpoints import opened, precision_for
from twotrack.keras_track.track import as_keras
from twotrack.shared.errors import UserError
from twotrack.shared.spec.optimizer_files import CARRIED, CarriedOptimizer
from twotrack.shared.spec.optimizers import Optimizer
from twotrack.shared.spec.track import BuildModel, TrackModel

VARIABLES = "optimizer/vars"


def read(path: Path, build: BuildModel, own: Optimizer) -> CarriedOptimizer | None:
    """Return the optimizer of a file; None if it holds none.

    A .keras file says whose state it is; of a .weights.h5 it is that of `own`. UserError for what cannot be carried.
    """
    kinds = _variables(path)
    if not kinds:
        return None
    with precision_for(kinds) as precision:
        model, spec = as_keras(build(precision)), _spec(path, own)
        resume(path, model, spec)
        return CarriedOptimizer(spec, optimizer_state.read(model.model.optimizer, spec, model.table()))


def write(path: Path, weights: Mapping[str, np.ndarray], carried: CarriedOptimizer, build: BuildModel) -> None:
    """Write weights and the state of the optimizer, as `save_weights` of a compiled model does."""
    with precision_for(array.dtype for array in weights.values()) as precision:
        model = as_keras(build(precision))
        model.load_weights(weights)
        model.attach(native(carried.spec))
        optimizer_state.write(model.model.optimizer, carried.spec, model.table(), carried.state)
        model.model.save_weights(path)


def resume(path: Path, model: TrackModel, spec: Optimizer) -> None:
    """Load a file into a model and an optimizer of Keras' own as Keras does, with the epsilon of a spec."""
    own, name = as_keras(model), type(spec).__name__
    own.attach(native(spec))
    found, expected = len(_variables(path)), len(own.model.optimizer.variables)
    if found != expected:
        raise UserError(
            f"'{path}' holds {found} variables of an optimizer, {name} of this model has {expected}; expected the file "
            f"of a model that was compiled with {name}: name its optimizer with --set optimizer=NAME."
        )
    rate = float(own.model.optimizer.learning_rate)
    try:
        own.model.load_weights(path)
    except Exception as error:
        raise UserError(f"Keras refuses '{path}': {str(error).splitlines()[0]}") from error
    own.model.optimizer.learning_rate = rate


def native(spec: Optimizer) -> keras.optimizers.Optimizer:
    """Return Keras' own optimizer with the numbers of a spec."""
    told: dict[str, Any] = {name: value for name, value in vars(spec).items() if isinstance(value, bool | int | float)}
    told = {name: value for name, value in told.items() if name not in ("dampening", "accumulate")}
    if "initial" in told:
        told["initial_accumulator_value"] = told.pop("initial")
    return getattr(keras.optimizers, type(spec).__name__)(**told)


def _spec(path: Path, own: Optimizer) -> Optimizer:
    """Return the numbers of a file's optimizer as a spec."""
    if path.suffix != ".keras":
        if type(own).__name__ not in CARRIED:
            raise UserError(f"expected one of {', '.join(CARRIED)}, found {type(own).__name__}.")
        return own
    try:
        with zipfile.ZipFile(path) as archive:
            told = json.loads(archive.read("config.json"))["compile_config"]["optimizer"]
        name, config = told["class_name"], told["config"]
    except (KeyError, TypeError, ValueError, OSError) as error:
        raise UserError(f"'{path}' does not say what its model was compiled with.") from error
    if name not in CARRIED:
        raise UserError(f"'{path}': expected the state of one of {', '.join(CARRIED)}, found {name}.")
    return CARRIED[name](**_numbers(CARRIED[name], config))


def _numbers(kind: type, config: Mapping[str, Any]) -> dict[str, Any]:
    renamed = dict(config) | {"initial": config.get("initial_accumulator_value")}
    rate = renamed.get("learning_rate")
    if not isinstance(rate, int | float):  # a schedule: the rate of the step to come is not the file's to say
        raise UserError(
            "the learning rate of the file's optimizer is a schedule; name a number with --set learning_rate=."
        )
    names = [field.name for field in fields(kind)]
    found = {name: renamed[name] for name in names if renamed.get(name) is not None}
    return {name: value for name, value in found.items() if isinstance(value, bool | int | float)}


def _variables(path: Path) -> list[np.dtype]:
    """Return the types of the variables of an optimizer that a file holds; UserError if it cannot be read."""
    try:
        with opened(path) as file:
            group = file.get(VARIABLES)
            return [one.dtype for one in group.values()] if isinstance(group, h5py.Group) else []
    except (OSError, KeyError, AttributeError, zipfile.BadZipFile) as error:
        raise UserError(f"'{path}' is no readable Keras file: {str(error).splitlines()[0]}") from error
