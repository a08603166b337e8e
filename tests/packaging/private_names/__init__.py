"""Every private part of a framework that twotrack uses: what for, and how to see in a worker that it is still there."""

from collections.abc import Mapping

from tests.packaging.private_names.backend_names import BACKEND_NAMES
from tests.packaging.private_names.keras_names import KERAS_NAMES
from tests.packaging.private_names.private_name import PrivateName
from tests.packaging.private_names.torch_names import TORCH_NAMES
from twotrack.shared.workers.task import task

PRIVATE_NAMES: Mapping[str, PrivateName] = {**KERAS_NAMES, **BACKEND_NAMES, **TORCH_NAMES}


@task
def is_there(name: str) -> bool:
    """Tell whether the framework still has the name, and as twotrack uses it."""
    try:
        return PRIVATE_NAMES[name].is_there()
    except (AttributeError, ImportError, OSError, TypeError):
        return False
