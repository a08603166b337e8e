"""Worker tasks that prepare small data sets of tensorflow-datasets, which only the worker imports."""

from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from twotrack.shared.workers.task import task


@dataclass(frozen=True)
class Builders:
    """Classes of builders, and where and how they write."""

    names: list[str]
    folder: Path
    file_format: str


@task
def prepare_mnist(builders: Builders) -> None:
    from tests.support import small_mnist

    _prepare(small_mnist, builders)


@task
def prepare_photos(builders: Builders) -> None:
    from tests.support import small_photos

    _prepare(small_photos, builders)


def _prepare(module: ModuleType, builders: Builders) -> None:
    for name in builders.names:
        builder = getattr(module, name)(data_dir=builders.folder, file_format=builders.file_format)
        builder.download_and_prepare()
