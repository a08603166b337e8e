"""What stands beside the models for a person: SERVING.md, and a request that works for each of them."""

import json
from dataclasses import dataclass
from pathlib import Path

import jinja2
import numpy as np

from shared.export.tf_serving import expected, loaded, publishing
from shared.export.tf_serving.expected import Expected
from shared.export.tf_serving.names import DEFAULT
from shared.serving import GRPC_PORT, REST_PORT
from shared.serving.launch import IMAGE
from shared.serving.repository import EXAMPLE, MOUNTED, SAVED_MODEL

FILE = "SERVING.md"
EXAMPLES = 2
"""In a request."""


@dataclass(frozen=True)
class Model:
    """What the guide says of a model's newest version."""

    name: str
    versions: list[int]
    origin: expected.Origin
    signatures: dict[str, loaded.Signature]


def write(folder: Path) -> None:
    """Write SERVING.md for all models of the folder that have what a version of ours has."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("shared.export.tf_serving", "."),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    described = [_describe(folder / name) for name in publishing.models(folder)]
    constants = {"image": IMAGE, "mounted": MOUNTED, "grpc": GRPC_PORT, "rest": REST_PORT, "example": EXAMPLE}
    page = environment.get_template("guide.md.j2").render(models=described, sizes=publishing.BATCH_SIZES, **constants)
    publishing.replace(folder / FILE, page)


def _describe(model: Path) -> Model:
    numbers = publishing.versions(model)
    newest = model / str(numbers[-1])
    meta_graph = loaded.meta_graph((newest / SAVED_MODEL).read_bytes())
    return Model(model.name, numbers, expected.read(newest).origin, loaded.signatures(meta_graph))


def write_example(model: Path, wanted: Expected) -> None:
    """Write the body of a REST request that the model answers."""
    request = next(one for one in wanted.requests if one.signature == DEFAULT).first(EXAMPLES)
    rows = [{name: _plain(array[row]) for name, array in request.inputs.items()} for row in range(EXAMPLES)]
    publishing.replace(model / EXAMPLE, json.dumps({"signature_name": DEFAULT, "instances": rows}) + "\n")


def _plain(value: np.ndarray | np.generic | bytes) -> object:
    return value.decode() if isinstance(value, bytes) else value.tolist()
