"""What stands beside the models for a person: SERVING.md, and a request that works for each of them."""

import json
from dataclasses import dataclass
from pathlib import Path

import jinja2
import numpy as np

from twotrack.shared.base import atomic
from twotrack.shared.export.serving import GRPC_PORT, OLDEST_TAG, REST_PORT, TAG
from twotrack.shared.export.serving.launch import REPOSITORY
from twotrack.shared.export.serving.repository import EXAMPLE, MOUNTED, SAVED_MODEL
from twotrack.shared.export.tf_serving import expected, folders, loaded
from twotrack.shared.export.tf_serving.names import DEFAULT, WRITTEN

FILE = "SERVING.md"
EXAMPLES = 2
"""In a request."""


@dataclass(frozen=True)
class DescribedModel:
    """What the guide says of a model's newest version."""

    name: str
    versions: list[int]
    origin: expected.Origin
    signatures: dict[str, loaded.LoadedSignature]


def write(folder: Path, server_tag: str) -> None:
    """Write SERVING.md for all models of the folder that have what a version has; it starts the image of this tag."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("twotrack.shared.export.tf_serving", "."),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    described = [_describe(folder / name) for name in folders.models(folder)]
    constants = {
        "image": f"{REPOSITORY}:{server_tag}",
        "tag": TAG,
        "oldest": OLDEST_TAG,
        "mounted": MOUNTED,
        "grpc": GRPC_PORT,
        "rest": REST_PORT,
        "example": EXAMPLE,
        "written": WRITTEN,
    }
    page = environment.get_template("guide.md.j2").render(models=described, sizes=folders.BATCH_SIZES, **constants)
    atomic.write(folder / FILE, page)


def _describe(model: Path) -> DescribedModel:
    newest = _newest(model)
    meta_graph = loaded.meta_graph((newest / SAVED_MODEL).read_bytes())
    return DescribedModel(
        model.name, folders.versions(model), expected.read(newest).origin, loaded.signatures(meta_graph)
    )


def write_example(model: Path) -> None:
    """Write the body of a REST request that the model's newest version answers."""
    expectation = expected.read(_newest(model))
    request = next(logged for logged in expectation.requests if logged.signature == DEFAULT).first(EXAMPLES)
    rows = [{name: _plain(array[row]) for name, array in request.inputs.items()} for row in range(EXAMPLES)]
    content = {"signature_name": DEFAULT, "instances": rows}
    atomic.write(model / EXAMPLE, json.dumps(content, sort_keys=True) + "\n")


def _newest(model: Path) -> Path:
    return model / str(folders.versions(model)[-1])


def _plain(value: np.ndarray | np.generic | bytes) -> object:
    """Return a value as JSON has it; a float32 as the shortest number that becomes it again."""
    if isinstance(value, bytes):
        return value.decode()
    if value.dtype == np.float32:
        return np.char.mod("%s", value).astype(np.float64).tolist()
    return value.tolist()
