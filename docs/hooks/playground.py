"""What the playground runs on, as scripts beside its page: opened as a file, a page may load scripts, but no data."""

import base64
import gzip
from pathlib import Path
from typing import Any

DOCS = Path(__file__).parents[1]
VENDOR, FILES = DOCS / "vendor", DOCS / "playground" / "files"
LINK = 'import { createWasmLib } from "@litertjs/wasm-utils";'
"""Of one package to the other; a page without a server has no names for packages."""
GPU = "await Environment.create()"
"""Looks for a GPU, and complains in the console where there is none; the models run on the processor."""


def on_post_build(config: Any, **_: Any) -> None:
    """Write a script for the first runtime, one for its models and measurements, and one for all that comes later."""
    folder = Path(config["site_dir"]) / "playground"
    folder.mkdir(exist_ok=True)
    models = _files(FILES)
    later = {name: models.pop(name) for name in list(models) if name.endswith(".tflite")}
    scripts = {
        "onnxruntime": _files(VENDOR / "onnxruntime-web"),
        "models": models,
        "litert": _litert(_files(VENDOR / "litert")) | later,
    }
    for name, contents in scripts.items():
        lines = [f'packed["{file}"] = "{base64.b64encode(data).decode()}";' for file, data in contents.items()]
        (folder / f"{name}.js").write_text("\n".join(["var packed = globalThis.packed ?? {};", *lines]) + "\n")


def _files(folder: Path) -> dict[str, bytes]:
    """Return every file of a folder but its licence, by the name that it has unpacked, compressed."""
    return {
        file.name.removesuffix(".gz"): file.read_bytes()
        if file.suffix == ".gz"
        else gzip.compress(file.read_bytes(), mtime=0)
        for file in sorted(folder.glob("[a-z]*"))
    }


def _litert(files: dict[str, bytes]) -> dict[str, bytes]:
    """Put the two modules of LiteRT.js into one, without a GPU."""
    utils = gzip.decompress(files.pop("wasm-utils.js")).decode().partition("export {")[0]
    core = gzip.decompress(files["core.js"]).decode()
    for old, new in ((LINK, utils), (GPU, "await Environment.create({ webGpuDevice: null })")):
        if core.count(old) != 1:
            raise ValueError(f"expected {old!r} once in docs/vendor/litert/core.js, found it {core.count(old)} times")
        core = core.replace(old, new)
    return files | {"core.js": gzip.compress(core.encode(), mtime=0)}
