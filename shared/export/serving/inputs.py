"""What the user wants to ask about: files or COLUMN=VALUE pairs, read into the inputs of a signature.

| given | becomes |
|---|---|
| pictures (.png, .jpg, .jpeg) | the files' bytes, for the signature that takes encoded images |
| .json | the body of a REST request: "instances" or "inputs", and "signature_name" |
| .csv | one input per column; rows of one customer become its months where the model takes months |
| .npy, .npz | the only input, or each by name |
| .txt | one text per line, for the signature that takes texts |
| COLUMN=VALUE ... | one example; text=... for the signature that takes texts |
"""

import json
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from twotrack.shared.base import ordinary
from twotrack.shared.errors import UserError
from twotrack.shared.export.serving.arrays import checked
from twotrack.shared.export.serving.columns import from_csv, from_pairs
from twotrack.shared.export.serving.signature import DEFAULT, TEXT, ServedModel, Signature

PICTURES = (".png", ".jpg", ".jpeg")
TEXTS = ".txt"
FILES = (*PICTURES, ".json", ".csv", ".npy", ".npz", TEXTS)


@dataclass(frozen=True)
class ServingExamples:
    """What is asked: arrays (batch, ...) by the signature's names, and a word for each example."""

    signature: Signature
    inputs: dict[str, np.ndarray]
    names: tuple[str, ...]


@dataclass(frozen=True)
class Given:
    """The inputs as typed, known to be readable before any server is asked."""

    kind: str
    """A file's ending, 'pictures' or 'pairs'."""
    texts: tuple[str, ...]

    @property
    def path(self) -> Path:
        """The only file."""
        return Path(self.texts[0])


def sort_out(texts: Sequence[str]) -> Given:
    """Tell what the inputs are; UserError for a file that is not there and for kinds that do not go together."""
    if all("=" in text and not Path(text).exists() for text in texts):
        return Given("pairs", tuple(texts))
    endings = {Path(text).suffix.lower() for text in texts}
    for text in texts:
        if not Path(text).is_file() or Path(text).suffix.lower() not in FILES:
            raise UserError(
                f"{text}: expected a file that ends in {', '.join(FILES)}, or COLUMN=VALUE pairs; "
                f"found {'no such file' if not Path(text).is_file() else 'another ending'}."
            )
    if endings <= set(PICTURES):
        return Given("pictures", tuple(texts))
    if len(texts) > 1:
        raise UserError("expected one file, several pictures, or COLUMN=VALUE pairs; name the files one at a time.")
    return Given(endings.pop(), tuple(texts))


def read(given: Given, model: ServedModel, signature: str | None) -> ServingExamples:
    """Return the examples for the named signature, or for the one that takes what is given."""
    values: Mapping[str, Any]
    names: Sequence[str]
    if given.kind == "pictures":
        chosen = model.signature(signature) if signature else _for_pictures(model)
        values, names = _pictures(given, chosen), given.texts
    elif given.kind == ".json":
        body = _body(given.path)
        chosen = model.signature(signature or body.get("signature_name") or DEFAULT)
        values, names = _from_body(body, chosen, given.path), ()
    elif given.kind == TEXTS:
        chosen = model.signature(signature) if signature else _for_texts(model)
        values, names = _lines(given.path, chosen)
    else:
        chosen = model.signature(signature) if signature else _for_columns(given, model)
        values, names = _columns(given, chosen)
    arrays = checked(values, chosen, "the pairs" if given.kind == "pairs" else given.texts[0])
    size = max(len(array) if array.ndim else 1 for array in arrays.values())
    return ServingExamples(chosen, arrays, tuple(names) or tuple(str(number) for number in range(1, size + 1)))


def _columns(given: Given, signature: Signature) -> tuple[Mapping[str, Any], Sequence[str]]:
    if given.kind == "pairs":
        return from_pairs(given.texts, signature)
    if given.kind == ".csv":
        return from_csv(given.path, signature)
    return _from_numpy(given.path, signature), ()


def _for_pictures(model: ServedModel) -> Signature:
    for signature in model.signatures.values():
        if signature.encoded_input:
            return signature
    signatures = "; ".join(map(str, model.signatures.values()))
    raise UserError(f"model '{model.name}' takes no picture files (no input of encoded bytes): {signatures}.")


def _for_texts(model: ServedModel) -> Signature:
    for signature in model.signatures.values():
        if signature.takes_texts:
            return signature
    signatures = "; ".join(map(str, model.signatures.values()))
    raise UserError(f"model '{model.name}' takes no texts (no signature with the one input '{TEXT}'): {signatures}.")


def _for_columns(given: Given, model: ServedModel) -> Signature:
    """Return the signature that takes texts for one pair text=..., else the default one."""
    is_text = given.kind == "pairs" and [text.partition("=")[0] for text in given.texts] == [TEXT]
    texts = (signature for signature in model.signatures.values() if signature.takes_texts)
    return next(texts, model.signature(DEFAULT)) if is_text else model.signature(DEFAULT)


def _lines(file: Path, signature: Signature) -> tuple[dict[str, list[str]], list[str]]:
    """Return the lines that are not empty, and the number of each."""
    if not signature.takes_texts:
        raise UserError(f"the signature {signature}; lines of texts need the one input '{TEXT}'.")
    try:
        lines = _content(file).decode("utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise UserError(f"{file}: expected text in UTF-8, found: {error}; convert the file.") from error
    kept = {f"line {number}": line for number, line in enumerate(lines, 1) if line.strip()}
    return {TEXT: list(kept.values())}, list(kept)


def _pictures(given: Given, signature: Signature) -> dict[str, list[bytes]]:
    name = signature.encoded_input
    if name is None:
        raise UserError(f"the signature {signature}; picture files need one input of encoded bytes.")
    return {name: [_content(Path(text)) for text in given.texts]}


def _body(file: Path) -> dict[str, Any]:
    try:
        body = json.loads(_content(file))
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise UserError(f"{file}: expected JSON, found: {error}; correct the file.") from error
    except RecursionError as error:
        raise UserError(f"{file}: expected JSON, found lists nested too deeply; correct the file.") from error
    keys = {"instances", "inputs"} & set(body) if isinstance(body, dict) else set()
    if len(keys) != 1 or not isinstance(body.get("signature_name", ""), str):
        raise UserError(
            f'{file}: expected the body of a REST request: {{"instances": [...]}} or {{"inputs": {{...}}}}, with '
            '"signature_name" as a text if it is not the default.'
        )
    return body


def _from_body(body: Mapping[str, Any], signature: Signature, file: Path) -> dict[str, Any]:
    """Return the inputs by name; one that is alone may stand without its name, as the REST interface has it."""
    if "inputs" in body:
        value = body["inputs"]
        return dict(value) if _is_named(value) else {_only(signature, file): value}
    rows = body["instances"]
    if not isinstance(rows, list) or not rows:
        raise UserError(f'{file}: expected a list of examples as "instances".')
    if not any(map(_is_named, rows)):
        return {_only(signature, file): rows}
    for number, row in enumerate(rows, 1):
        if not _is_named(row) or row.keys() != rows[0].keys():
            raise UserError(f"{file}: example {number} of {len(rows)} has other inputs than the first one.")
    return {name: [row[name] for row in rows] for name in rows[0]}


def _is_named(value: Any) -> bool:
    return isinstance(value, dict) and set(value) != {"b64"}


def _from_numpy(file: Path, signature: Signature) -> dict[str, np.ndarray]:
    try:
        ordinary.require(file)
        loaded = np.load(file, allow_pickle=False)
        if isinstance(loaded, np.ndarray):
            return {_only(signature, file): loaded}
        with loaded as archive:
            return {name: archive[name] for name in archive.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise UserError(f"{file}: expected arrays of numbers or texts as NumPy saves them; found: {error}.") from error


def _only(signature: Signature, file: Path) -> str:
    if len(signature.inputs) != 1:
        raise UserError(f"{file}: expected inputs by name, found one without a name; the signature {signature}.")
    return next(iter(signature.inputs))


def _content(file: Path) -> bytes:
    try:
        return ordinary.bytes_of(file)
    except OSError as error:
        raise UserError(f"{file}: cannot be read ({error.strerror}).") from error
