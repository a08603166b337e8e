"""Models of the Hugging Face hub, downloaded into the hub's own cache without any file that could run code."""

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from twotrack.shared.base.deadline import within
from twotrack.shared.errors import UserError

HUB = "huggingface.co"
ANSWER_SECONDS = 5.0
_ID = re.compile(r"(?P<model>[A-Za-z0-9][\w.-]*(/[\w.-]+)?)(@(?P<revision>[\w.-]+))?")


class HubModel(NamedTuple):
    """A model's id, and the revision if one is named."""

    model: str
    revision: str | None


def parse(weights: str) -> HubModel | None:
    """Return what ORG/NAME or ORG/NAME@REVISION names; None if `weights` is no such id."""
    match = _ID.fullmatch(weights)
    return HubModel(match["model"], match["revision"]) if match else None


def download(hub_model: HubModel, files: Sequence[str], or_a_folder: str, install: str) -> Path:
    """Return the folder of the hub's cache that holds those of `files` that the model has.

    Raises UserError, which ends in `or_a_folder`, if there is no network or no such model, and one with
    the command `install` if huggingface_hub is not installed.
    """
    try:
        from huggingface_hub import HfApi, errors, snapshot_download
    except ImportError as error:
        raise UserError(f"a model of the Hugging Face hub needs huggingface_hub; run: {install}") from error
    model, revision = hub_model
    reachable = True
    try:
        reachable = _answers(HfApi().model_info, hub_model, errors.HfHubHTTPError)
        local = not reachable
        return Path(snapshot_download(model, revision=revision, local_files_only=local, allow_patterns=list(files)))
    except (OSError, ValueError, errors.HfHubHTTPError) as error:  # no network; no such model, or none that is open
        reason = str(error).strip().splitlines()[0] if reachable else "no answer, and no copy in its cache"
        raise UserError(
            f"--weights {model}: no folder here, and not to be had from {HUB} ({reason}); connect to the "
            f"network, correct the name, or {or_a_folder}."
        ) from error


def _answers(model_info: Callable, hub_model: HubModel, refusal: type[Exception]) -> bool:
    """Return whether the hub can be reached; its refusals are passed on. A download itself would try for minutes."""
    try:
        within(ANSWER_SECONDS, lambda: model_info(hub_model.model, revision=hub_model.revision, timeout=ANSWER_SECONDS))
    except refusal:
        raise
    except Exception:  # whatever the HTTP client in use raises if it cannot connect
        return False
    return True
