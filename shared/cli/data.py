"""twotrack data."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from twotrack.shared.cli import options

if TYPE_CHECKING:
    import numpy as np

    from twotrack.shared.datasets.files import Source


def data(
    dataset: Annotated[str | None, typer.Argument(help="Name of a data set; all if left out.")] = None,
    source: options.Source = "embedded",
    tfds_dir: options.TfdsDir = None,
    data: options.Data = None,
    images: options.Images = None,
    skip_broken: options.SkipBroken = False,
    json: options.Json = False,
) -> None:
    """Check data sets and show their splits, class counts and origin."""
    from twotrack.shared import datasets
    from twotrack.shared.cli.console import data_progress, print_json
    from twotrack.shared.errors import UserError
    from twotrack.shared.runs.comparison import find_source

    if data and not dataset:
        raise UserError("--data: name the data set that the file is an example of, for example 'twotrack data telco'.")
    if images and not dataset:
        raise UserError("--images: name the data set that the photos are for, for example 'twotrack data shop'.")
    names = [dataset] if dataset else datasets.offering(source)
    tfds_folder = str(tfds_dir) if tfds_dir else None
    with data_progress() as show:
        pool = options.lent_pool()
        sources = [find_source(name, source, tfds_folder, data, images, skip_broken, show, pool) for name in names]
    descriptions = [describe(name, source) for name, source in zip(names, sources, strict=True)]
    if json:
        print_json(descriptions)
        return
    for description in descriptions:
        print(
            f"{description['name']}: {description['origin']}; licence {description['licence']}; "
            f"source {description['source']}"
        )
        print(f"  {description['file']} ({description['bytes'] / 1e6:.1f} MB, SHA-256 checked)")
        for split, counts in description["splits"].items():
            per_class = " ".join(f"{name}:{count}" for name, count in counts.items())
            print(f"  {split:<11}{sum(counts.values()):>6} examples  {per_class}")
        for file in description["skipped"]:
            print(f"  left out   {file}")


def describe(name: str, source: "Source") -> dict[str, Any]:
    """Return the data set's facts, ready for JSON, read from its checked arrays."""
    from twotrack.shared import datasets

    dataset = datasets.load(name, source)
    splits = {"train": dataset.train, "validation": dataset.validation, "test": dataset.test}
    return {
        "name": name,
        "source": source.name,
        **_provenance(name, source),
        "file": str(source.file.path),
        "bytes": source.file.path.stat().st_size,
        "sha256": source.file.sha256,
        "fingerprint": dataset.fingerprint,
        "splits": {key: _class_counts(split.labels, dataset.class_names) for key, split in splits.items()},
        "skipped": list(dataset.skipped),
    }


def _provenance(name: str, source: "Source") -> dict[str, str]:
    """Return origin and licence, as far as they are known."""
    from twotrack.shared import datasets

    kind, _, title = source.name.partition(":")
    if kind in {"csv", "images"}:
        what = "a CSV file" if kind == "csv" else "photos"
        return {"origin": f"{what} of your own", "licence": "yours"}
    if kind == "tfds" and title != datasets.DATASETS[name].TFDS_NAME:
        return {"origin": "tensorflow-datasets", "licence": f"that of {title}"}
    carrier = datasets.PACKAGED.get(kind, datasets.DATASETS[name])
    return {"origin": carrier.ORIGIN, "licence": carrier.LICENCE}


def _class_counts(labels: "np.ndarray", class_names: tuple[str, ...]) -> dict[str, int]:
    import numpy as np

    return dict(zip(class_names, np.bincount(labels, minlength=len(class_names)).tolist(), strict=True))
