"""Data files on disk: NumPy archives and text that are checked before they are trusted."""

import gzip
import hashlib
import io
import stat
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from twotrack.shared.base import atomic
from twotrack.shared.errors import UserError

EMBEDDED_FOLDER = Path(__file__).parent / "embedded"
GZIP_MAGIC = b"\x1f\x8b"
LARGEST_TEXT = 256 * 2**20
"""Bytes of a text from which on it is not read: a table of a million rows has half as many."""


@dataclass(frozen=True)
class CachedFile:
    """What a conversion has left in the cache."""

    path: Path
    sha256: str


@dataclass(frozen=True)
class DataFile:
    """A file of named arrays, or of text, and the SHA-256 that its bytes must have."""

    path: Path
    sha256: str
    restore: str
    """What a user does to get the file back, as an imperative phrase."""

    def check(self) -> bytes:
        """Return the file's bytes. UserError if they cannot be read or are not the expected ones."""
        try:
            content = self.path.read_bytes()
        except OSError as error:
            raise self._unreadable(error) from error
        self._compare(hashlib.sha256(content).hexdigest())
        return content

    def verify(self) -> None:
        """Check the bytes without holding more than a piece of them in memory. UserError as for `check`."""
        try:
            sha256 = sha256_of(self.path)
        except OSError as error:
            raise self._unreadable(error) from error
        self._compare(sha256)

    def _unreadable(self, error: OSError) -> UserError:
        return UserError(f"cannot read the data file {self.path}: {error.strerror}; {self.restore}.")

    def _compare(self, sha256: str) -> None:
        if sha256 != self.sha256:
            raise UserError(
                f"the data file {self.path} is corrupted: expected SHA-256 {self.sha256[:12]}..., "
                f"found {sha256[:12]}...; {self.restore}."
            )

    def arrays(self) -> dict[str, np.ndarray]:
        """Return the arrays by name. UserError as for `check`."""
        self.verify()
        try:
            with np.load(self.path, allow_pickle=False) as archive:
                return {name: archive[name] for name in archive.files}
        except (ValueError, zipfile.BadZipFile, zlib.error) as error:
            raise UserError(f"the data file {self.path} is no NumPy archive: {error}; {self.restore}.") from error

    def text(self) -> str:
        """Return the text of a UTF-8 file, which may be packed by gzip. UserError as for `check`."""
        content = self.check()
        try:
            return self._unpacked(content).decode("utf-8-sig")
        except UnicodeDecodeError as error:
            line = len(error.object[: error.start + 1].splitlines())
            raise UserError(
                f"{self.path}, line {line}: expected UTF-8 text, found the byte "
                f"0x{error.object[error.start]:02x}; save the file as UTF-8 and run the command again."
            ) from error
        except (OSError, EOFError, zlib.error) as error:
            raise UserError(f"the data file {self.path} is no whole gzip file: {error}; {self.restore}.") from error

    def _unpacked(self, content: bytes) -> bytes:
        """Return the content, unpacked by no more than is read; UserError if there is more."""
        if content.startswith(GZIP_MAGIC):
            with gzip.GzipFile(fileobj=io.BytesIO(content)) as stream:
                content = stream.read(LARGEST_TEXT + 1)
        if len(content) > LARGEST_TEXT:
            raise UserError(
                f"{self.path}: expected a text of at most {LARGEST_TEXT // 2**20} MiB, found a longer one; "
                "give fewer rows at a time."
            )
        return content


@dataclass(frozen=True)
class Source:
    """Where a data set lies: checked, readable without a framework."""

    name: str
    """embedded, cdnow, stamps, tfds:NAME, csv:NAME or images:NAME."""
    file: DataFile


def csv_file(path: Path, remedy: str, restore: str = "run the command again") -> DataFile:
    """Return a CSV file of the user's own with the SHA-256 that it has now; UserError, with `remedy`, if unreadable."""
    try:
        if stat.S_ISREG(path.stat().st_mode):
            return DataFile(path, sha256_of(path), restore)
        reason = "it is a folder or a device, not a file"
    except OSError as error:
        reason = error.strerror or str(error)
    raise UserError(f"cannot read {path}: {reason}; {remedy}.")


def sha256_of(file: Path) -> str:
    """Return the file's SHA-256 in hexadecimal."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def write_arrays(path: Path, arrays: dict[str, np.ndarray]) -> str:
    """Write a compressed archive that appears whole or not at all; return its SHA-256."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic.written(path) as unfinished:
        with unfinished.open("wb") as stream:
            np.savez_compressed(stream, **arrays)  # type: ignore[arg-type]  # NumPy's stubs give every name the type of `allow_pickle`
        return sha256_of(unfinished)
