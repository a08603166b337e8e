"""Specs of optimizers, schedules and laws of initial weights as plain data that is JSON, and back."""

from dataclasses import fields, is_dataclass
from typing import Any, get_args

from twotrack.shared.spec.initialisers import LAWS
from twotrack.shared.spec.optimizers import Optimizer
from twotrack.shared.spec.schedules import Schedule
from twotrack.shared.spec.update_options import Average, Clip, Group, UpdateOptions

SPECS: dict[str, type] = {kind.__name__: kind for kind in (*get_args(Optimizer), *get_args(Schedule))}
"""By name: what a recipe or a pair is given."""
_PARTS: dict[str, type] = {kind.__name__: kind for kind in (Group, *get_args(Clip), *get_args(Average), *LAWS)}
_OPTIONS = {field.name: field.default for field in fields(UpdateOptions)}


def plain(value: Any) -> Any:
    """Return a spec as its name and its fields; options that do nothing are left out."""
    if is_dataclass(value):
        own = {field.name: getattr(value, field.name) for field in fields(value)}
        told = {name: plain(one) for name, one in own.items() if name not in _OPTIONS or one != _OPTIONS[name]}
        return {"name": type(value).__name__} | told
    return [plain(one) for one in value] if isinstance(value, tuple) else value


def spec(value: Any) -> Any:
    """Return the spec that plain data stands for; KeyError or TypeError if it stands for none."""
    if isinstance(value, dict):
        own = {name: spec(one) for name, one in value.items() if name != "name"}
        return (SPECS | _PARTS)[value["name"]](**own)
    return tuple(map(spec, value)) if isinstance(value, list | tuple) else value
