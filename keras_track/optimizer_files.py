"""The state of Keras' optimizers in its files, in canonical form and back; see shared/spec/optimizer_files.py."""

import json
import zipfile
from collections.abc import Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import keras
import numpy as np

from twotrack.keras_track import optimizer_state, optimizers
from twotrack.keras_track.checkpoints import opened, precision_for
from twotrack.keras_track.track_model import KerasModel, as_keras
from twotrack.keras_track.update_options import named
from twotrack.shared.errors import UserError, one_line
from twotrack.shared.spec.framework_files import BuildModel
from twotrack.shared.spec.optimizer_files import (
    CARRIED,
    CarriedOptimizer,
    is_of,
    keras_has,
    like,
    no_averages,
    other_optimizer,
)
from twotrack.shared.spec.optimizers import Optimizer
from twotrack.shared.spec.pair import CustomOptimizer
from twotrack.shared.spec.state import OptimizerState
from twotrack.shared.spec.track import TrackModel
from twotrack.shared.spec.update_options import EMA

PLACE = "optimizer"
VARIABLES = f"{PLACE}/vars"
WHOLE = ".keras"
_CLASSES = {"DampenedSGD": "SGD", "CanonicalMuon": "Muon"}
"""twotrack's own classes in Keras: what spec they are of."""


class Stored(NamedTuple):
    """What a file holds of an optimizer."""

    types: list[np.dtype]
    """Of its variables."""
    name: str
    """That Keras gave it, its class in small letters unless the user named it; empty if the file does not say."""


def read(path: Path, build: BuildModel, own: Optimizer | CustomOptimizer) -> CarriedOptimizer | None:
    """Return the optimizer of a file; None if it holds none.

    A .keras file says whose state it is; of a .weights.h5 it is that of `own`. UserError for what cannot be carried.
    """
    stored = _stored(path)
    if not stored.types:
        return None
    with precision_for(stored.types) as precision:
        model = as_keras(build(precision))
        known, schedule = _as_spec(model, own)
        spec = _spec(path, known) if path.suffix == WHOLE else known
        _require_own(path, stored, spec)
        is_scheduled = _load(path, model, spec)
        optimizer, notes = model.model.optimizer, list[str]()
        if is_scheduled:
            count = int(optimizer.iterations)
            spec = replace(spec, learning_rate=float(schedule(count)) if schedule else spec.learning_rate)
            notes = [f"learning rate: a schedule's, at update {count:,}; the other file gets {spec.learning_rate:g}"]
        else:
            spec = replace(spec, learning_rate=float(optimizer.learning_rate))
        state = optimizer_state.read(model.model.optimizer, spec, model.table())
        kept = {name: array for name, array in state.slots.items() if name.partition("/")[2] in model.shapes()}
        return CarriedOptimizer(spec, replace(state, slots=kept), notes)


def write(path: Path, weights: Mapping[str, np.ndarray], carried: CarriedOptimizer, build: BuildModel) -> None:
    """Write weights and the state of the optimizer, as a compiled model is saved; UserError if it cannot be."""
    with precision_for(array.dtype for array in weights.values()) as precision:
        model = as_keras(build(precision))
        model.load_weights(weights)
        if path.suffix == WHOLE:
            _write_whole(path, model, carried)
            return
        model.attach(_native(carried.spec, model))
        _put(model, carried)
        model.model.save_weights(path)


def _write_whole(path: Path, model: KerasModel, carried: CarriedOptimizer) -> None:
    """Write a .keras file that loads without twotrack: compiled with an optimizer of Keras' own, and no loss."""
    if not keras_has(carried.spec):
        raise UserError("Keras has no optimizer of its own that accumulates or averages so; write .weights.h5.")
    model.model.compile(optimizer=optimizers.plain(carried.spec))
    model.model.optimizer.build(model.model.trainable_variables)
    _put(model, carried)
    try:
        model.model.save(path)
    except Exception as error:  # the user's own get_config
        raise UserError(f"Keras cannot save the model whole ({one_line(error)}); write .weights.h5.") from error


def _put(model: KerasModel, carried: CarriedOptimizer) -> None:
    """Let the optimizer go on from a state; what it remembers of weights that are left out stays what it is."""
    optimizer, spec, state = model.model.optimizer, carried.spec, carried.state
    own = optimizer_state.read(optimizer, spec, model.table()).slots
    left_out = {name: array for name, array in own.items() if name.partition("/")[2] not in model.shapes()}
    whole = OptimizerState(left_out | state.slots, state.updates, state.batches, state.rows, state.product)
    optimizer_state.write(optimizer, spec, model.table(), whole)


def resume(path: Path, model: TrackModel, spec: Optimizer) -> None:
    """Load a file into a model and its optimizer as Keras does, with the epsilon and the rate of a spec."""
    own = as_keras(model)
    if not _load(path, own, spec):
        own.model.optimizer.learning_rate = spec.learning_rate


def _load(path: Path, model: KerasModel, spec: Optimizer) -> bool:
    """Load a file into the model and an optimizer of a spec; return whether its learning rate is a schedule's."""
    found = len(_stored(path).types)
    model.attach(_native(spec, model))
    expected = len(model.model.optimizer.variables)
    is_scheduled = found == expected - 1  # a schedule's rate is no variable
    if is_scheduled:
        model.attach(_native(spec, model, is_scheduled))
    elif found != expected:
        name = type(spec).__name__
        raise UserError(
            f"'{path}' holds {found} variables of an optimizer, {name} of this model has {expected}; expected the file "
            f"of a model that was compiled with {name}: name its optimizer with --set optimizer=NAME of a chapter, "
            "optimizer= of a Pair."
        )
    try:
        model.model.load_weights(path)
    except Exception as error:  # HDF5 and Keras have one of any kind for a file that does not fit
        raise UserError(f"Keras refuses '{path}': {one_line(error)}") from error
    return is_scheduled


def _native(spec: Optimizer, model: KerasModel, is_scheduled: bool = False) -> keras.optimizers.Optimizer:
    """Return the optimizer of Keras with the numbers of a spec; what it remembers is in the same order as Keras' own.

    A schedule always gives the same rate.
    """
    schedule = keras.optimizers.schedules.ExponentialDecay
    rate = schedule(spec.learning_rate, 1, 1.0) if is_scheduled else spec.learning_rate
    return optimizers.at_rate(spec, rate, named({id(entry.variable): name for name, entry in model.table().items()}))


# === Whose state it is ===


def _as_spec(
    model: KerasModel, own: Optimizer | CustomOptimizer
) -> tuple[Optimizer, keras.optimizers.schedules.LearningRateSchedule | None]:
    """Return the pair's optimizer as a spec, and its schedule; of the user's own function what it returns says."""
    if not isinstance(own, CustomOptimizer):
        return own, None
    made = model.new_optimizer(own, [])
    told, schedule = keras.optimizers.serialize(made), made._learning_rate
    is_schedule = isinstance(schedule, keras.optimizers.schedules.LearningRateSchedule)
    spec = _told(f"the pair's {type(made).__name__}", told["class_name"], told["config"], None)
    return spec, schedule if is_schedule else None


def _require_own(path: Path, stored: Stored, spec: Optimizer) -> None:
    """Require that a file does not say of its optimizer that it is another one."""
    if stored.name.lower() in {name.lower() for name in CARRIED} and not is_of(stored.name, spec):
        raise UserError(other_optimizer(path, stored.name, spec))


def _spec(path: Path, own: Optimizer) -> Optimizer:
    """Return the numbers of a .keras file's optimizer as a spec."""
    try:
        with zipfile.ZipFile(path) as archive:
            told = json.loads(archive.read("config.json"))["compile_config"]["optimizer"]
        name, config = told["class_name"], told["config"]
    except (KeyError, TypeError, ValueError, OSError) as error:
        raise UserError(f"'{path}' does not say what its model was compiled with.") from error
    spec = _told(f"'{path}'", name, config, own)
    if own.average and not spec.average:
        raise UserError(no_averages(path, "an optimizer with use_ema"))
    return spec


def _told(source: str, name: str, config: Mapping[str, Any], own: Optimizer | None) -> Optimizer:
    """Return what a config says as a spec; in the place of a schedule's rate stands that of one's own optimizer."""
    name = _CLASSES.get(name, name)
    if name not in CARRIED:
        raise UserError(f"{source}: expected the state of one of {', '.join(CARRIED)}, found {name}.")
    if config.get("gradient_accumulation_steps"):
        raise UserError(f"{source}: expected an optimizer without gradient_accumulation_steps, whose sums are Keras'.")
    numbers = _numbers(CARRIED[name], config)
    numbers.setdefault("learning_rate", own.learning_rate if own else 1.0)
    average = EMA(config["ema_momentum"], config["ema_overwrite_frequency"] or 0) if config.get("use_ema") else None
    return replace(like(own, CARRIED[name](**numbers)), average=average)


def _numbers(kind: type, config: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is a number in a config by the names of a spec: a schedule is none."""
    told = dict(config) | {ours: config[name] for name, ours in optimizers.RENAMED.items() if name in config}
    told["weight_decay"] = told.get("weight_decay") or 0.0
    found = {field.name: told[field.name] for field in fields(kind) if field.name in told}
    return {name: value for name, value in found.items() if value is None or isinstance(value, bool | int | float)}


def _stored(path: Path) -> Stored:
    """Return what a file holds of an optimizer; UserError if it cannot be read."""
    try:
        with opened(path) as file:
            group = file.get(VARIABLES)
            if not isinstance(group, h5py.Group):
                return Stored([], "")
            name = group.attrs.get("name", "")
            return Stored([one.dtype for one in group.values()], name if isinstance(name, str) else "")
    except (OSError, KeyError, AttributeError, zipfile.BadZipFile) as error:
        raise UserError(f"'{path}' is no readable Keras file: {one_line(error)}") from error
